package main

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"covey/client"
	"covey/cmd/covey/internal/survey"
)

// clockOff is by how much wall clocks may differ before it is said: what a node warns of too (R6).
const clockOff = 250 * time.Millisecond

// skew is how far a node's wall clock is ahead of this machine's.
type skew struct {
	addr netip.AddrPort
	by   time.Duration
}

// readClocks asks up to maxNamed of the nodes that TCP reaches for their time. Nodes that do not answer are left out.
func readClocks(ctx context.Context, dials map[netip.AddrPort]survey.Outcome) []skew {
	var mu sync.Mutex
	var group sync.WaitGroup
	var all []skew
	for _, addr := range connected(dials) {
		group.Go(func() {
			begin := time.Now()
			members, err := askNode(ctx, addr, (*client.Client).Members)
			took := time.Since(begin)
			if err != nil {
				return
			}
			for _, m := range members {
				if m.State == "self" { // last seen now, by its own clock
					mu.Lock()
					all = append(all, skew{addr, m.LastSeen.Sub(begin.Round(0).Add(took / 2))})
					mu.Unlock()
				}
			}
		})
	}
	group.Wait()
	slices.SortFunc(all, func(a, b skew) int { return a.addr.Compare(b.addr) })
	return all
}

// clock judges this machine's wall clock, and those of others beside it: whose differs from most is wrong.
func (w *view) clock() []finding {
	if len(w.clocks) == 0 {
		return w.reach.clock()
	}
	by := make([]time.Duration, 0, len(w.clocks)+1)
	for _, s := range w.clocks {
		by = append(by, s.by)
	}
	by = append(by, 0) // this machine's own
	slices.Sort(by)
	middle := (by[(len(by)-1)/2] + by[len(by)/2]) / 2
	f := finding{Subject: "clock", Verdict: note}
	var wrong []string
	for _, s := range w.clocks {
		if off := s.by - middle; off.Abs() > clockOff {
			wrong = append(wrong, fmt.Sprintf("%s (%s)", s.addr.Addr(), ahead(off)))
		}
	}
	switch {
	case len(w.clocks) == 1 && w.clocks[0].by.Abs() > clockOff:
		f.Finding = fmt.Sprintf("that of %s is %s, by this machine's: one of the two is wrong; set the clocks (NTP), for EXPIREAT goes by them", w.clocks[0].addr.Addr(), ahead(w.clocks[0].by))
	case middle.Abs() > clockOff:
		f.Finding = fmt.Sprintf("this machine's is %s, by those of most nodes: set it (NTP), for EXPIREAT goes by it", ahead(-middle))
	case len(wrong) > 0:
		f.Finding = "not the others' time: " + named(wrong) + "; set the clocks there (NTP), for EXPIREAT goes by them"
	default:
		f.Verdict, f.Finding = good, fmt.Sprintf("agrees with those of others: %d asked", len(w.clocks))
	}
	return []finding{f}
}

// clock judges this machine's wall clock by the time of the mesh, as the node here knows it.
func (r *reach) clock() []finding {
	by := time.Duration(r.wallOff) * time.Millisecond
	switch {
	case !r.asked:
		return nil
	case by.Abs() > clockOff:
		return []finding{{"clock", note, fmt.Sprintf("this machine's is %s, by the time of the mesh: set it (NTP), for EXPIREAT goes by it", ahead(-by))}}
	}
	return []finding{{"clock", good, "agrees with the time of the mesh"}}
}

// ahead says which way a clock is off.
func ahead(by time.Duration) string {
	if by < 0 {
		return (-by).Round(10*time.Millisecond).String() + " behind"
	}
	return by.Round(10*time.Millisecond).String() + " ahead"
}
