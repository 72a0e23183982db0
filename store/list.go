package store

import "encoding/binary"

// Every entry whose expiry register has a time is on at most one list of its shard: a bucket of the expiry wheel, or one of
// the lists below. Lists are rings, doubly linked through the entries by place, so that an entry leaves from anywhere in
// one step and nothing is allocated; sh.lists has the first of each.
const (
	listNone  uint16 = iota
	listFar          // expires past the reach of the wheel
	listDying        // dead, still with its value (R3), oldest first
	listWheel        // first bucket of the wheel

	listCount = listWheel + wheelLevels<<wheelSlotBits
)

// The links of an entry: next 5 bytes, previous 5, number of the list 2.
const (
	nextAt = 0
	prevAt = 5
	listAt = 10
)

// links returns where the links of a timed entry are.
func (sh *shard) links(at loc) []byte {
	b := sh.mem[at:]
	o := headBytes + timeBytes
	if binary.LittleEndian.Uint16(b[numberAt:]) == wideNode {
		o += wideBytes
	}
	return b[o : o+linkBytes : o+linkBytes]
}

func getLoc(b []byte) loc { return loc(binary.LittleEndian.Uint32(b)) | loc(b[4])<<32 }

func putLoc(b []byte, at loc) {
	binary.LittleEndian.PutUint32(b, uint32(at))
	b[4] = uint8(at >> 32)
}

// listOf returns the list that a timed entry is on.
func (sh *shard) listOf(at loc) uint16 { return binary.LittleEndian.Uint16(sh.links(at)[listAt:]) }

// link puts an entry at the end of a list. It is on none.
func (sh *shard) link(at loc, list uint16) {
	own := sh.links(at)
	binary.LittleEndian.PutUint16(own[listAt:], list)
	first := sh.lists[list]
	if first == 0 {
		sh.lists[list] = at
		putLoc(own[nextAt:], at)
		putLoc(own[prevAt:], at)
	} else {
		links := sh.links(first)
		last := getLoc(links[prevAt:])
		putLoc(own[nextAt:], first)
		putLoc(own[prevAt:], last)
		putLoc(links[prevAt:], at)
		putLoc(sh.links(last)[nextAt:], at)
	}
	sh.wheel.wait(list, 1)
}

// unlink takes an entry off the list it is on, if any.
func (sh *shard) unlink(e *entry) {
	if e.flags&timed == 0 {
		return
	}
	own := sh.links(e.at)
	list := binary.LittleEndian.Uint16(own[listAt:])
	if list == listNone {
		return
	}
	next, prev := getLoc(own[nextAt:]), getLoc(own[prevAt:])
	if next == e.at {
		sh.lists[list] = 0
	} else {
		putLoc(sh.links(prev)[nextAt:], next)
		putLoc(sh.links(next)[prevAt:], prev)
		if sh.lists[list] == e.at {
			sh.lists[list] = next
		}
	}
	sh.wheel.wait(list, -1)
	binary.LittleEndian.PutUint16(own[listAt:], listNone)
}

// relink mends the links to an entry that moved, with its own, from a place to where it is now.
func (sh *shard) relink(e *entry, from loc) {
	if e.flags&timed == 0 {
		return
	}
	own := sh.links(e.at)
	list := binary.LittleEndian.Uint16(own[listAt:])
	if list == listNone {
		return
	}
	if sh.lists[list] == from {
		sh.lists[list] = e.at
	}
	next, prev := getLoc(own[nextAt:]), getLoc(own[prevAt:])
	if next == from {
		putLoc(own[nextAt:], e.at)
		putLoc(own[prevAt:], e.at)
		return
	}
	putLoc(sh.links(next)[prevAt:], e.at)
	putLoc(sh.links(prev)[nextAt:], e.at)
}

// following returns the next on the list of an entry, 0 when it is the last.
func (sh *shard) following(at loc) loc {
	links := sh.links(at)
	next := getLoc(links[nextAt:])
	if next == sh.lists[binary.LittleEndian.Uint16(links[listAt:])] {
		return 0
	}
	return next
}

// awaits tells the lists whose entries wait for their expiry.
func awaits(list uint16) bool { return list >= listWheel || list == listFar }

// wait counts n entries more on a list.
func (w *wheel) wait(list uint16, n int) {
	if awaits(list) {
		w.count += n
	}
	if list == listFar {
		w.far += n
	}
}
