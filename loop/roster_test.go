package loop

import (
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/panjf2000/gnet/v2"

	"covey/command"
)

// TestASweepComesToAllThatStay: whoever comes and goes between its parts.
func TestASweepComesToAllThatStay(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var r roster
		there := map[*conn]bool{}
		add := func() {
			c := new(conn)
			r.add(c)
			there[c] = true
		}
		for range rng.IntN(50) {
			add()
		}
		missing := map[*conn]bool{}
		for c := range there {
			missing[c] = true
		}
		for r.unswept = len(r.conns); r.unswept > 0; {
			switch rng.IntN(3) {
			case 0:
				add()
			case 1:
				for c := range there { // any
					if !r.remove(c) || r.remove(c) {
						t.Fatalf("seed %d: one that is there is removed once", seed)
					}
					delete(there, c)
					delete(missing, c)
					break
				}
			}
			if r.unswept > 0 {
				c := r.next()
				if !there[c] {
					t.Fatalf("seed %d: one that is gone is swept", seed)
				}
				delete(missing, c)
			}
		}
		if len(missing) > 0 {
			t.Fatalf("seed %d: %d were not come to", seed, len(missing))
		}
		if len(r.conns) != len(there) {
			t.Fatalf("seed %d: %d in the roster, %d there", seed, len(r.conns), len(there))
		}
		for i, c := range r.conns {
			if c.seat != i || !there[c] {
				t.Fatalf("seed %d: seat %d is wrong", seed, i)
			}
		}
	}
}

// closer is the engine's side of a loop, for a connection that the sweep closes.
type closer struct {
	gnet.EventLoop
	closed int
}

func (e *closer) Close(gnet.Conn) error { e.closed++; return nil }

// Who has said nothing for its time is closed without a word, which many clients would take for the reply to their first command. Who has
// begun one is told why.
func TestWhoHasSaidNothingIsClosedWithoutAWord(t *testing.T) {
	t.Parallel()
	for in, told := range map[string]string{"": "", "GET": "-ERR the rest of a command did not come"} {
		l, e, engine := loopFor(t, nil), &ear{}, &closer{}
		l.gnet = engine
		c := &conn{g: e, l: l, client: command.Client{From: netip.MustParseAddr("10.0.0.7")}}
		if c.got = []byte(in); in != "" && l.traffic(c) == gnet.Close {
			t.Fatalf("%q: closed at once", in)
		}
		l.inspect(c, l.n.clock.now()+int64(time.Minute))
		if got := string(e.said); !strings.HasPrefix(got, told) || told == "" && got != "" {
			t.Errorf("%q: it is told %q", in, got)
		}
		if engine.closed != 1 || l.n.counters.idleClosed.Load() != 1 {
			t.Errorf("%q: closed %d times, counted %d times", in, engine.closed, l.n.counters.idleClosed.Load())
		}
		c.closed = true
		c.release()
	}
}
