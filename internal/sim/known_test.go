package sim

import (
	"sync"
	"testing"
)

// TestSeedsThatWereRedAreGreen plays the plans of which each has shown a fault, of the code or of a check: docs/REPLICATION.md says which.
func TestSeedsThatWereRedAreGreen(t *testing.T) {
	var all sync.WaitGroup
	for _, seed := range []uint64{
		1105, 1480, 2668, 2804, 2903, 3370, 3390, 4194, 4366, 4423, 4704, 4841, 5782, 6543, 6585, 7100, 7441, 7537, 9459, 20163, 21901, 62576, 9970931,
	} {
		all.Go(func() {
			if _, wrong := plainPlan(seed).Run(Weak{}, nil); len(wrong) > 0 {
				t.Errorf("seed %d: %.300q", seed, wrong)
			}
		})
	}
	for _, seed := range []uint64{9402369, 9802759, 9803032} { // with splits of two groups
		all.Go(func() {
			if _, wrong := planOf(seed, true).Run(Weak{}, nil); len(wrong) > 0 {
				t.Errorf("seed %d: %.300q", seed, wrong)
			}
		})
	}
	for scene, seeds := range map[string][]uint64{"graves": {5550345, 7200548}, "counts": {197, 511, 7300133}, "clocks": {87, 301, 527, 1126, 2703, 4324, 4586, 5788, 6491, 991089, 6601734, 9100287}} {
		for _, seed := range seeds {
			all.Go(func() {
				p := plainPlan(seed)
				p.scene(scene)
				if _, wrong := p.Run(Weak{}, nil); len(wrong) > 0 {
					t.Errorf("scene %s, seed %d: %.300q", scene, seed, wrong)
				}
			})
		}
	}
	all.Wait()
}
