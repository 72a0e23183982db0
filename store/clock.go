package store

// TooFarAhead reports whether a stamp is more than MaxAhead ahead of now (cluster ms): no honest node sends one (R8).
func TooFarAhead(stamp, now uint64) bool { return stamp>>stampBits > now+MaxAhead }

// StampTime returns the cluster time of a stamp in ms.
func StampTime(stamp uint64) uint64 { return stamp >> stampBits }

// clock is the hybrid logical clock of one shard (R5): the last stamp given or merged. Guarded by the shard's lock.
type clock uint64

// next returns a stamp above all that were given or merged and not below now. The counter carries into the
// milliseconds: the clock runs ahead rather than stand still.
func (c *clock) next(now uint64) uint64 {
	*c = max(*c+1, clock(now<<stampBits))
	return uint64(*c)
}

func (c *clock) raise(stamp uint64) { *c = max(*c, clock(stamp)) }

// Stamped reports whether a local write was ever stamped. Until then the node's time may still step (R6).
func (s *Store) Stamped() bool { return s.stamped.Load() }

// RaiseClock makes every stamp given from now on higher than stamp.
func (s *Store) RaiseClock(stamp uint64) {
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		sh.clock.raise(stamp)
		sh.mu.Unlock()
	}
}

// Newest returns a stamp that nothing held here is above.
func (s *Store) Newest() uint64 {
	newest := clock(0)
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.RLock()
		newest = max(newest, sh.clock)
		sh.mu.RUnlock()
	}
	return uint64(newest)
}

// Stamp gives a version to what is no entry, such as a message: it is above that of every write so far to a key of this hash's shard.
func (s *Store) Stamp(hash, now uint64) Version {
	sh := s.shardOf(hash)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	return s.version(sh, now)
}

// version stamps a local write. The caller holds sh.mu.
func (s *Store) version(sh *shard, now uint64) Version {
	if !s.stamped.Load() {
		s.stamped.Store(true)
	}
	return Version{sh.clock.next(now), s.node.Load()}
}
