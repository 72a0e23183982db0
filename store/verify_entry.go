package store

import (
	"errors"
	"fmt"
)

// verifyState checks what the fields of one entry must be to each other, and to the registers of its shard.
func (sh *shard) verifyState(e *entry) error {
	at, joins := e.expiry(), e.joins()
	lives := e.flags&(Deleted|dead|bare) == 0
	switch {
	case e.flags&Deleted != 0 && e.flags&(dead|bare) != 0:
		return fmt.Errorf("a deletion that is more than that: %+v", e)
	case e.flags&dead != 0 && at == 0:
		return fmt.Errorf("dead without an expiry: %+v", e)
	case e.flags&counted != 0 != (lives && (at == 0 || EpochOf(at) > e.epoch())):
		return fmt.Errorf("in the digest, or not, against its expiry: %+v", e)
	case (e.flags&timed != 0) != (e.expireAt != 0) || (e.flags&ownExpiry != 0) != (e.e != e.v):
		return fmt.Errorf("its optional parts: %+v", e)
	case e.ghost && (e.keyLen+e.valueLen != 0 || e.page != 0 || e.flags&Deleted != 0):
		return fmt.Errorf("a ghost with more than versions: %+v", e)
	case sh.step == nil && max(e.v.Stamp, e.e.Stamp) > uint64(sh.clock): // the clock was mapped already (Step)
		return fmt.Errorf("stamped above the clock, which is at %x: %+v", sh.clock, e)
	case !sh.stale && (e.v != Version{} && e.v.Compare(sh.flush) <= 0 || e.e != Version{} && e.e.Compare(sh.flush) <= 0 || joins && e.base.Compare(sh.flush) < 0):
		return fmt.Errorf("below the flush %+v: %+v", sh.flush, e)
	}
	return nil
}

// verifyHeld compares what the store counts of drafts and pins with them.
func (v *env) verifyHeld(chains map[uint32]bool) error {
	claimed := int64(0)
	for d := range v.drafts.open {
		claimed += d.claim()
		n := 0
		for page := d.first; page != 0; page = v.memory.pages.next[page] {
			n++
		}
		if n != d.pages || (d.last == 0) != (d.first == 0) {
			return fmt.Errorf("a draft of %d pages has %d", d.pages, n)
		}
	}
	if claimed != v.drafts.claimed {
		return fmt.Errorf("drafts claim %d bytes, %d are counted", claimed, v.drafts.claimed)
	}
	pages := 0
	for first, c := range v.pins.chains {
		if pages += c.pages; c.readers <= 0 || c.orphan == chains[first] {
			return fmt.Errorf("pinned pages from %d: %+v, of an entry: %t", first, c, chains[first])
		}
	}
	if pages != v.pins.pages || len(v.pins.chains) != int(v.pins.count.Load()) {
		return fmt.Errorf("%d pages of %d chains are pinned, counted are %d of %d", pages, len(v.pins.chains), v.pins.pages, v.pins.count.Load())
	}
	if v.ahead.Load() != 0 || len(v.large) != 0 {
		return errors.New("room is being made, and nobody writes")
	}
	return nil
}
