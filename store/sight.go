package store

// Sight is what the store knows of a key at one time, without its value. Two of them tell whether the key was written in between (Since).
type Sight struct {
	Meta    Meta   // of an absent key: the version of its deletion or of its evicted value, if known
	Content uint32 // hash of the value
	There   bool

	known     bool    // it is there, was deleted or was evicted: it has a version
	flush     Version // the flush register: what a later one covers leaves no trace, whatever its stamp
	now       uint64  // the time of the look, and of every later write, at the least
	moved     uint32  // ms that the time has stepped by so far; now is in that time
	buried    uint64  // when the youngest tombstone came that its shard has purged
	forgotten uint64  // how many ghosts of its shard were forgotten so far
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
	a.flush, a.moved, a.buried, a.forgotten = sh.flush, sh.env.moved, sh.buried, sh.forgotten
	a.now = max(now, sightSlack) - sightSlack // another loop's turn may have begun earlier
	sh.mu.RUnlock()
	return a
}

// Since reports whether the key may have been written, deleted, evicted, or given another time to live since then. If nothing is known of
// the key, and traces of a write in between may have been purged, flushed or forgotten, it reports true.
func (a *Sight) Since(then *Sight) bool {
	switch {
	case a.There || then.There:
		return a.There != then.There || a.Meta != then.Meta || a.Content != then.Content
	case a.known && a.Meta.Version != Version{}: // the zero version is what a flush leaves where only an expiry is above it
		return a.Meta.Version != then.Meta.Version
	}
	return a.flush != then.flush || a.buried > then.now || a.moved != then.moved || a.forgotten != then.forgotten
}
