package store

import (
	"math/bits"
	"sync/atomic"
)

// nodes gives node ids short numbers, so that an entry spends two bytes on one. A number is the id's place in a table of
// fixed size: an id once in stays, and finding either from the other takes no lock. When an id finds no place it has no
// number, and the entries that name it carry their ids in full (wideNode): they cost more and are otherwise the same.
type nodes struct {
	ids []atomic.Uint64 // by number; number 0 is id 0
}

// wideNode in an entry says that its node ids follow in full.
const wideNode = 1<<16 - 1

func (n *nodes) init(budget int64) {
	size := min(max(bits.Len64(uint64(budget/nodeShare)), minNodeBits), maxNodeBits)
	n.ids = make([]atomic.Uint64, 1<<size)
}

// number returns the number of an id; false when the table has no place for it.
func (n *nodes) number(id uint64) (uint16, bool) {
	if id == 0 {
		return 0, true
	}
	mask := uint64(len(n.ids) - 1)
	p := id * 0x9e3779b97f4a7c15 >> 32
	for range nodeProbes {
		i := p & mask
		if i != 0 {
			switch at := n.ids[i].Load(); {
			case at == id:
				return uint16(i), true
			case at == 0:
				if n.ids[i].CompareAndSwap(0, id) || n.ids[i].Load() == id {
					return uint16(i), true
				}
			}
		}
		p++
	}
	return 0, false
}

// id returns the id that has a number.
func (n *nodes) id(number uint16) uint64 { return n.ids[number].Load() }
