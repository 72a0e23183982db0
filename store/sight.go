package store

// Sight is what the store knows of a key at one time, without its value. Two of them tell whether the key was written in between (Since).
type Sight struct {
	Meta    Meta   // of an absent key: the version of its deletion or of its evicted value, if known
	Content uint32 // hash of the value
	There   bool

	known     bool   // it is there, was deleted or was evicted: it has a version
	clock     uint64 // every later write in its shard has a higher stamp
	moved     uint32 // ms that the time has stepped by so far; clock is in that time
	past      uint64 // the highest stamp of which a flush or the floor may have removed every trace
	forgotten uint64 // how many ghosts of its shard were forgotten so far
}

// Seen returns the Sight of a key.
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
	// The clock of a shard in which nothing is written stands still while the floor moves on, so now counts too; less sightSlack, for another
	// loop's turn may have begun earlier.
	a.clock = max(uint64(sh.clock), (max(now, sightSlack)-sightSlack)<<stampBits)
	a.moved, a.forgotten = sh.env.moved, sh.forgotten
	a.past = max(sh.flush.Stamp, sh.env.floor.Load().Stamp)
	sh.mu.RUnlock()
	return a
}

// Since reports whether the key may have been written, deleted, evicted, or given another time to live since then. If nothing is known of
// the key, and traces of a write in between may have been purged, flushed or forgotten, it reports true.
func (a *Sight) Since(then *Sight) bool {
	switch {
	case a.There || then.There:
		return a.There != then.There || a.Meta != then.Meta || a.Content != then.Content
	case a.known:
		return a.Meta.Version != then.Meta.Version
	}
	return a.past > then.clock || a.moved != then.moved || a.forgotten != then.forgotten
}
