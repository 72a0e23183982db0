package peer

import (
	"math/rand/v2"
	"testing"

	"covey/codec"
)

// What is left out of a root is the sums of the leaves that are partial, of stores with as many leaves or more than the other side of a link.
func TestWhatIsLeftOutIsWhatPartialLeavesHold(t *testing.T) {
	rng := rand.New(rand.NewPCG(16, 1))
	for leaves := 1; leaves <= 256; leaves *= 2 {
		for own := leaves; own <= 256; own *= 2 {
			p := &partials{leaves: leaves}
			sums := make([]uint64, own)
			for i := range sums {
				sums[i] = rng.Uint64()
			}
			var bits codec.LeafBits
			for leaf := range leaves {
				bits[leaf/64] |= rng.Uint64N(2) << (leaf % 64)
			}
			p.bits[7] = bits
			want := uint64(0)
			for i, sum := range sums {
				if leaf := i * leaves / own; bits[leaf/64]>>(leaf%64)&1 != 0 {
					want += sum
				}
			}
			o := leftOut{leaves: p}
			o.take(7, sums)
			o.take(8, sums)
			if o.sum != want {
				t.Errorf("%d leaves of %d: %x is left out, want %x", leaves, own, o.sum, want)
			}
		}
	}
}
