package store

import "math/bits"

// wheel finds the entries whose expiry is due without looking at the others: a hierarchical timing wheel whose buckets
// are lists of the shard. An entry lies on the level of the highest digit (of wheelSlotBits bits) in which its tick
// differs from tick, so it comes down one level or more each time that digit is reached, and is due on level 0. After
// Varghese and Lauck, "Hashed and Hierarchical Timing Wheels" (1987).
//
// The wheel is only about finding: a read compares the expiry itself and is right to the millisecond.
type wheel struct {
	tick     uint64 // the next tick to go through
	count    int    // entries in buckets and on listFar
	far      int    // those on listFar
	recalled uint64 // the tick at which listFar was last looked through,
	left     int    // and how many of its entries are still to be looked at
}

// schedule puts the entry at a place where its expiry will be found.
func (sh *shard) schedule(place loc, at, now uint64) {
	if sh.wheel.count == 0 {
		sh.wheel.tick = max(sh.wheel.tick, now>>wheelTickBits)
	}
	sh.link(place, sh.wheel.bucket(at))
}

// bucket returns the list for an expiry time, seen from the tick reached.
func (w *wheel) bucket(at uint64) uint16 {
	tick := max(at>>wheelTickBits, w.tick)
	level := 0
	if d := tick ^ w.tick; d != 0 {
		level = (bits.Len64(d) - 1) / wheelSlotBits
	}
	if level >= wheelLevels {
		return listFar
	}
	return listWheel + uint16(level)<<wheelSlotBits + digit(tick, level)
}

// list returns the bucket that the tick has reached on a level.
func (w *wheel) list(level int) uint16 {
	return listWheel + uint16(level)<<wheelSlotBits + digit(w.tick, level)
}

func digit(tick uint64, level int) uint16 {
	return uint16(tick>>(level*wheelSlotBits)) & (1<<wheelSlotBits - 1)
}

// expireDue applies expiries up to until, a time rounded down to a tick, as far as the budget of entries goes, and
// returns how many entries it handled: less than the budget when nothing is left to do.
func (sh *shard) expireDue(until, now uint64, budget int) (worked int) {
	target := until >> wheelTickBits
	w := &sh.wheel
	var e entry
	for w.tick < target {
		if w.count == 0 {
			w.tick = target
			break
		}
		worked += sh.cascade(budget - worked)
		due := &sh.lists[w.list(0)]
		for ; *due != 0 && worked < budget; worked++ {
			if sh.visit(*due, &e); sh.env.misses(ForgetExpired) {
				sh.forget(&e, EpochOf(e.expiry()))
				continue
			}
			sh.expire(&e, now)
		}
		if worked >= budget {
			return worked
		}
		w.tick = sh.nextTick(target)
	}
	return worked
}

// nextTick returns the first tick after the one reached, up to target, at which a bucket is to be looked at: a long
// time in which nothing happened costs a few steps.
func (sh *shard) nextTick(target uint64) uint64 {
	w := &sh.wheel
	for level := range wheelLevels {
		shift := level * wheelSlotBits
		row := w.tick >> shift &^ (1<<wheelSlotBits - 1)
		for d := uint64(digit(w.tick, level)) + 1; d < 1<<wheelSlotBits; d++ {
			tick := (row + d) << shift
			if tick >= target {
				return target
			}
			if sh.lists[listWheel+uint16(level)<<wheelSlotBits+uint16(d)] != 0 {
				return tick
			}
		}
	}
	const reach = wheelLevels * wheelSlotBits
	return min(target, (w.tick>>reach+1)<<reach)
}

// cascade brings down, highest level first, what lies in the buckets whose digit the tick has just reached. Cut short
// by the budget it is taken up again at the same tick.
func (sh *shard) cascade(budget int) (worked int) {
	w := &sh.wheel
	if w.tick&(1<<(wheelLevels*wheelSlotBits)-1) == 0 {
		worked = sh.recall(budget)
	}
	for level := wheelLevels - 1; level > 0; level-- {
		if w.tick&(1<<(level*wheelSlotBits)-1) != 0 {
			continue
		}
		bucket := &sh.lists[w.list(level)]
		for ; *bucket != 0 && worked < budget; worked++ {
			sh.lower(*bucket)
		}
	}
	return worked
}

// recall looks through listFar, once in 12 days: what has come into reach moves to the wheel, the rest goes to the end,
// behind what was not yet looked at. Cut short by the budget it is taken up again at the same tick.
func (sh *shard) recall(budget int) (worked int) {
	w := &sh.wheel
	if w.recalled != w.tick {
		w.recalled, w.left = w.tick, w.far
	}
	for ; w.left > 0 && w.far > 0 && worked < budget; worked++ {
		sh.lower(sh.lists[listFar])
		w.left--
	}
	return worked
}

// lower puts an entry where it belongs as seen from the tick reached.
func (sh *shard) lower(at loc) {
	var e entry
	sh.load(at, &e)
	sh.unlink(&e)
	sh.link(at, sh.wheel.bucket(e.expiry()))
}

// expire makes an entry, whose expiry is reached, a dead record: it leaves the digest from the epoch of the expiry on,
// wherever now is, and keeps its value for BareAfter (R3).
func (sh *shard) expire(e *entry, now uint64) {
	sh.noteEntry(e)
	sh.slide(now)
	sh.detach(e)
	sh.uncount(e, EpochOf(e.expiry()))
	e.flags |= dead
	e.since = sh.env.local(now)
	sh.put(e, true, nil, nil)
	sh.attach(e, now)
	sh.expired++
}

// settle applies the expiry of an entry if now has reached it. Every write does it first, so that what it replaces has
// left the digest in the right epoch.
func (sh *shard) settle(e *entry, now uint64) {
	if at := e.expiry(); at != 0 && at <= now && e.flags&gone == 0 {
		sh.expire(e, now)
	}
}

// Sweep does what time asks for: applies due expiries, drops the values of records dead for BareAfter, forgets
// tombstones past the horizon or over their budget (which raises the floor, R14), and gives back tables that emptied.
// It handles at most budget entries, a few at each hold of a lock, and returns how many; less than budget means that
// nothing is left to do now, but to move on in steps what moves in steps. Each call begins with the shard after the last one's.
func (s *Store) Sweep(now uint64, budget int) (worked int) { return s.SweepPart(now, 1, budget) }

// SweepPart is Sweep of the next of so many parts of the shards, for who may not be away for as long as all of them take. What
// moves in steps moves parts steps at once, and so as fast as if every call had come to all shards.
func (s *Store) SweepPart(now uint64, parts, budget int) (worked int) {
	for range (len(s.shards) + parts - 1) / parts {
		if worked >= budget {
			break
		}
		sh := &s.shards[s.sweepHand.Add(1)%uint32(len(s.shards))]
		for steps := 1; ; steps++ {
			slice := min(sweepSlice, budget-worked)
			n, moved := sh.sweep(now, slice)
			worked += n
			if worked >= budget || n < slice && (!moved || steps >= parts) {
				break
			}
		}
	}
	s.settleBudget(now)
	return worked
}

// sweep is a hold of the lock. moved: something went a step on, and may have more to go.
func (sh *shard) sweep(now uint64, budget int) (worked int, moved bool) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.slide(now)
	sh.leaves.rest()
	sh.catchUp(now)
	worked = sh.expireDue(now, now, budget)
	worked += sh.stripDue(now, budget-worked)
	worked += sh.purgeDue(now, budget-worked)
	moved = sh.compact()
	sh.publish()
	sh.hold()
	return worked, moved
}
