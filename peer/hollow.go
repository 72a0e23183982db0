package peer

import (
	"slices"
	"sync"
	"sync/atomic"
)

// hollow are the places of the ring of which a link sent the version alone: the value was evicted before it could be sent. The other
// acknowledges such a record like any, for the sequence stays whole, but it has not got what was written: WAIT does not count it (R11). The
// newest maxHollow are known; where some are forgotten all up to the last of those counts as hollow.
type hollow struct {
	any atomic.Bool

	mu    sync.Mutex
	seqs  []uint64 // rising
	below uint64   // up to here all count
}

// add notes a place.
func (h *hollow) add(seq uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if i, there := slices.BinarySearch(h.seqs, seq); !there { // a link may go back in the ring
		h.seqs = slices.Insert(h.seqs, i, seq)
	}
	if len(h.seqs) > maxHollow {
		h.below = h.seqs[0]
		h.seqs = slices.Delete(h.seqs, 0, 1)
	}
	h.any.Store(true)
}

// has reports whether what was written at a place may not have got to the other.
func (h *hollow) has(seq uint64) bool {
	if !h.any.Load() {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	_, there := slices.BinarySearch(h.seqs, seq)
	return there || seq <= h.below
}
