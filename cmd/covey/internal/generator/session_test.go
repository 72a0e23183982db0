package generator

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"covey/codec"
	"covey/internal/harness"
)

// newTestWorker has one session and as many requests as it is asked for.
func newTestWorker(p Plan) (*worker, *session) {
	p.Connections, p.Threads = 1, 1
	w := assign(&p, new(atomic.Int64))[0]
	return w, w.sessions[0]
}

// replies are what a node would answer to n GETs with values of 100 bytes.
func replies(protocol Protocol, n int) []byte {
	value := bytes.Repeat([]byte{'v'}, 100)
	var out []byte
	for range n {
		if protocol == Binary {
			out = codec.AppendValueResponse(out, 0, codec.ValueResponse{Value: value})
		} else {
			out = append(append(append(out, "$100\r\n"...), value...), "\r\n"...)
		}
	}
	return out
}

func TestABatchOnItsWayCostsNoAllocation(t *testing.T) {
	if harness.Race {
		t.Skip("the race detector allocates")
	}
	for _, protocol := range []Protocol{RESP, Binary} {
		p := plan("", protocol, Mixed)
		p.Pipeline, p.Requests = 16, 1<<40
		w, s := newTestWorker(p)
		in := replies(protocol, 16)
		if n := testing.AllocsPerRun(1000, func() {
			w.compose(s, w.now())
			s.have = copy(s.free(), in)
			taken, err := s.take(&w.tally)
			if err != nil || !w.took(s, taken, w.now()) {
				t.Fatalf("%d replies taken, error %v", taken, err)
			}
		}); n != 0 {
			t.Errorf("%s: a batch of 16 costs %v allocations", protocol, n)
		}
	}
}

func TestRepliesAreFoundHoweverTheyAreSplit(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, protocol := range []Protocol{RESP, Binary} {
		stream := replies(protocol, 50)
		for range 200 {
			p := plan("", protocol, Get)
			p.Pipeline, p.ValueBytes = 50, 1
			_, s := newTestWorker(p)
			s.due = 50
			var counted tally
			for rest := stream; len(rest) > 0; {
				n := min(1+random.IntN(300), len(rest), len(s.free()))
				copy(s.free(), rest[:n])
				s.have += n
				rest = rest[n:]
				if _, err := s.take(&counted); err != nil {
					t.Fatal(err)
				}
			}
			if counted.answered != 50 || s.due != 0 {
				t.Fatalf("%s: %d of 50 replies were found, %d due", protocol, counted.answered, s.due)
			}
		}
	}
}

func TestAReplyThatNobodyAskedForEndsTheConnection(t *testing.T) {
	_, s := newTestWorker(plan("", RESP, Get))
	s.due = 1
	s.have = copy(s.free(), "+OK\r\n+OK\r\n")
	if n, err := s.take(new(tally)); n != 1 || err != errUnasked {
		t.Errorf("%d replies taken, error %v", n, err)
	}
}

func TestALongReplyEnlargesTheBufferUpToALimit(t *testing.T) {
	_, s := newTestWorker(plan("", RESP, Get))
	s.due = 1
	value := strings.Repeat("v", 1<<20)
	var counted tally
	for rest := "$1048576\r\n" + value + "\r\n"; len(rest) > 0; {
		n := copy(s.free(), rest)
		s.have += n
		rest = rest[n:]
		if _, err := s.take(&counted); err != nil {
			t.Fatal(err)
		}
	}
	if counted.answered != 1 || len(s.in) > 4<<20 {
		t.Errorf("%d replies taken, a buffer of %d bytes", counted.answered, len(s.in))
	}
	s.in, s.have, s.due = make([]byte, maxReply), maxReply, 1
	copy(s.in, "$536870912\r\n")
	if _, err := s.take(&counted); err == nil {
		t.Error("a reply longer than any value was waited for")
	}
}

func TestTheSameSeedSendsTheSame(t *testing.T) {
	batch := func(seed uint64) string {
		p := plan("", RESP, Mixed)
		p.Seed = seed
		w, s := newTestWorker(p)
		w.compose(s, 0)
		return string(s.out)
	}
	if first, again := batch(7), batch(7); first != again || first == batch(8) {
		t.Error("a batch does not follow from its seed")
	}
}

func TestAKeysNumberHasTwelveDigits(t *testing.T) {
	templates := newTemplates(&Plan{Protocol: RESP, ValueBytes: 3})
	for n, want := range map[uint64]string{0: "000000000000", 42: "000000000042", MaxKeyspace - 1: "999999999999"} {
		if got := string(templates.get.appendTo(nil, n)); got != "*2\r\n$3\r\nGET\r\n$16\r\nkey:"+want+"\r\n" {
			t.Errorf("key %d is asked for with %q", n, got)
		}
	}
	if got := string(templates.set.appendTo(nil, 1)); !strings.HasPrefix(got, "*3\r\n$3\r\nSET\r\n$16\r\nkey:000000000001\r\n$3\r\n") {
		t.Errorf("key 1 is set with %q", got)
	}
}

func TestALatencyBeyondTheHistogramCountsAsItsEnd(t *testing.T) {
	w, s := newTestWorker(plan("", RESP, Get))
	w.took(s, 1, int64(time.Hour))
	if n := w.latency.TotalCount(); n != 1 {
		t.Errorf("%d latencies were kept", n)
	}
}

func FuzzNoReplyBreaksTheScanners(f *testing.F) {
	f.Add(true, replies(RESP, 1))
	f.Add(false, replies(Binary, 1))
	f.Add(true, []byte("-ERR no\r\n$-1\r\n_\r\n:1\r\n"))
	f.Add(true, []byte("*2\r\n$1\r\na\r\n:1\r\n"))
	f.Fuzz(func(t *testing.T, resp bool, in []byte) {
		scan := newScanner(Binary)
		if resp {
			scan = newScanner(RESP)
		}
		for len(in) > 0 {
			n, _, _, err := scan.next(in)
			if n < 0 || n > len(in) {
				t.Fatalf("a reply of %d bytes in %d", n, len(in))
			}
			if n == 0 || err != nil {
				return
			}
			in = in[n:]
		}
	})
}
