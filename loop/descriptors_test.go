package loop

import (
	"errors"
	"testing"
)

func TestDescriptorsAreSharedWithoutARemainderAnyoneCanTake(t *testing.T) {
	for _, c := range []struct {
		limit uint64
		loops int
		conns int // 0: refused
	}{
		{64, 1, 28}, {64, 2, 23}, {64, 4, 12}, {64, 8, 0}, {256, 2, 180}, {256, 32, 33}, {1024, 16, 824}, {1024, 64, 536},
		{1 << 20, 2, maxConns}, {10, 1, 0}, {0, 1, 0}, {1 << 63, 256, maxConns},
	} {
		s, err := shareDescriptors(c.limit, c.loops)
		if c.conns == 0 {
			if !errors.Is(err, ErrConfig) {
				t.Errorf("%d descriptors, %d loops: %+v, %v; want a refusal", c.limit, c.loops, s, err)
			}
			continue
		}
		if err != nil || s.conns != c.conns {
			t.Errorf("%d descriptors, %d loops: %+v, %v; want %d connections", c.limit, c.loops, s, err, c.conns)
		}
		if all := baseDescriptors + c.loops*loopDescriptors + s.conns + s.dials + s.probes; uint64(all) > c.limit {
			t.Errorf("%d descriptors, %d loops: %d given away", c.limit, c.loops, all)
		}
	}
}
