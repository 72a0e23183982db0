package store

// An evicted entry leaves a ghost (R16): its place in the index with key hash, V, E, expiry time and content hash, without
// key and value. It stays in the digest and refuses what is older; the same version fills it again. Ghosts lie in a log of
// their own, oldest first. When they exceed their budget the oldest segment goes, and its leaves become partial: of a key
// there it is no longer known that it was never written.

// evictEntry makes an entry a ghost, a dead one if its expiry is due: the wheel may not see it before later. The caller counts it.
func (sh *shard) evictEntry(e *entry, now uint64) {
	sh.settle(e, now)
	sh.noteEntry(e)
	if sh.env.misses(WithoutGhosts) {
		sh.forget(e, EpochOf(now))
		return
	}
	sh.detach(e)
	if e.page != 0 {
		sh.freePages(e)
	}
	e.ghost, e.keyLen, e.valueLen = true, 0, 0
	log := sh.logAt(e.at)
	sh.put(e, false, nil, nil)
	sh.part(e, log)
	sh.attach(e, now)
}

// limitGhosts forgets the oldest ghosts while they take more than their budget.
func (sh *shard) limitGhosts(now uint64) {
	for l := &sh.logs[logGhosts]; sh.segmentBytes(l.segments) > sh.env.ghosts; {
		sh.dropGhosts(now)
	}
}

// dropGhosts forgets the ghosts of the oldest segment; false if there is none.
func (sh *shard) dropGhosts(now uint64) bool {
	s := sh.logs[logGhosts].first
	if s == 0 {
		return false
	}
	sh.draining = s
	sh.env.forgets.Store(true)
	var e entry
	for at, size := sh.nextIn(s, 0); size != 0; at, size = sh.nextIn(s, int(at-sh.start(s))+size) {
		sh.visit(at, &e)
		sh.forget(&e, EpochOf(now))
		sh.setPartial(e.hash<<sh.bits, true)
		sh.forgotten++
	}
	sh.draining = 0
	sh.freeSegment(s)
	return true
}

// certain tells of what find left of a key whether it is sure that the key is, or is not, there: an entry tells, be it a
// tombstone, a ghost does not.
func (sh *shard) certain(e *entry) bool {
	return !e.ghost && (e.at != 0 || !sh.leaves.isPartial(e.hash<<sh.bits))
}

// Certain reports whether what Get and Delete say of a key can be relied on: not when it was evicted here, or may have been
// (R16, R17). Of a key that is there it is always certain.
func (s *Store) Certain(key []byte, hash, now uint64) bool {
	sh := s.shardOf(hash)
	sh.rlock(now)
	defer sh.mu.RUnlock()
	var e entry
	sh.find(&e, key, hash)
	return sh.certain(&e)
}

// Partial appends to dst the bitmap of the partial leaves of a digest shard, the first leaf lowest: LeafCount bits, in words
// of 64.
func (s *Store) Partial(dst []uint64, shard int) []uint64 {
	n := s.LeafCount()
	sh, rest := s.leaf(shard, 0)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	for i := 0; i < n; i += 64 {
		word := uint64(0)
		for k := 0; k < min(n-i, 64); k++ {
			if sh.leaves.isPartial(rest + uint64(i+k)<<(64-sh.leaves.bits)) {
				word |= 1 << k
			}
		}
		dst = append(dst, word)
	}
	return dst
}

// PartialChanges counts how often a leaf has become partial or complete.
func (s *Store) PartialChanges() uint64 { return s.env.partials.Load() }

// Forgets reports whether ghosts, or young tombstones, were ever forgotten here: not all that others have has room.
func (s *Store) Forgets() bool { return s.env.forgets.Load() }

// Roomy reports whether so much of the budget is free that what was evicted and forgotten may come again.
func (s *Store) Roomy() bool {
	return s.env.memory.used.Load() <= s.env.maxBytes-s.env.maxBytes/roomyShare
}

// setPartial notes whether the leaf of a hash is partial.
func (sh *shard) setPartial(rest uint64, partial bool) {
	if sh.leaves.isPartial(rest) != partial {
		sh.leaves.setPartial(rest, partial)
		sh.env.partials.Add(1)
	}
}

// SetPartial notes that a leaf of a digest shard is partial, because no donor's was complete, or complete, after a full
// exchange with a complete one (R16).
func (s *Store) SetPartial(shard, leaf int, partial bool) {
	if shard < 0 || shard >= MaxShards || leaf < 0 || leaf >= s.LeafCount() {
		return
	}
	sh, rest := s.leaf(shard, leaf)
	sh.mu.Lock()
	sh.setPartial(rest, partial)
	sh.mu.Unlock()
}

// leaf returns the lock shard of a leaf and the lowest hash of the leaf without the bits of the lock shard's number.
func (s *Store) leaf(shard, leaf int) (*shard, uint64) {
	hash := uint64(shard)<<56 | uint64(leaf)<<(64-s.env.leafBits)
	sh := s.shardOf(hash)
	return sh, hash << sh.bits
}
