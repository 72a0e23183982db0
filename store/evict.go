package store

// evict forgets the first readable entry that the hand finds without a hit since it last came by, and takes the mark
// off those it passes: CLOCK over the slots. New entries come unmarked, as in SIEVE, so what is read once and never
// again goes first. Slot keep is passed over. It returns false when there is nothing to evict.
func (sh *shard) evict(keep uint32, now uint64) bool {
	for n := 2 * int(sh.high); n > 0 && sh.keys > 0; n-- {
		if sh.hand >= sh.high {
			sh.hand = 0
		}
		i := sh.hand
		sh.hand++
		e := sh.at(i)
		if i == keep || e.flags&used == 0 || e.flags&gone != 0 {
			continue
		}
		if e.visited != 0 {
			e.visited = 0
			continue
		}
		sh.forget(i, EpochOf(now))
		sh.evictions++
		return true
	}
	return false
}

// trim evicts a few entries of a shard while the store is over its budget. The caller holds the lock and has just
// written slot keep.
func (sh *shard) trim(keep uint32, now uint64) {
	sh.publish()
	for n := 0; n < ownVictims && sh.env.used.Load() > sh.env.maxBytes; n++ {
		if !sh.evict(keep, now) {
			return
		}
		sh.publish()
	}
}

// over tells whether the store holds more than it may.
func (s *Store) over() bool { return s.env.used.Load() > s.env.maxBytes }

// reclaim brings the store back under its budget: evictions from all shards in turn, each under its own lock, then
// tombstones. The key that was just written is spared. What is there is finite, so this ends; fits has made sure that
// it ends below the budget.
func (s *Store) reclaim(key []byte, hash, now uint64) {
	first := s.shardNumber(hash)
	for tombstones := false; s.over(); {
		progress := false
		for n := range s.shards {
			sh := &s.shards[(first+1+n)%len(s.shards)]
			progress = sh.giveBack(key, hash, now, tombstones) || progress
			if !s.over() {
				return
			}
		}
		if !progress {
			if tombstones {
				return
			}
			tombstones = true
		}
	}
}

// giveBack evicts a batch, or with tombstones forgets a batch of those, and shrinks tables that emptied.
func (sh *shard) giveBack(key []byte, hash, now uint64, tombstones bool) (progress bool) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if tombstones {
		progress = sh.purgeOldest(now, victimsPerLock) > 0
	} else {
		keep, _ := sh.find(key, hash)
		for n := 0; n < victimsPerLock && sh.evict(keep, now); n++ {
			progress = true
		}
	}
	progress = sh.compact() || progress
	sh.publish()
	return progress
}

// compact gives back slots and index cells when less than half of them are in use. Slots get new numbers, in the same
// order, and the round moves on, so that cursors of before start over: they may see an entry twice, never miss one.
func (sh *shard) compact() bool {
	if len(sh.chunks) <= 1 && sh.live > 0 || len(sh.chunks) == 0 || sh.live*2 >= len(sh.chunks)*chunkEntries {
		return false
	}
	old, high := sh.chunks, sh.high
	number := make([]uint32, high)
	moved := make([]*[chunkEntries]entry, (sh.live+chunkEntries-1)/chunkEntries)
	for c := range moved {
		moved[c] = new([chunkEntries]entry)
	}
	n := uint32(0)
	for i := range high {
		if e := &old[i/chunkEntries][i%chunkEntries]; e.flags&used != 0 {
			moved[n/chunkEntries][n%chunkEntries] = *e
			number[i] = n
			n++
		}
	}
	sh.bytes -= int64(len(old)-len(moved))*chunkBytes + sh.index.bytes()
	sh.chunks, sh.high, sh.free, sh.hand = moved, n, none, 0
	sh.round++
	sh.renumber(number)
	sh.bytes += sh.index.bytes()
	return true
}

// renumber mends what names slots after compact: lists and index.
func (sh *shard) renumber(number []uint32) {
	mend := func(i *uint32) {
		if *i != none {
			*i = number[*i]
		}
	}
	for l := range sh.lists {
		mend(&sh.lists[l].first)
		mend(&sh.lists[l].last)
	}
	cells := 0
	if sh.live > 0 {
		for cells = minCells; (sh.live+1)*4 > cells*3; cells *= 2 {
		}
	}
	sh.index = index{cells: make([]uint64, cells)}
	for i := range sh.high {
		e := sh.at(i)
		if e.list != listNone {
			mend(&e.next)
			mend(&e.prev)
		}
		sh.index.insert(e.hash, i)
	}
}
