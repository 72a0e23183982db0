package store

// Eviction is SIEVE (Zhang et al., "SIEVE is Simpler than LRU", 2024), a segment at a time. The log has entries in the
// order they came; the hand goes through it from old to new. An entry with a hit since the hand last came by loses the
// mark and stays, in its order: it moves to the segment in front of the hand. One without is evicted. The segment is free
// then. New entries come unmarked, so what is read once and never again goes first; but one that comes back while its ghost
// is there comes marked, as S3-FIFO has it: a ghost is a memory of having been wanted.

// over tells whether the store holds more than it may.
func (s *Store) over() bool      { return s.env.over() }
func (v *env) over() bool        { return v.memory.used.Load() > v.maxBytes }
func (sh *shard) borrowed() bool { return sh.bytes() > sh.env.share }

// evict empties the segment at the hand but for what was hit; with force all of it. The entry that lies at sh.spare stays.
// It returns how many entries were evicted.
func (sh *shard) evict(force bool, now uint64) int {
	l := &sh.logs[logMain]
	s := l.hand
	if s == 0 || s == l.last {
		s, l.keep = l.first, 0
	}
	if s == 0 {
		return 0
	}
	l.hand = sh.about(s).next
	before, why := sh.evictions, drainCold
	if force {
		why = drainAll
	}
	sh.drain(s, why, now)
	sh.limitGhosts(now)
	return int(sh.evictions - before)
}

// What drain does with an entry.
const (
	drainTidy = iota // moves it
	drainCold        // evicts it unless it was hit
	drainAll         // evicts it
)

// drain moves the entries of a segment that are to stay to the segment in front of it, and gives it back.
func (sh *shard) drain(s uint32, why int, now uint64) {
	l := &sh.logs[sh.about(s).log]
	if l.keep == s {
		l.keep = 0
	}
	sh.draining = s
	var e entry
	for at, size := sh.nextIn(s, 0); size != 0; at, size = sh.nextIn(s, int(at-sh.start(s))+size) {
		sh.visit(at, &e)
		if why != drainTidy {
			hot := why == drainCold && *e.cell&visited != 0
			*e.cell &^= visited
			if !hot && at != sh.spare && e.flags&gone == 0 {
				sh.evictEntry(&e, now)
				continue
			}
		}
		sh.move(&e)
	}
	sh.draining = 0
	sh.freeSegment(s)
}

// tidy collects left places while they take more than a quarter of a log, from the segment with the most of them among a
// few, a few segments at a time.
func (sh *shard) tidy(n int) {
	l := &sh.logs[n]
	for range tidyMost {
		if waste := sh.wasted(l); waste <= sh.segmentBytes(2)+sh.segmentBytes(l.segments)/4 {
			return
		}
		best := uint32(0)
		s := l.hand
		for look := 0; look < tidyLook; look++ {
			if s == 0 {
				s = l.first
			}
			if s != l.last && s != l.keep && (best == 0 || sh.about(s).live < sh.about(best).live) {
				best = s
			}
			s = sh.about(s).next
		}
		l.hand = s
		if best == 0 {
			return
		}
		sh.drain(best, drainTidy, 0)
	}
}

// trim ends a write: it moves on what moves in steps, and evicts a few segments while the store is over its budget and the
// shard takes more than its share. The caller holds the lock and has just written the entry that lies at spare.
func (sh *shard) trim(spare loc, now uint64) {
	if sh.index.step(sh.env.memory, stepCells) {
		sh.publish()
	}
	if sh.grown {
		sh.grown = false
		sh.shed(spare, now)
	}
	sh.hold()
}

// shed collects what was left, and evicts.
func (sh *shard) shed(spare loc, now uint64) {
	sh.spare = spare
	sh.tidy(logMain)
	sh.tidy(logTombs)
	for n := 0; n < ownVictims && sh.env.over() && sh.borrowed(); {
		if sh.index.step(sh.env.memory, sweepCells) { // two tables at a time are the first to go
			sh.publish()
			continue
		}
		sh.evict(n >= evictTries, now)
		n++
	}
	sh.spare = 0
}

// reclaim brings the store back under its budget: evictions from all shards in turn, each under its own lock, first from
// those that take more than their share, then ghosts, then tombstones. The key that was just written is spared. What is there is finite,
// so this ends; fits has made sure that it ends below the budget.
func (s *Store) reclaim(key []byte, hash, now uint64) {
	first := s.shardNumber(hash)
	for pass := 0; s.over(); pass++ {
		progress := pass < gentlePasses
		for n := 0; n < len(s.shards) && s.over(); n++ {
			sh := &s.shards[(first+1+n)%len(s.shards)]
			progress = sh.giveBack(key, hash, pass, now) || progress
		}
		if !progress {
			return
		}
	}
}

// settleBudget ends what is no write but may take memory: a table for the leaves of another epoch.
func (s *Store) settleBudget(now uint64) {
	if s.over() {
		s.reclaim(nil, 0, now)
	}
}

// giveBack evicts a segment, in late passes everything in it; if there is nothing, it forgets a segment of ghosts, or a
// batch of tombstones. It shrinks what emptied.
func (sh *shard) giveBack(key []byte, hash uint64, pass int, now uint64) (progress bool) {
	sh.lock(now)
	defer sh.mu.Unlock()
	if pass == 0 && !sh.borrowed() {
		return false
	}
	sh.slide(now)
	var e entry
	if sh.find(&e, key, hash) {
		sh.spare = e.at
	}
	before, late := sh.bytes(), pass >= gentlePasses
	if sh.index.step(sh.env.memory, giveCells) { // comes again if that was not all
		sh.publish()
		return true
	}
	progress = sh.evict(late, now) > 0
	if late && !progress {
		progress = sh.dropGhosts(now) || sh.purgeOldest(now, victimsPerLock) > 0
	}
	sh.compact()
	if late {
		sh.index.finish(sh.env.memory)
	}
	sh.publish()
	sh.spare = 0
	sh.hold()
	return progress || sh.bytes() < before
}

// compact gives back what only waits to be: places that were left, and tables that emptied.
func (sh *shard) compact() {
	sh.index.shrink(sh.env.memory)
	sh.index.step(sh.env.memory, sweepCells)
	for n := range sh.logs {
		sh.tidy(n)
		if l := &sh.logs[n]; l.segments == 1 && l.live == 0 {
			sh.freeSegment(l.first)
		}
	}
}
