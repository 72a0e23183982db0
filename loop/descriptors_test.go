package loop

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestDescriptorsAreSharedWithoutARemainderAnyoneCanTake(t *testing.T) {
	for _, c := range []struct {
		limit uint64
		loops int
		conns int // 0: refused
	}{
		{64, 1, 20}, {64, 2, 16}, {64, 4, 8}, {64, 8, 0}, {256, 2, 134}, {256, 32, 24}, {1024, 16, 617}, {1024, 64, 401},
		{1 << 20, 2, maxConns}, {10, 1, 0}, {0, 1, 0}, {1 << 63, 256, maxConns},
	} {
		s, err := shareDescriptors(c.limit, c.loops, 0)
		if c.conns == 0 {
			if !errors.Is(err, ErrConfig) {
				t.Errorf("%d descriptors, %d loops: %+v, %v; want a refusal", c.limit, c.loops, s, err)
			}
			if fewer := strings.Contains(fmt.Sprint(err), "fewer --loops"); fewer != (c.loops > 1) {
				t.Errorf("%d descriptors, %d loops: %v", c.limit, c.loops, err) // nobody can give fewer than one
			}
			continue
		}
		if err != nil || s.conns != c.conns {
			t.Errorf("%d descriptors, %d loops: %+v, %v; want %d connections", c.limit, c.loops, s, err, c.conns)
		}
		if all := baseDescriptors + c.loops*loopDescriptors + s.conns + s.called + s.dials + s.probes; uint64(all) > c.limit || s.called < 1 {
			t.Errorf("%d descriptors, %d loops: %d given away", c.limit, c.loops, all)
		}
	}
}
