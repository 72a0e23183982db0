package store

// Flush removes every key: the flush register takes a version above all that the shards have given or seen (R4). It
// returns the update to send. All locks are held at once, taken in index order, but only to set the register: what it
// covers goes a whole shard at a time.
func (s *Store) Flush(now uint64) Record {
	s.lockAll()
	stamp := uint64(0)
	for i := range s.shards {
		c := s.shards[i].clock
		stamp = max(stamp, c.next(now))
	}
	s.stamped.Store(true)
	v := Version{stamp, s.node.Load()}
	s.raiseFlush(v, now)
	s.unlockAll()
	s.applyFlush(now)
	return Record{Flags: Flush, Stamp: v.Stamp, Node: v.Node}
}

// Flushed returns the flush register.
func (s *Store) Flushed() Version {
	sh := &s.shards[0]
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	return sh.flush
}

// mergeFlush raises the flush register to that of another node. Clocks go above it.
func (s *Store) mergeFlush(v Version, now uint64) Outcome {
	s.lockAll()
	c := v.Compare(s.shards[0].flush)
	if c > 0 {
		s.raiseFlush(v, now)
	}
	s.unlockAll()
	switch {
	case c < 0:
		return Older
	case c == 0:
		return Same
	}
	s.env.noteAll()
	s.applyFlush(now)
	return Applied
}

func (s *Store) lockAll() {
	for i := range s.shards {
		s.shards[i].mu.Lock()
	}
}

func (s *Store) unlockAll() {
	for i := range s.shards {
		s.shards[i].mu.Unlock()
	}
}

// raiseFlush sets a higher flush. The caller holds all locks. The register is part of the root; shard 0 carries it.
func (s *Store) raiseFlush(v Version, now uint64) {
	first := &s.shards[0]
	first.slide(now)
	first.sums.add(v.epoch(), flushPrint(v)-flushPrint(first.flush))
	for i := range s.shards {
		sh := &s.shards[i]
		sh.flush, sh.stale, sh.flown, sh.whole = v, true, true, sh.clock < clock(v.Stamp)
		sh.clock.raise(v.Stamp)
	}
}

// applyFlush forgets what the flush covers in all shards, one at a time.
func (s *Store) applyFlush(now uint64) {
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		sh.catchUp(now)
		sh.mu.Unlock()
	}
}

// catchUp applies to every entry of a shard what was only noted under all locks: a step (R7), then a flush. Until it has,
// the shard is stale: whoever comes first, reader or writer, does it.
func (sh *shard) catchUp(now uint64) {
	if !sh.stale {
		return
	}
	sh.restamp(now)
	if sh.flown {
		sh.applyFlush(now)
	}
	sh.stale, sh.flown, sh.whole = false, false, false
}

// applyFlush forgets what the flush covers in a shard, each register for itself, and keeps the rest.
func (sh *shard) applyFlush(now uint64) {
	sh.slide(now)
	if sh.whole {
		sh.reset(now)
	} else {
		for n := range sh.logs {
			sh.coverLog(&sh.logs[n], now)
		}
		sh.compact()
	}
	sh.publish()
	sh.hold()
}

// reset forgets all entries at once: no stamp of the shard is above the flush.
func (sh *shard) reset(now uint64) {
	epoch := sh.flush.epoch()
	for sh.expireDue(epoch<<epochBits, now, sweepSlice) >= sweepSlice {
		// What expires before the flush leaves the digest in its own epoch.
	}
	sh.sums.clear(epoch)
	if sh == &sh.env.shards[0] {
		sh.sums.add(epoch, flushPrint(sh.flush))
	}
	sh.leaves.clear(epoch)
	for n := range sh.logs {
		for l := &sh.logs[n]; l.first != 0; {
			sh.freePagesIn(l.first)
			sh.freeSegment(l.first)
		}
		sh.logs[n] = log{}
	}
	sh.index.reset(sh.env.memory)
	sh.lists, sh.wheel = [listCount]loc{}, wheel{tick: now >> wheelTickBits}
	sh.keys, sh.ghosts, sh.tombstones, sh.tombstoneBytes = 0, 0, 0, 0
}

// freePagesIn gives back the pages of the large entries of a segment.
func (sh *shard) freePagesIn(s uint32) {
	if sh.pages == 0 {
		return
	}
	var e entry
	for at, size := sh.nextIn(s, 0); size != 0; at, size = sh.nextIn(s, int(at-sh.start(s))+size) {
		if sh.load(at, &e); e.page != 0 {
			sh.freePages(&e)
		}
	}
}

// coverLog applies the flush to each entry of a log.
func (sh *shard) coverLog(l *log, now uint64) {
	var e entry
	for s := l.first; s != 0; {
		sh.draining = s
		for at, size := sh.nextIn(s, 0); size != 0; at, size = sh.nextIn(s, int(at-sh.start(s))+size) {
			sh.visit(at, &e)
			sh.cover(&e, now)
		}
		sh.draining = 0
		next := sh.about(s).next
		if sh.about(s).live == 0 {
			sh.freeSegment(s)
		}
		s = next
	}
}

// cover applies the flush to an entry.
func (sh *shard) cover(e *entry, now uint64) {
	v := sh.flush
	noV, noE := e.v.Compare(v) <= 0 || e.joins() && e.base.Compare(v) < 0, e.e.Compare(v) <= 0
	switch {
	case noV && (noE || e.ghost):
		sh.forget(e, v.epoch())
		if !noE { // a ghost has no key under which its expiry could be kept
			sh.setPartial(e.hash<<sh.bits, true)
		}
	case noV && e.v != Version{}, noE && e.e != Version{}:
		sh.settle(e, now)
		// What is covered is put back to where a key begins: V to a deletion, E to never, at the zero version.
		sh.apply(e, &Record{Key: sh.keyOf(e), Kind: e.kind & Composite, Flags: Deleted}, noV, noE, now)
	}
}
