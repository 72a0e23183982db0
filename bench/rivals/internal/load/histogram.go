package load

import "math/bits"

const (
	subBits    = 7                              // a bucket is less than 1/128 of its value wide
	topBits    = 37                             // nanoseconds: 137 s; what is longer counts as that
	bucketsAll = (topBits - subBits) << subBits // and those of the first 128 ns, one each
)

// histogram counts durations in nanoseconds, in buckets that are as wide as their value asks for.
type histogram struct {
	counts [bucketsAll + 1<<subBits]int64
	total  int64
	max    int64
}

func (h *histogram) add(ns, n int64) {
	h.max = max(h.max, ns)
	h.counts[bucket(min(max(ns, 0), 1<<topBits-1))] += n
	h.total += n
}

func bucket(ns int64) int {
	if ns < 1<<subBits {
		return int(ns)
	}
	shift := bits.Len64(uint64(ns)) - subBits - 1
	return shift<<subBits + int(ns>>shift)
}

// quantile is the upper end of the bucket below which q percent of the durations lie, in nanoseconds.
func (h *histogram) quantile(q float64) int64 {
	want := int64(q / 100 * float64(h.total))
	seen := int64(0)
	for i, n := range h.counts {
		if seen += n; n > 0 && seen >= want {
			return min(top(i), h.max)
		}
	}
	return h.max
}

// top is the largest duration of a bucket.
func top(i int) int64 {
	if i < 2<<subBits {
		return int64(i)
	}
	shift := i>>subBits - 1
	return int64(i-shift<<subBits+1)<<shift - 1
}
