package command

import (
	"math/rand/v2"
	"strings"
	"testing"

	"covey/store"
)

// Whatever gives a large value, or a large part of one, has it read where it lies; where nothing is to be pinned it comes in one copy.
// The scratch of the loop has none of it.
func TestALargeValueIsPinnedByWhateverGivesIt(t *testing.T) {
	b := make([]byte, 3<<20)
	for r, i := rand.New(rand.NewPCG(1, 1)), 0; i < len(b); i++ {
		b[i] = 'a' + byte(r.Uint32()%26)
	}
	large := string(b)
	for _, c := range []struct {
		command, want string
		pinned        bool
	}{
		{"GET a", large, true}, {"GETEX a", large, true}, {"GETEX a EX 100", large, true}, {"GETEX a PERSIST", large, true}, {"GETEX a PERSIST", large, true},
		{"GETRANGE a 0 -1", large, true}, {"GETRANGE a 1 -2", large[1 : len(large)-1], true}, {"GETRANGE a 1000000 2000000", large[1_000_000:2_000_001], true},
		{"SUBSTR a -100000 -1", large[len(large)-100_000:], true}, {"GETRANGE a 1000000 1001000", large[1_000_000:1_001_001], false}, {"GETRANGE a 5 4", "", false},
		{"SET a x GET", large, false}, {"GETDEL a", large, false}, {"GETEX a PXAT 1", large, false},
	} {
		for _, pin := range []*store.Pin{new(store.Pin), nil} {
			f := newFixture(t)
			f.Pin = pin
			f.do("SET", "a", large)
			got := f.do(strings.Fields(c.command)...)
			if pin.Begun() != (c.pinned && pin != nil) {
				t.Errorf("%s: pinned is %v", c.command, pin.Begun())
			}
			if pin.Begun() {
				for pin.Left() > 0 {
					for _, p := range pin.Next(nil, 1<<20) {
						got += string(p)
					}
				}
				pin.Unpin()
				got += "\r\n"
			}
			if got != bulk(c.want) {
				t.Errorf("%s: %d bytes, want %d; %.20q", c.command, len(got), len(bulk(c.want)), got)
			}
			if cap(f.buf) > 64<<10 {
				t.Errorf("%s: %d bytes of scratch", c.command, cap(f.buf))
			}
		}
	}
}
