package store

// Eviction is S3-FIFO in outline (Yang et al., "FIFO queues are all you need for cache eviction", 2023), a segment at a time.
// What is new lies in the trial log; what was wanted again, and what was there when there was room, in the main log.
//
//   - From the trial log the oldest segment is emptied: an entry that was hit goes on to the main log, another is evicted.
//   - From the main log the oldest segment is emptied while the trial log has less than its share: an entry with hits loses
//     one and goes to the end, another is evicted. That one of the trial log takes its place is earned, so what is read once
//     and never again, be it a scan or a loop larger than the cache, leaves the main log as it is.
//   - A key that comes back while its ghost is there goes to the main log. Its ghost tells which log lost it, and that log's
//     share grows: as in ARC (Megiddo and Modha, "ARC: A self-tuning, low overhead replacement cache", 2003) what a log
//     loses counts the more, the less it loses. So the trial log is small where the popular stay the same, and most of the
//     store where they change.
//   - A main log that is full takes only as much as the trial log pays for with what it gives up: an entry without a hit has
//     then been so for longer than a ghost is kept, and not only since the last loser of the same fight.
//   - Of each few segments one is emptied from the main log for nothing, to find what is no longer wanted.
type trial struct {
	share   int64     // of the two logs, in 1/shareUnit
	credit  int64     // bytes that a full main log still takes
	emptied int       // segments of the trial log
	lost    [2]uint32 // entries evicted of late, by log
}

// over reports whether the store holds more than it may.
func (s *Store) over() bool      { return s.env.over() }
func (v *env) over() bool        { return v.memory.used.Load() > v.maxBytes }
func (sh *shard) borrowed() bool { return sh.bytes() > sh.env.share }

// evict empties the segment whose turn it is but for what was hit; with force all of it. The entry that lies at sh.spare
// stays. It returns how many entries were evicted.
func (sh *shard) evict(force bool, now uint64) int {
	before := sh.evictions
	sh.fillMain()
	turn, other := logTrial, logMain
	if sh.logBytes(logTrial) <= sh.trialBytes() {
		turn, other = other, turn
	}
	if !sh.emptyOldest(turn, force, now) || force && sh.evictions == before {
		sh.emptyOldest(other, force, now)
	}
	sh.limitGhosts(now)
	return int(sh.evictions - before)
}

// emptyOldest empties the oldest segment of a log; false if there is none.
func (sh *shard) emptyOldest(log int, force bool, now uint64) bool {
	s, why := sh.logs[log].first, drainCold
	if s == 0 {
		return false
	}
	if force {
		why = drainAll
	}
	sh.drain(s, why, now)
	if log == logTrial {
		sh.trial.credit = min(sh.trial.credit+sh.segmentBytes(1)/creditShare, sh.segmentBytes(creditMost))
		if sh.trial.emptied++; sh.trial.emptied%exploreEvery == 0 {
			sh.emptyOldest(logMain, false, now)
		}
	}
	return true
}

// logBytes is what the segments of a log take, and the pages of its large entries.
func (sh *shard) logBytes(n int) int64 {
	l := &sh.logs[n]
	return sh.segmentBytes(l.segments) + int64(l.pages)*sh.env.memory.pages.cost
}

// trialBytes is what the trial log may have of both.
func (sh *shard) trialBytes() int64 {
	both := sh.logBytes(logTrial) + sh.logBytes(logMain)
	return max(both/shareUnit*sh.trial.share+both%shareUnit*sh.trial.share/shareUnit, sh.segmentBytes(1))
}

// fillMain gives the oldest segments of the trial log, as they are, to a main log that has room for them: a few, for a
// trial log grows by one at a time.
func (sh *shard) fillMain() {
	l := &sh.logs[logTrial]
	for range fillMost {
		s := l.first
		rest := sh.logBytes(logTrial) - sh.segmentBytes(1)
		if s == l.last || rest <= sh.trialBytes()+sh.slack() {
			return
		}
		pages := sh.pagesIn(s)
		if rest-int64(pages)*sh.env.memory.pages.cost <= sh.trialBytes()+sh.slack() {
			return
		}
		sh.delist(s)
		sh.enlist(s, logMain, 0)
		l.pages -= pages
		sh.logs[logMain].pages += pages
	}
}

// slack is how much more than its share the trial log keeps of what main has room for: the logs grow and shrink by whole
// segments, and that must not carry what nobody wanted into main.
func (sh *shard) slack() int64 { return sh.segmentBytes(3) / 2 }

// mainTakes reports whether an entry that was wanted again goes to the main log. If that is full, it costs credit.
func (sh *shard) mainTakes(size int) bool {
	if sh.logBytes(logTrial) > sh.trialBytes()+sh.slack() {
		return true
	}
	if sh.trial.credit <= 0 {
		return false
	}
	sh.trial.credit -= int64(size)
	return true
}

// part marks the ghost of an entry that a log lost.
func (sh *shard) part(e *entry, log uint8) {
	*e.cell &^= allHits
	if log == logMain {
		*e.cell |= oneHit
	}
	lost := &sh.trial.lost
	if lost[log]++; int(lost[logMain]+lost[logTrial]) > max(sh.ghosts, lostLeast) {
		lost[logMain] /= 2
		lost[logTrial] /= 2
	}
}

