package codec

import "encoding/binary"

const (
	setValueFixed = 16
	responseFixed = 4
	reportLen     = 1
)

// Flags of a SetValue.
const (
	SetNX = 1 // only if the key is absent
	SetXX = 2 // only if the key is present

	setFlags = SetNX | SetXX
)

// Status is the outcome of a client's request.
type Status uint8

// The outcomes.
const (
	StatusOK       Status = 0
	StatusNotFound Status = 1 // no such key; or the condition of a SetValue was not met
	StatusError    Status = 2
	StatusLoading  Status = 3 // the node is not ready yet
	StatusTryAgain Status = 4 // a peer that had to be asked did not answer in time (R17), or a large value has no room just now

	StatusDenied Status = 5 // the client has to authenticate first, or did not succeed

	statusMax = StatusDenied
)

// String gives the status' name.
func (s Status) String() string {
	switch s {
	case StatusOK:
		return "ok"
	case StatusNotFound:
		return "not found"
	case StatusError:
		return "error"
	case StatusLoading:
		return "loading"
	case StatusTryAgain:
		return "try again"
	case StatusDenied:
		return "denied"
	}
	return "unknown"
}

// GetValue asks for the value of a key; a ValueResponse answers it.
type GetValue struct {
	Key []byte
}

// AppendGetValue appends the frame of m.
func AppendGetValue(dst []byte, tag uint32, m GetValue) []byte {
	return appendKeyFrame(dst, KindGetValue, tag, m.Key)
}

// DecodeGetValue reads the body of a GetValue; Key aliases it.
func DecodeGetValue(body []byte) (GetValue, error) {
	if len(body) > MaxKey {
		return GetValue{}, ErrLength
	}
	return GetValue{Key: body}, nil
}

// Delete deletes a key; a ValueResponse answers it: StatusOK, or StatusNotFound when there was none.
type Delete struct {
	Key []byte
}

// AppendDelete appends the frame of m.
func AppendDelete(dst []byte, tag uint32, m Delete) []byte {
	return appendKeyFrame(dst, KindDelete, tag, m.Key)
}

// DecodeDelete reads the body of a Delete; Key aliases it.
func DecodeDelete(body []byte) (Delete, error) {
	if len(body) > MaxKey {
		return Delete{}, ErrLength
	}
	return Delete{Key: body}, nil
}

func appendKeyFrame(dst []byte, kind Kind, tag uint32, key []byte) []byte {
	dst, b := beginFrame(dst, kind, tag, len(key))
	copy(b, key)
	return dst
}

// SetValue sets a key; a ValueResponse answers it.
type SetValue struct {
	Flags      uint8  // SetNX or SetXX, not both
	TTL        uint64 // milliseconds, at most MaxTTL; 0: none
	Key, Value []byte
}

// AppendSetValue appends the frame of m.
func AppendSetValue(dst []byte, tag uint32, m SetValue) []byte {
	dst, b := beginFrame(dst, KindSetValue, tag, setValueFixed+len(m.Key)+len(m.Value))
	binary.LittleEndian.PutUint64(b[8:], uint64(uint32(len(m.Key)))|uint64(m.Flags)<<32)
	binary.LittleEndian.PutUint64(b, m.TTL)
	n := copy(b[setValueFixed:], m.Key)
	copy(b[setValueFixed+n:], m.Value)
	return dst
}

// DecodeSetValue reads the body of a SetValue; Key and Value alias it.
func DecodeSetValue(body []byte) (SetValue, error) {
	if len(body) < setValueFixed {
		return SetValue{}, ErrLength
	}
	le := binary.LittleEndian
	keyLen, flags := le.Uint32(body[8:]), le.Uint32(body[12:])
	if flags&^setFlags != 0 {
		return SetValue{}, ErrReserved
	}
	m := SetValue{Flags: uint8(flags), TTL: le.Uint64(body)}
	if m.Flags == SetNX|SetXX || m.TTL > MaxTTL {
		return SetValue{}, ErrRange
	}
	rest := body[setValueFixed:]
	if keyLen > MaxKey || int(keyLen) > len(rest) || len(rest)-int(keyLen) > MaxValue {
		return SetValue{}, ErrLength
	}
	m.Key, m.Value = rest[:keyLen:keyLen], rest[keyLen:len(rest):len(rest)]
	return m, nil
}

