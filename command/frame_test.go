package command

import (
	"strings"
	"testing"

	"covey/codec"
)

// send runs one frame as it arrives and returns the response.
func (f *fixture) send(t *testing.T, frame []byte) (codec.ValueResponse, codec.Header, Verdict) {
	t.Helper()
	h, ok, err := codec.DecodeHeader(frame)
	if err != nil || !ok {
		t.Fatal("the test's own frame: ", err)
	}
	out, v := f.Frame(f.client, h, frame[codec.HeaderLen:], []byte("before"))
	if string(out[:6]) != "before" {
		t.Fatalf("what was there is gone: %q", out)
	}
	out = out[6:]
	if len(out) == 0 {
		return codec.ValueResponse{}, codec.Header{}, v
	}
	r, ok, err := codec.DecodeHeader(out)
	if err != nil || !ok || r.Tag != h.Tag || int(r.Length) != len(out)-codec.HeaderLen {
		t.Fatalf("a response with header %+v, %v, of %d bytes", r, err, len(out))
	}
	if r.Kind == codec.KindReportResponse {
		m, err := codec.DecodeReportResponse(out[codec.HeaderLen:])
		if err != nil {
			t.Fatal(err)
		}
		return codec.ValueResponse{Status: m.Status, Value: m.JSON}, r, v
	}
	m, err := codec.DecodeValueResponse(out[codec.HeaderLen:])
	if err != nil {
		t.Fatal(err)
	}
	return m, r, v
}

func getFrame(key string) []byte {
	return codec.AppendGetValue(nil, 5, codec.GetValue{Key: []byte(key)})
}

func setFrame(key, value string, flags uint8, ttl uint64) []byte {
	return codec.AppendSetValue(nil, 6, codec.SetValue{Flags: flags, TTL: ttl, Key: []byte(key), Value: []byte(value)})
}

func deleteFrame(key string) []byte {
	return codec.AppendDelete(nil, 7, codec.Delete{Key: []byte(key)})
}

func incrementFrame(key string, delta int64, ttl uint64) []byte {
	return codec.AppendIncrement(nil, 8, codec.Increment{Delta: delta, TTL: ttl, Key: []byte(key)})
}

func expireFrame(key string, ttl uint64) []byte {
	return codec.AppendExpire(nil, 9, codec.Expire{TTL: ttl, Key: []byte(key)})
}

func ttlFrame(key string) []byte {
	return codec.AppendTimeToLive(nil, 10, codec.TimeToLive{Key: []byte(key)})
}

func TestFrames(t *testing.T) {
	f := newFixture(t)
	for i, s := range []struct {
		frame  []byte
		after  uint64
		status codec.Status
		value  string
	}{
		{getFrame("a"), 0, codec.StatusNotFound, ""},
		{setFrame("a", "1", codec.SetXX, 0), 0, codec.StatusNotFound, ""},
		{setFrame("a", "1", codec.SetNX, 0), 0, codec.StatusOK, ""},
		{setFrame("a", "2", codec.SetNX, 0), 0, codec.StatusNotFound, ""},
		{getFrame("a"), 0, codec.StatusOK, "1"},
		{setFrame("a", "", 0, 100), 0, codec.StatusOK, ""},
		{getFrame("a"), 99, codec.StatusOK, ""},
		{getFrame("a"), 1, codec.StatusNotFound, ""},
		{setFrame("b", "x", 0, 0), 0, codec.StatusOK, ""},
		{deleteFrame("b"), 0, codec.StatusOK, ""},
		{deleteFrame("b"), 0, codec.StatusNotFound, ""},
		{codec.AppendReport(nil, 8, codec.Report{Topic: codec.TopicMembers}), 0, codec.StatusOK, "members report"},
	} {
		f.advance(s.after)
		m, _, v := f.send(t, s.frame)
		if m.Status != s.status || string(m.Value) != s.value || v != Done {
			t.Errorf("step %d: %s %q, verdict %d, want %s %q", i, m.Status, m.Value, v, s.status, s.value)
		}
	}
	if n := len(f.endTurn(t)); n != 4 {
		t.Errorf("%d updates staged, want 4", n)
	}
}

func TestFramesAndCommandsSeeTheSameData(t *testing.T) {
	f := newFixture(t)
	f.send(t, setFrame("a", "1", 0, 5000))
	if got := f.do("GET", "a") + f.do("PTTL", "a"); got != bulk("1")+":5000\r\n" {
		t.Errorf("%q", got)
	}
	f.do("SET", "a", "2")
	if m, _, _ := f.send(t, getFrame("a")); string(m.Value) != "2" {
		t.Errorf("%q", m.Value)
	}
}