// welcome takes the mark off a ghost whose key is written again. When it was wanted, not deleted, the log that lost it
// grows: by an entry or, where there are many ghosts, less, times the losses of the other log for each of its own.
func (sh *shard) welcome(e *entry, wanted bool) {
	log, other := logTrial, logMain
	if *e.cell&allHits != 0 {
		log, other = logMain, logTrial
	}
	*e.cell &^= allHits
	if !wanted {
		return
	}
	e.wanted = sh.mainTakes(e.size)
	lost := &sh.trial.lost
	times := min(max(int64(lost[other])/max(1, int64(lost[log])), 1), timesMost)
	step := shareUnit / int64(max(1, sh.keys, ghostsFew*sh.ghosts)) * times
	if log == logMain {
		step = -step
	}
	sh.trial.share = min(max(sh.trial.share+step, trialLeast), trialMost)
}

// What drain does with an entry.
const (
	drainTidy = iota // moves it
	drainCold        // evicts it unless it was hit
	drainAll         // evicts it
)

// drain moves the entries of a segment that are to stay, and gives it back.
func (sh *shard) drain(s uint32, why int, now uint64) {
	log := sh.about(s).log
	l := &sh.logs[log]
	if l.keep == s {
		l.keep = 0
	}
	sh.draining = s
	var e entry
	for at, size := sh.nextIn(s, 0); size != 0; at, size = sh.nextIn(s, int(at-sh.start(s))+size) {
		sh.visit(at, &e)
		if why == drainTidy {
			sh.move(&e, log, true)
			continue
		}
		hits := *e.cell & allHits
		if (hits == 0 || why == drainAll) && at != sh.spare && e.flags&gone == 0 {
			sh.evictEntry(&e, now)
			sh.evictions++
			continue
		}
		to := log
		switch {
		case log == logTrial:
			*e.cell &^= allHits
			if hits != 0 && sh.mainTakes(size) {
				to = logMain
			}
		case hits != 0:
			*e.cell -= oneHit
		}
		sh.move(&e, to, false)
	}
	sh.draining = 0
	sh.freeSegment(s)
}

// tidy collects left places while they take more than a quarter of a log, from the segment with the most of them among a
// few, a few segments at a time. It tells whether there was one.
func (sh *shard) tidy(n int) (drained bool) {
	l, looks := &sh.logs[n], tidyLook
	if n == logTombs || n == logGhosts {
		looks = 1 // the oldest are to go first: one segment after another, so that all stay in their order
	}
	for range tidyMost {
		if waste := sh.wasted(l); waste <= sh.segmentBytes(2)+sh.segmentBytes(l.segments)/4 {
			break
		}
		best := uint32(0)
		s := l.hand
		for range looks {
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
			break
		}
		if looks == 1 && l.keep != 0 && sh.about(l.keep).next != best {
			l.keep = 0
		}
		sh.drain(best, drainTidy, 0)
		drained = true
	}
	return drained
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
	sh.fillMain()
	sh.tidy(logMain)
	sh.tidy(logTrial)
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

// What reclaim takes, each once nothing of the one before is left in any shard: of a tombstone that goes too early somebody
// may lose more than a copy (R13).
const (
	takeCold = iota // values, but what was hit, for gentlePasses rounds
	takeValues
	takeGhosts
	takeTombstones
	takeNothing
)

// reclaim brings the store back under its budget: from all shards in turn, each under its own lock, first from those that
// take more than their share. The key that was just written is spared. What is there is finite, so this ends; fits has made
// sure that it ends below the budget.
func (s *Store) reclaim(key []byte, hash, now uint64) {
	first := s.shardNumber(hash)
	for stage, pass := takeCold, 0; s.over() && stage < takeNothing; pass++ {
		progress := false
		for n := 0; n < len(s.shards) && s.over(); n++ {
			sh := &s.shards[(first+1+n)%len(s.shards)]
			progress = sh.giveBack(key, hash, stage, pass == 0, now) || progress
		}
		if pass+1 >= gentlePasses && (stage == takeCold || !progress) {
			stage++
		}
	}
}

// settleBudget ends what is no write but may take memory: a table for the leaves of another epoch.
func (s *Store) settleBudget(now uint64) {
	if s.over() {
		s.reclaim(nil, 0, now)
	}
}

// giveBack evicts a segment, from takeValues on everything in it; if there is nothing, it forgets what the stage allows: a
// segment of ghosts, or a batch of tombstones. It shrinks what emptied. With borrowed a shard does so only if it takes more
// than its share.
func (sh *shard) giveBack(key []byte, hash uint64, stage int, borrowed bool, now uint64) (progress bool) {
	sh.lock(now)
	defer sh.mu.Unlock()
	if borrowed && !sh.borrowed() {
		return false
	}
	sh.slide(now)
	var e entry
	if sh.find(&e, key, hash) {
		sh.spare = e.at
	}
	before := sh.bytes()
	if sh.index.step(sh.env.memory, giveCells) { // comes again if that was not all
		sh.publish()
		return true
	}
	progress = sh.evict(stage >= takeValues, now) > 0 ||
		stage >= takeGhosts && sh.dropGhosts(now) ||
		stage >= takeTombstones && sh.purgeOldest(now, victimsPerLock) > 0
	sh.compact()
	if stage >= takeValues {
		sh.index.finish(sh.env.memory)
	}
	sh.publish()
	sh.spare = 0
	sh.hold()
	return progress || sh.bytes() < before
}

// compact gives back what only waits to be, in a step: places that were left, and tables that emptied. It tells whether there was
// something.
func (sh *shard) compact() (moved bool) {
	sh.index.shrink(sh.env.memory)
	moved = sh.index.step(sh.env.memory, sweepCells)
	for n := range sh.logs {
		moved = sh.tidy(n) || moved
		if l := &sh.logs[n]; l.segments == 1 && l.live == 0 {
			sh.freeSegment(l.first)
		}
	}
	return moved
}
