package command

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"

	"covey/codec"
	"covey/internal/harness"
	"covey/store"
	"covey/tracking"
)

// startOfTime is Turn.Now of a new fixture, in ms.
const startOfTime = uint64(1_700_000_000_000)

// fakeHost is a node that is whatever its test says.
type fakeHost struct {
	state   codec.State
	settled bool
	acks    []uint64 // what each peer has acknowledged
	wall    uint64
	turn    *Turn // whose host it is
	report  string
	facts   Facts
	answers map[string]Answer // to questions for a key
	asked   []string          // what was asked, by client and key
}

func (h *fakeHost) State() codec.State { return h.state }
func (h *fakeHost) Settled() bool      { return h.settled }
func (h *fakeHost) Wall() uint64       { return h.wall }
func (h *fakeHost) WallOffset() int64  { return int64(h.turn.Now) - int64(h.wall/1000) }
func (h *fakeHost) Facts() Facts       { return h.facts }

func (h *fakeHost) Ask(client uint64, key []byte) Answer {
	h.asked = append(h.asked, fmt.Sprintf("%d %s", client, key))
	return h.answers[string(key)]
}

func (h *fakeHost) Acked(seq uint64) int {
	n := 0
	for _, a := range h.acks {
		if a >= seq {
			n++
		}
	}
	return n
}

func (h *fakeHost) Report(topic codec.Topic, dst []byte) ([]byte, error) {
	if h.report == "" {
		return dst, errors.New("no report yet; try again in a moment")
	}
	return append(dst, topic.String()+h.report...), nil
}

// fixture is a turn over an empty store on a ready node, and one client.
type fixture struct {
	*Turn
	host   *fakeHost
	client *Client
	seq    uint64
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	s, err := store.New(store.Options{Shards: 16, Node: 1, MaxBytes: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	h := &fakeHost{state: codec.StateReady, settled: true, wall: startOfTime * 1000, report: " report", facts: Facts{
		ID: 0x02fc000000012328, Release: "0.1.0", Cluster: "default", Port: 9000, PID: 42, Loops: 2, Uptime: 90061,
		Connections: 3, MaxConnections: 1000, Accepted: 7, Commands: 11, MaxMemory: 64 << 20, Members: 3, Linked: 2, Head: 5,
	}}
	f := &fixture{host: h, client: &Client{ID: 7, Addr: "127.0.0.1:5000", From: netip.MustParseAddr("127.0.0.1")}}
	f.Turn = &Turn{Store: s, Host: h, Now: startOfTime, Stage: new(codec.Stage), Scripts: new(Scripts), Audience: new(Audience), Mail: &Mailbox{Ring: func() {}}, Tracking: tracking.New(1 << 20)}
	f.client.Ear = new(ear)
	h.turn = f.Turn
	return f
}

// do runs one command and returns its reply.
func (f *fixture) do(args ...string) string {
	reply, _ := f.doVerdict(args...)
	return reply
}

func (f *fixture) doVerdict(args ...string) (string, Verdict) {
	list := make([][]byte, len(args))
	for i, a := range args {
		list[i] = []byte(a)
	}
	out, v := f.RESP(f.client, list, nil)
	for v == Again {
		out, v = f.RESP(f.client, list, out)
	}
	return string(out), v
}

// endTurn does what the loop does at the end of a turn, and returns the updates.
func (f *fixture) endTurn(t testing.TB) []codec.Record {
	t.Helper()
	var all []codec.Record
	for seg := range f.Stage.Segments() {
		run := seg.Records
		for len(run) > 0 {
			var r codec.Record
			n, err := codec.DecodeStaged(run, &r)
			if err != nil {
				t.Fatal(err)
			}
			r.Key, r.Value = append([]byte(nil), r.Key...), append([]byte(nil), r.Value...)
			all = append(all, r)
			run = run[n:]
		}
	}
	if f.client.Dirty {
		f.seq += uint64(f.Stage.Count())
		f.client.LastSeq, f.client.Dirty = f.seq, false
	}
	f.Stage.Reset()
	return all
}

// advance moves the clocks on.
func (f *fixture) advance(ms uint64) {
	f.Now += ms
	f.host.wall += ms * 1000
}

// oneGoroutine leaves a long test that has only one to the run without the race detector, which would find nothing.
func oneGoroutine(t *testing.T) {
	t.Helper()
	if harness.Race {
		t.Skip("it has one goroutine: the race detector finds nothing")
	}
}