func TestR17FramesThatReadNeedAReadyNode(t *testing.T) {
	f := newFixture(t)
	f.host.state = codec.StateLoading
	for _, frame := range [][]byte{
		getFrame("a"), setFrame("a", "1", codec.SetNX, 0), setFrame("a", "1", codec.SetXX, 0), incrementFrame("a", 1, 0), expireFrame("a", 1), expireFrame("a", 0), ttlFrame("a"),
	} {
		if m, _, v := f.send(t, frame); m.Status != codec.StatusLoading || string(m.Value) != sentenceLoading || v != Done {
			t.Errorf("%s %q, verdict %d", m.Status, m.Value, v)
		}
	}
	if m, _, _ := f.send(t, setFrame("a", "1", 0, 0)); m.Status != codec.StatusOK {
		t.Errorf("a blind write: %s %q", m.Status, m.Value)
	}
	if m, _, _ := f.send(t, deleteFrame("none")); m.Status != codec.StatusNotFound {
		t.Errorf("a delete: %s %q", m.Status, m.Value)
	}
	if n := len(f.endTurn(t)); n != 2 {
		t.Errorf("%d updates staged, want 2: a blind delete writes", n)
	}
}

func TestR8BlindFramesWaitUntilTheTimeIsSettled(t *testing.T) {
	for _, frame := range [][]byte{setFrame("a", "1", 0, 0), deleteFrame("a")} {
		f := newFixture(t)
		f.host.settled = false
		if _, _, v := f.send(t, frame); v != Wait || f.client.Deadline != startOfTime+settleWait {
			t.Fatalf("verdict %d, deadline %d", v, f.client.Deadline)
		}
		f.advance(settleWait)
		if m, _, v := f.send(t, frame); m.Status != codec.StatusLoading || v != Done || f.client.Deadline != 0 {
			t.Errorf("%s %q, verdict %d", m.Status, m.Value, v)
		}
	}
}

func TestFramesThatHaveNoPlaceCostTheConnection(t *testing.T) {
	f := newFixture(t)
	for name, c := range map[string]struct {
		h    codec.Header
		body []byte
	}{
		"a peer's frame":         {codec.Header{Kind: codec.KindAck, Length: 24}, make([]byte, 24)},
		"a response":             {codec.Header{Kind: codec.KindValueResponse, Length: 4}, make([]byte, 4)},
		"a short SetValue":       {codec.Header{Kind: codec.KindSetValue, Length: 3}, make([]byte, 3)},
		"a short Increment":      {codec.Header{Kind: codec.KindIncrement, Length: 15}, make([]byte, 15)},
		"a short Expire":         {codec.Header{Kind: codec.KindExpire, Length: 7}, make([]byte, 7)},
		"a long TimeToLive":      {codec.Header{Kind: codec.KindTimeToLive, Length: codec.MaxKey + 1}, make([]byte, codec.MaxKey+1)},
		"a report on nothing":    {codec.Header{Kind: codec.KindReport, Length: 1}, []byte{99}},
		"a key that is too long": {codec.Header{Kind: codec.KindGetValue, Length: codec.MaxKey + 1}, make([]byte, codec.MaxKey+1)},
		"an unknown kind":        {codec.Header{Kind: 0x7F}, nil},
	} {
		out, v := f.Frame(f.client, c.h, c.body, nil)
		if v != Close || len(out) <= codec.HeaderLen {
			t.Errorf("%s: verdict %d, %d bytes", name, v, len(out))
			continue
		}
		m, err := codec.DecodeValueResponse(out[codec.HeaderLen:])
		if err != nil || m.Status != codec.StatusError || len(m.Value) == 0 {
			t.Errorf("%s: %s %q, %v", name, m.Status, m.Value, err)
		}
	}
	if out, v := f.Frame(f.client, codec.Header{Kind: 0x7F, Flags: codec.FlagSkippable}, nil, nil); v != Done || len(out) != 0 {
		t.Errorf("an unknown kind that may be skipped: verdict %d, %d bytes", v, len(out))
	}
}

func TestAReportThatFailsIsASentence(t *testing.T) {
	f := newFixture(t)
	f.host.report = ""
	m, h, _ := f.send(t, codec.AppendReport(nil, 8, codec.Report{Topic: codec.TopicVerify}))
	if h.Kind != codec.KindReportResponse || m.Status != codec.StatusError || !strings.Contains(string(m.Value), "try again") {
		t.Errorf("%s %q", m.Status, m.Value)
	}
	if got := f.do("COVEY", "VERIFY"); got != "-ERR no report yet; try again in a moment\r\n" {
		t.Errorf("%q", got)
	}
}