// ValueResponse answers every request of a client but a Report.
type ValueResponse struct {
	Status Status
	Value  []byte // with StatusOK of a GetValue, an Increment and a TimeToLive; a sentence with StatusError, StatusLoading, StatusTryAgain and StatusDenied; else empty
}

// AppendValueResponse appends the frame of m.
func AppendValueResponse(dst []byte, tag uint32, m ValueResponse) []byte {
	dst, b := beginFrame(dst, KindValueResponse, tag, responseFixed+len(m.Value))
	binary.LittleEndian.PutUint32(b, uint32(m.Status))
	copy(b[responseFixed:], m.Value)
	return dst
}

// BeginValueResponse appends header and status. The caller notes len(dst) before as start, appends the value itself, and ends with
// FinishFrame(dst, start). So a value is copied once on its way from the store to the reply.
func BeginValueResponse(dst []byte, tag uint32, status Status) []byte {
	dst, b := beginFrame(dst, KindValueResponse, tag, responseFixed)
	binary.LittleEndian.PutUint32(b, uint32(status))
	return dst
}

// DecodeValueResponse reads the body of a ValueResponse; Value aliases it.
func DecodeValueResponse(body []byte) (ValueResponse, error) {
	status, value, err := decodeResponse(body, MaxValue)
	return ValueResponse{Status: status, Value: value}, err
}

// Topic is what a Report is about.
type Topic uint8

// The topics.
const (
	TopicMembers Topic = 1
	TopicInfo    Topic = 2
	TopicVerify  Topic = 3

	topicMax = TopicVerify
)

// String gives the topic's name.
func (t Topic) String() string {
	switch t {
	case TopicMembers:
		return "members"
	case TopicInfo:
		return "info"
	case TopicVerify:
		return "verify"
	}
	return "unknown"
}

// Report asks a node about itself and its mesh; a ReportResponse answers it.
type Report struct {
	Topic Topic
}

// AppendReport appends the frame of m.
func AppendReport(dst []byte, tag uint32, m Report) []byte {
	dst, b := beginFrame(dst, KindReport, tag, reportLen)
	b[0] = byte(m.Topic)
	return dst
}

// DecodeReport reads the body of a Report.
func DecodeReport(body []byte) (Report, error) {
	if len(body) != reportLen {
		return Report{}, ErrLength
	}
	m := Report{Topic: Topic(body[0])}
	if m.Topic == 0 || m.Topic > topicMax {
		return Report{}, ErrRange
	}
	return m, nil
}

// ReportResponse answers a Report.
type ReportResponse struct {
	Status Status
	JSON   []byte // []MemberReport, InfoReport or VerifyReport; a sentence when the status is not StatusOK
}

// AppendReportResponse appends the frame of m.
func AppendReportResponse(dst []byte, tag uint32, m ReportResponse) []byte {
	dst, b := beginFrame(dst, KindReportResponse, tag, responseFixed+len(m.JSON))
	binary.LittleEndian.PutUint32(b, uint32(m.Status))
	copy(b[responseFixed:], m.JSON)
	return dst
}

// DecodeReportResponse reads the body of a ReportResponse; JSON aliases it.
func DecodeReportResponse(body []byte) (ReportResponse, error) {
	status, text, err := decodeResponse(body, MaxReport)
	return ReportResponse{Status: status, JSON: text}, err
}

func decodeResponse(body []byte, limit int) (Status, []byte, error) {
	if len(body) < responseFixed || len(body) > responseFixed+limit {
		return 0, nil, ErrLength
	}
	status := binary.LittleEndian.Uint32(body)
	if status>>8 != 0 {
		return 0, nil, ErrReserved
	}
	if Status(status) > statusMax {
		return 0, nil, ErrRange
	}
	return Status(status), body[responseFixed:len(body):len(body)], nil
}
