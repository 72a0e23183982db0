package store

import "cmp"

// Merge takes in a record of another node. V and E are registers that only grow, each by its own rule (R1), so the
// order in which records come does not matter, nor how often they come. It keeps nothing of r. hash is Hash(r.Key).
func (s *Store) Merge(r *Record, hash, now uint64) Outcome {
	s.WarmKey(hash, true)
	if o, done := s.mergeAside(r, hash, now); done {
		return o
	}
	sh := s.shardOf(hash)
	sh.lock(now)
	o := sh.merge(r, hash, now)
	sh.noteMerged(r, o)
	sh.mu.Unlock()
	if s.over() {
		s.reclaim(r.Key, hash, now)
	}
	s.roomUsed(len(r.Value))
	return o
}

// MergeRun merges records as Merge does, in their order; those of one shard that follow each other under one lock. hashes
// are of their keys, outcomes takes what became of each: both have at least their number.
func (s *Store) MergeRun(recs []Record, hashes []uint64, outcomes []Outcome, now uint64) {
	hashes, outcomes = hashes[:len(recs)], outcomes[:len(recs)]
	for _, hash := range hashes {
		s.WarmKey(hash, true)
	}
	for i := 0; i < len(recs); {
		var done bool
		if outcomes[i], done = s.mergeAside(&recs[i], hashes[i], now); done {
			i++
			continue
		}
		sh, first := s.shardOf(hashes[i]), len(recs[i].Value) // a large one comes first in its run: it needs more than the lock (aside)
		sh.lock(now)
		for {
			outcomes[i] = sh.merge(&recs[i], hashes[i], now)
			sh.noteMerged(&recs[i], outcomes[i])
			i++
			if i == len(recs) || s.over() || s.shardOf(hashes[i]) != sh || aside(&recs[i], now) || !s.Fits(recs[i].Key, recs[i].Value) {
				break
			}
		}
		sh.mu.Unlock()
		if s.over() {
			s.reclaim(recs[i-1].Key, hashes[i-1], now)
		}
		s.roomUsed(first)
	}
}

// aside tells a record that needs more than the lock of its shard, or a look before it.
func aside(r *Record, now uint64) bool {
	return r.Flags&Flush != 0 || r.Kind != KindString || len(r.Value) >= roomFrom ||
		TooFarAhead(max(r.Stamp, r.ExpireStamp, r.BaseStamp), now)
}

// mergeAside does what comes before the lock is taken. done: there is nothing left to do.
func (s *Store) mergeAside(r *Record, hash, now uint64) (o Outcome, done bool) {
	fits := s.Fits(r.Key, r.Value)
	if fits && !aside(r, now) {
		return 0, false
	}
	sh := s.shardOf(hash)
	switch {
	case TooFarAhead(max(r.Stamp, r.ExpireStamp, r.BaseStamp), now) && !s.env.misses(WithoutBound):
		sh.mu.Lock()
		sh.ahead++
		sh.mu.Unlock()
		return Ahead, true
	case r.Flags&Flush != 0:
		return s.mergeFlush(r.Version(), now), true
	case !fits && r.Kind == KindString && r.Flags&(Deleted|ExpiryOnly) == 0 && s.fitting(len(r.Key), 0) && len(r.Value) <= MaxValueBytes:
		return s.mergeLarge(r, hash, now), true
	case !fits || r.Kind != KindString && !r.fine():
		sh.mu.Lock()
		sh.refused++
		sh.mu.Unlock()
		return Refused, true
	case len(r.Value) >= roomFrom:
		s.makeRoom(r.Key, len(r.Value), hash, now)
	}
	return 0, false
}

// mergeLarge takes in a record whose value fits in no way: it comes without, and is evicted at once (R16). Others have it, so it is not
// absent here, nor what it was before. It counts as evicted once: each command that needs it has it sent again (R17).
func (s *Store) mergeLarge(r *Record, hash, now uint64) Outcome {
	cut := *r
	cut.Value = nil
	sh := s.shardOf(hash)
	sh.lock(now)
	var e entry
	again := sh.find(&e, r.Key, hash) && e.ghost && e.v == r.Version() && e.content == r.Content
	o := sh.merge(&cut, hash, now)
	sh.noteMerged(&cut, o)
	came := sh.find(&e, r.Key, hash) && !e.ghost && e.flags&(Deleted|bare) == 0 && e.v == r.Version() && e.content == r.Content
	if came && e.valueLen < len(r.Value) { // or the value is here already: it has room, whatever the next would have
		sh.evictEntry(&e, now)
		if !again {
			sh.evictions++
		}
		sh.limitGhosts(now)
	}
	s.endWrite(sh, r.Key, hash, now)
	return o
}

