package codec

import "encoding/binary"

const (
	heartbeatFixed       = 88
	heartbeatResponseLen = 24

	heartbeatStamped = 1
	heartbeatAnew    = 2
)

// Heartbeat goes every 500 ms on every link (R25).
type Heartbeat struct {
	Sequence uint32
	State    State
	Stamped  bool
	Sent     uint64 // the sender's monotonic time in ns, echoed
	Clock    uint64 // cluster time in ms
	Floor    Version
	Flush    Version
	Epoch    uint64 // the newest closed epoch that Root is of (R18)
	Root     uint64
	Left     uint32 // print (hash) of the set of leaves that Root leaves out because they are partial on either side (R16); 0: none
	Head     uint64 // of the sender's own stream
	Step     uint32 // R7
	// Links lists the nodes with which the sender has a link that had bytes within 1.5 s. The sender vouches for these (R25), and needs no
	// relay of their writes (R12). It has all of them if Anew is set, else what has changed since the last heartbeat on this link; at
	// most MaxLinked. Decoded, it aliases the body.
	Anew  bool
	Links LinkChanges
}

// AppendHeartbeat appends the frame of m; changes beyond MaxLinked are left out.
func AppendHeartbeat(dst []byte, m Heartbeat) []byte {
	links := m.Links[:min(m.Links.Len(), MaxLinked)*linkChangeLen]
	dst, b := beginFrame(dst, KindHeartbeat, 0, heartbeatFixed+len(links))
	le := binary.LittleEndian
	le.PutUint32(b, m.Sequence)
	b[4], b[5] = byte(m.State), bit(m.Stamped, heartbeatStamped)|bit(m.Anew, heartbeatAnew)
	le.PutUint16(b[6:], uint16(links.Len()))
	le.PutUint64(b[8:], m.Sent)
	le.PutUint64(b[16:], m.Clock)
	putVersion(b[24:], m.Floor)
	putVersion(b[40:], m.Flush)
	le.PutUint64(b[56:], m.Epoch)
	le.PutUint64(b[64:], m.Root)
	le.PutUint64(b[72:], m.Head)
	le.PutUint32(b[80:], m.Step)
	le.PutUint32(b[84:], m.Left)
	copy(b[heartbeatFixed:], links)
	return dst
}

// SetRoot changes what a Heartbeat frame says of the root.
func SetRoot(frame []byte, epoch, root uint64, left uint32) {
	b := frame[HeaderLen:]
	binary.LittleEndian.PutUint64(b[56:], epoch)
	binary.LittleEndian.PutUint64(b[64:], root)
	binary.LittleEndian.PutUint32(b[84:], left)
}

// DecodeHeartbeat reads the body of a heartbeat; Links aliases it.
func DecodeHeartbeat(body []byte) (Heartbeat, error) {
	if len(body) < heartbeatFixed {
		return Heartbeat{}, ErrLength
	}
	le, b := binary.LittleEndian, body
	count := int(le.Uint16(b[6:]))
	if count > MaxLinked || len(b) != heartbeatFixed+count*linkChangeLen {
		return Heartbeat{}, ErrLength
	}
	if b[5]&^(heartbeatStamped|heartbeatAnew) != 0 {
		return Heartbeat{}, ErrReserved
	}
	if State(b[4]) > stateMax || le.Uint64(b[16:]) > maxTime {
		return Heartbeat{}, ErrRange
	}
	links := LinkChanges(b[heartbeatFixed:len(b):len(b)])
	if err := links.check(); err != nil {
		return Heartbeat{}, err
	}
	return Heartbeat{
		Sequence: le.Uint32(b), State: State(b[4]), Stamped: b[5]&heartbeatStamped != 0,
		Sent: le.Uint64(b[8:]), Clock: le.Uint64(b[16:]), Floor: getVersion(b[24:]), Flush: getVersion(b[40:]),
		Epoch: le.Uint64(b[56:]), Root: le.Uint64(b[64:]), Left: le.Uint32(b[84:]), Head: le.Uint64(b[72:]), Step: le.Uint32(b[80:]),
		Anew: b[5]&heartbeatAnew != 0, Links: links,
	}, nil
}

// HeartbeatResponse answers a heartbeat at once; it gives the round trip and the other's clock (R6).
type HeartbeatResponse struct {
	Sequence uint32 // of the heartbeat
	Step     uint32 // number of the last step that Clock has taken (R7)
	Sent     uint64 // of the heartbeat
	Clock    uint64 // cluster time of the answering node, in ms
}

// AppendHeartbeatResponse appends the frame of m.
func AppendHeartbeatResponse(dst []byte, m HeartbeatResponse) []byte {
	dst, b := beginFrame(dst, KindHeartbeatResponse, 0, heartbeatResponseLen)
	binary.LittleEndian.PutUint64(b, uint64(m.Sequence)|uint64(m.Step)<<32)
	binary.LittleEndian.PutUint64(b[8:], m.Sent)
	binary.LittleEndian.PutUint64(b[16:], m.Clock)
	return dst
}

// DecodeHeartbeatResponse reads the body of a heartbeat response.
func DecodeHeartbeatResponse(body []byte) (HeartbeatResponse, error) {
	if len(body) != heartbeatResponseLen {
		return HeartbeatResponse{}, ErrLength
	}
	le := binary.LittleEndian
	if le.Uint64(body[16:]) > maxTime {
		return HeartbeatResponse{}, ErrRange
	}
	return HeartbeatResponse{Sequence: le.Uint32(body), Step: le.Uint32(body[4:]), Sent: le.Uint64(body[8:]), Clock: le.Uint64(body[16:])}, nil
}
