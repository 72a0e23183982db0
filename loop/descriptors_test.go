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
		{64, 1, 21}, {64, 2, 18}, {64, 4, 9}, {64, 8, 0}, {256, 2, 135}, {256, 32, 25}, {1024, 16, 618}, {1024, 64, 402},
		{1 << 20, 2, maxConns}, {10, 1, 0}, {0, 1, 0}, {1 << 63, 256, maxConns},
	} {
		s, err := shareDescriptors(c.limit, c.loops, 0)
		if c.conns == 0 {
			if !errors.Is(err, ErrConfig) {
				t.Errorf("%d descriptors, %d loops: %+v, %v; want a refusal", c.limit, c.loops, s, err)
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