func (sh *shard) merge(r *Record, hash, now uint64) Outcome {
	sh.clock.raise(max(r.Stamp, r.ExpireStamp))
	// 1. What the flush covers counts as never written, each register for itself (R4).
	noV, noE := r.Version().Compare(sh.flush) <= 0, r.Expiry().Compare(sh.flush) <= 0
	if r.Kind != KindString && r.joins() {
		noV = noV || r.origin().reset.Compare(sh.flush) < 0
	}
	if noV && noE {
		sh.flushed++
		return Flushed
	}
	var e entry
	if !sh.findKind(&e, r.Key, hash, r.Kind) {
		return sh.mergeAbsent(&e, r, now, noV, noE)
	}
	// 2. Each register moves if the record's is higher.
	sh.settle(&e, now)
	if e.kind|r.Kind != KindString && !r.expiryOnly() && (e.joins() || r.joins()) {
		return sh.mergeJoin(&e, r, noV, noE, now)
	}
	byV := -1
	if !noV {
		byV = e.compareV(r)
	}
	if byV > 0 && r.expiryOnly() {
		return NeedRecord
	}
	takeE := !noE && e.compareE(r) > 0
	takeV := byV > 0 || byV == 0 && (e.flags&bare != 0 || e.ghost) && r.Flags&(Deleted|ExpiryOnly) == 0
	if !takeV && !takeE {
		switch {
		case noV:
			sh.flushed++
			return Flushed
		case byV == 0 && (noE || e.compareE(r) == 0):
			return Same
		}
		return Older
	}
	sh.apply(&e, r, takeV, takeE, now)
	return sh.merged(&e, noV, now)
}

// mergeAbsent takes in a record of a key that is not here. noV and noE say which of its registers the flush covers.
func (sh *shard) mergeAbsent(e *entry, r *Record, now uint64, noV, noE bool) Outcome {
	floor := *sh.env.floor.Load()
	top := r.Version()
	if noV {
		top = r.Expiry()
	}
	switch {
	case top.Compare(floor) <= 0 && sh.certain(e) && !sh.env.misses(WithoutFloor):
		if r.Flags&Deleted == 0 { // of a tombstone nothing is lost
			sh.droppedByFloor++
		}
		return Refused
	case !noV && r.expiryOnly():
		return NeedRecord
	}
	// A key begins as a deletion at the zero version.
	*e = entry{hash: e.hash, flags: Deleted, kind: r.Kind}
	sh.apply(e, r, !noV, !noE, now)
	return sh.merged(e, noV, now)
}

// merged ends a merge that changed an entry. A record that came to life by its new expiry, its value gone, asks for it (R3).
func (sh *shard) merged(e *entry, noV bool, now uint64) Outcome {
	o := Applied
	switch {
	case noV:
		sh.flushed++
		o = Flushed
	case e.lacks():
		o = NeedRecord
	}
	sh.trim(e.at, now)
	return o
}

// compareV returns +1 when V of r is above the entry's, -1 when below (R1). The content hash breaks a tie of two nodes
// that share an id; what it does not cover, base, is compared last, so that no order of arrival shows.
func (e *entry) compareV(r *Record) int {
	if c := r.Version().Compare(e.v); c != 0 {
		return c
	}
	if c := cmp.Compare(r.Content, e.content); c != 0 || r.expiryOnly() {
		return c
	}
	if c := cmp.Compare(r.Flags&Keeps, e.flags&Keeps); c != 0 || r.Flags&Keeps == 0 {
		return c
	}
	return Version{r.BaseStamp, r.BaseNode}.Compare(e.base)
}

// compareE is the same for the expiry register: the higher (E, expiry time) wins.
func (e *entry) compareE(r *Record) int {
	if c := r.Expiry().Compare(e.e); c != 0 {
		return c
	}
	return cmp.Compare(r.ExpireAt, e.expireAt)
}
