package store

// Flush removes every key: the flush register takes a version above all that the shards have given or seen (R4). It
// returns the update to send. All locks are held at once, taken in index order.
func (s *Store) Flush(now uint64) Record {
	s.lockAll()
	defer s.unlockAll()
	stamp := uint64(0)
	for i := range s.shards {
		stamp = max(stamp, s.shards[i].clock.next(now))
	}
	s.stamped.Store(true)
	v := Version{stamp, s.node.Load()}
	s.raiseFlush(v, now)
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
	defer s.unlockAll()
	switch c := v.Compare(s.shards[0].flush); {
	case c < 0:
		return Older
	case c == 0:
		return Same
	}
	s.raiseFlush(v, now)
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

// raiseFlush applies a higher flush. The caller holds all locks. The register is part of the root; shard 0 carries it.
func (s *Store) raiseFlush(v Version, now uint64) {
	first := &s.shards[0]
	first.sums.slide(EpochOf(now))
	first.sums.add(v.epoch(), flushPrint(v)-flushPrint(first.flush))
	for i := range s.shards {
		s.shards[i].raiseFlush(v, now)
	}
}

// raiseFlush forgets what the flush covers, each register for itself, and keeps the rest.
func (sh *shard) raiseFlush(v Version, now uint64) {
	sh.flush = v
	sh.clock.raise(v.Stamp)
	sh.sums.slide(EpochOf(now))
	for i := range sh.high {
		e := sh.at(i)
		if e.flags&used == 0 {
			continue
		}
		noV, noE := e.v.Compare(v) <= 0, e.e.Compare(v) <= 0
		switch {
		case noV && noE:
			sh.forget(i, v.epoch())
		case noV, noE && e.e != Version{}:
			sh.settle(i, now)
			// What is covered is put back to where a key begins: V to a deletion, E to never, at the zero version.
			sh.apply(i, &Record{Key: e.key(), Flags: Deleted}, noV, noE, now)
		}
	}
	sh.compact()
	sh.publish()
}
