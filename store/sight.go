package store

// Sight is what is known of a key at one time without reading its value: two of them tell whether it was written between.
type Sight struct {
	Meta    Meta   // of one that is not there the version of its deletion, or of what was evicted, if that is known
	Content uint32 // hash of the value
	There   bool

	known     bool   // it is there, was deleted or was evicted: it has a version
	clock     uint64 // what is written later in its shard has a higher stamp
	moved     uint32 // ms that the time has stepped by: clock is of that time
	past      uint64 // the highest stamp that the flush or the floor may have taken away without a trace
	forgotten uint64 // ghosts of its shard that went without a trace
}

// Seen looks at a key for Since.
func (s *Store) Seen(key []byte, hash, now uint64) (a Sight) {
	sh := s.shardOf(hash)
	sh.rlock(now)
	var e entry
	if a.known = sh.find(&e, key, hash); a.known {
		if a.There = !e.ghost && e.readable(now); a.There {
			a.Meta, a.Content = e.meta(), e.content
			hit(e.cell)
		} else {
			a.Meta.Version = e.v
		}
	}
	// The clock of a shard in which nothing is written stands still, and floor and time go past it. Nobody else's turn is so late.
	a.clock = max(uint64(sh.clock), (max(now, sightSlack)-sightSlack)<<stampBits)
	a.moved, a.forgotten = sh.env.moved, sh.forgotten
	a.past = max(sh.flush.Stamp, sh.env.floor.Load().Stamp)
	sh.mu.RUnlock()
	return a
}

// Since reports whether the key may have been written, deleted, evicted, or given another time to live, since then. Where nothing is
// left of it, and may have been in between, it says so: what was purged, flushed, or forgotten has left no trace of its own.
func (a *Sight) Since(then *Sight) bool {
	switch {
	case a.There || then.There:
		return a.There != then.There || a.Meta != then.Meta || a.Content != then.Content
	case a.known:
		return a.Meta.Version != then.Meta.Version
	}
	return a.past > then.clock || a.moved != then.moved || a.forgotten != then.forgotten
}
