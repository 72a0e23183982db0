package loop

import (
	"math/rand/v2"
	"testing"
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
