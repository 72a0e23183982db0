package store

import "sync"

// Memory that is no entry's, and counts against the budget all the same.

// charge is what the caller holds beside the store: buffers of values on their way in or out.
type charge struct {
	mu    sync.Mutex
	asked int64 // bytes that Charge was called with
	taken int64 // bytes of them that memory.used has: never more than may be taken
}

// chargeable is how much of a budget room for others may take: so little that the largest write always fits beside it,
// and a few more at one time, once all else is evicted.
func chargeable(budget int64) int64 {
	return max(0, budget-2*(MaxKeyBytes+MaxValueBytes)) / chargeShare
}

// Charge counts bytes that the caller holds beside the store, or with a negative number holds no longer, against the
// budget: the next write or Sweep evicts for them. What all of them make up beyond 1/chargeShare of the budget is not
// counted, nor is anything where the budget is hardly larger than the largest value.
func (s *Store) Charge(bytes int64) {
	c, most := &s.env.charge, chargeable(s.env.budget)
	c.mu.Lock()
	c.asked += bytes
	taken := min(max(0, c.asked), most)
	s.env.memory.used.Add(taken - c.taken)
	c.taken = taken
	c.mu.Unlock()
}

// charged returns the bytes that memory.used has by Charge.
func (v *env) charged() int64 {
	v.charge.mu.Lock()
	defer v.charge.mu.Unlock()
	return v.charge.taken
}

// fitsBeside reports whether an entry of so many bytes fits beside what cannot be evicted now: what is claimed for values that have not
// come whole, values that are being read, and what the caller holds. Only one of more than s.sure needs it: in a store of 100 MiB or more
// there is none.
func (s *Store) fitsBeside(bytes int) bool {
	v := s.env
	held := v.charged()
	v.drafts.mu.Lock()
	held += v.drafts.claimed
	v.drafts.mu.Unlock()
	v.pins.mu.Lock()
	held += int64(v.pins.pages * v.memory.pages.unit)
	v.pins.mu.Unlock()
	return int64(bytes)+held <= int64(s.limit)
}

// makeRoom evicts for a write of a value of so many bytes, a large one, before it is made, so that the store never holds both; what is made
// in the end is put right after it, as with every write. Key and value of the entry that it replaces count as room. Writes beyond largeWrites
// wait here, with no lock held, until others have called roomUsed: each may take its pages before it has evicted for them, and there is an
// end of those.
func (s *Store) makeRoom(key []byte, value int, hash, now uint64) {
	s.env.large <- struct{}{}
	sh := s.shardOf(hash)
	sh.rlock(now)
	var e entry
	need := int64(value)
	if sh.find(&e, key, hash) {
		need -= int64(e.valueLen)
	}
	sh.mu.RUnlock()
	if need < roomFrom {
		return
	}
	ahead := &s.env.ahead
	if ahead.Add(need) <= chargeable(s.env.budget) {
		s.env.memory.used.Add(need)
		if s.over() {
			s.reclaim(key, hash, now)
		}
		s.env.memory.used.Add(-need)
	}
	ahead.Add(-need)
}

// roomUsed ends a write of a value of so many bytes, after what it took was evicted for: another large one may begin.
func (s *Store) roomUsed(value int) {
	if value >= roomFrom {
		<-s.env.large
	}
}
