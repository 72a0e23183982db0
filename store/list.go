package store

// Every entry is on at most one list of its shard: a bucket of the expiry wheel, or one of the lists below. Lists are
// doubly linked through the entries by slot number, so that an entry leaves from anywhere in one step and nothing
// is allocated.
const (
	listNone  uint16 = iota
	listFar          // expires past the reach of the wheel
	listDying        // dead, still with its value (R3), oldest first
	listDead         // tombstones and bare records, oldest first (R13)
	listWheel        // first bucket of the wheel

	listCount = listWheel + wheelLevels<<wheelSlotBits
)

const none = ^uint32(0)

type listEnds struct{ first, last uint32 }

// link puts slot i at the end of a list. It is on none.
func (sh *shard) link(i uint32, list uint16) {
	e, ends := sh.at(i), &sh.lists[list]
	e.list, e.next, e.prev = list, none, ends.last
	if ends.last == none {
		ends.first = i
	} else {
		sh.at(ends.last).next = i
	}
	ends.last = i
	if timed(list) {
		sh.wheel.count++
	}
}

// unlink takes slot i off the list it is on, if any.
func (sh *shard) unlink(i uint32) {
	e := sh.at(i)
	if e.list == listNone {
		return
	}
	ends := &sh.lists[e.list]
	if e.prev == none {
		ends.first = e.next
	} else {
		sh.at(e.prev).next = e.next
	}
	if e.next == none {
		ends.last = e.prev
	} else {
		sh.at(e.next).prev = e.prev
	}
	if timed(e.list) {
		sh.wheel.count--
	}
	e.list = listNone
}

// timed tells the lists whose entries wait for their expiry.
func timed(list uint16) bool { return list >= listWheel || list == listFar }
