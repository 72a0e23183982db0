package store

// index maps key hashes to slots: open addressing, linear probing, deletion by shifting back, so there are no marks
// of what was deleted. A cell holds the low 32 bits of the hash (its tag) and the slot number plus one; 0 is empty.
// The tag alone gives the cell's home, so growing and deleting never look at an entry. (The top bits of the hash
// chose the shard; the low ones are still fresh.)
type index struct {
	cells []uint64
	used  int
}

const (
	cellBytes = 8
	minCells  = 16
)

func cell(hash uint64, slot uint32) uint64 { return hash<<32 | uint64(slot) + 1 }

func (x *index) home(c uint64) int { return int(c>>32) & (len(x.cells) - 1) }

// full tells whether one more cell would pass a load of 3/4.
func (x *index) full() bool { return (x.used+1)*4 > len(x.cells)*3 }

func (x *index) insert(hash uint64, slot uint32) {
	if x.full() {
		x.resize(max(minCells, 2*len(x.cells)))
	}
	x.put(cell(hash, slot))
	x.used++
}

func (x *index) put(c uint64) {
	mask := len(x.cells) - 1
	p := x.home(c)
	for x.cells[p] != 0 {
		p = (p + 1) & mask
	}
	x.cells[p] = c
}

// resize makes room for n cells, a power of two that holds all that are used.
func (x *index) resize(n int) {
	old := x.cells
	x.cells = make([]uint64, n)
	for _, c := range old {
		if c != 0 {
			x.put(c)
		}
	}
}

// remove takes out the cell of an entry that is there, and moves the cells after it back over the hole as far as
// their homes allow.
func (x *index) remove(hash uint64, slot uint32) {
	mask := len(x.cells) - 1
	c := cell(hash, slot)
	hole := x.home(c)
	for x.cells[hole] != c {
		hole = (hole + 1) & mask
	}
	for p := (hole + 1) & mask; x.cells[p] != 0; p = (p + 1) & mask {
		if (p-x.home(x.cells[p]))&mask >= (p-hole)&mask {
			x.cells[hole] = x.cells[p]
			hole = p
		}
	}
	x.cells[hole] = 0
	x.used--
}

func (x *index) bytes() int64 { return int64(len(x.cells)) * cellBytes }
