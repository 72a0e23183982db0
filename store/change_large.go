package store

// A change of a large value makes its copies with no lock held: it pins what is there, puts the new value together, hashes it and writes
// it to pages of its own, and holds the lock only to make these the entry's, if nobody else has written meanwhile.

// largeChange is such a change under way.
type largeChange struct {
	key       []byte
	hash, now uint64
	sure      bool
	buf       []byte // the new value

	there  bool
	was    Version // of the value that is there
	length int     // bytes of it
	pin    Pin
	draft  Draft
}

// changeLarge makes a change as Change does. done is false if others wrote the value each time: then it is to be made under the lock.
func (s *Store) changeLarge(buf, key []byte, hash, now uint64, sure bool, room func(length int) (int, error), change func(value []byte, there bool) ([]byte, error)) (r Record, err error, done bool) {
	c := &largeChange{key: key, hash: hash, now: now, sure: sure, buf: buf}
	for range changeTries {
		if err = s.lookForChange(c, room); err == nil {
			for pieces := [][]byte(nil); c.pin.Left() > 0; {
				pieces = c.pin.Next(pieces[:0], c.pin.Left())
				for _, b := range pieces {
					c.buf = append(c.buf, b...)
				}
			}
			c.buf, err = change(c.buf, c.there)
		}
		if err == nil && !s.Fits(key, c.buf) {
			err = s.misfit(len(key), len(c.buf))
		}
		if err == nil {
			r, done = s.writeChange(c)
		}
		c.pin.Unpin()
		if c.draft.Drop(); err != nil || done {
			return r, err, true
		}
	}
	return r, nil, false
}

// lookForChange begins with what is there: what of it lies in pages is pinned, the rest, or all of it where too much is pinned, copied.
func (s *Store) lookForChange(c *largeChange, room func(length int) (int, error)) error {
	sh := s.shardOf(c.hash)
	sh.rlock(c.now)
	defer sh.mu.RUnlock()
	var e entry
	c.buf, c.there, c.was, c.length = c.buf[:0], sh.find(&e, c.key, c.hash) && e.readable(c.now), Version{}, 0
	switch {
	case c.there:
		c.was, c.length = e.v, sh.textLen(&e)
	case !c.sure && !sh.certain(&e):
		return ErrUnsure
	}
	if _, err := room(c.length); err != nil || !c.there {
		return err
	}
	c.buf = sh.readOrPin(c.buf, &e, 0, -1, &c.pin, s)
	return nil
}

// writeChange writes the new value, if what is there is still what the change began with, or was evicted since.
func (s *Store) writeChange(c *largeChange) (r Record, ok bool) {
	var d *Draft
	var content uint32
	if both := len(c.key) + c.length + len(c.buf); (both <= s.sure || s.fitsBeside(both)) && c.draft.Begin(s, c.key, c.hash, len(c.buf)) {
		for rest := c.buf; len(rest) > 0; c.draft.Settle(c.now) {
			rest = rest[c.draft.Write(rest[:min(len(rest), roomFrom)]):]
		}
		d, content = &c.draft, c.draft.content.end()
	} else {
		content = Content(KindString, false, c.buf)
	}
	sh := s.shardOf(c.hash)
	var e entry
	sh.lock(c.now)
	there := sh.findLive(&e, c.key, c.hash, KindString, c.now) && (e.readable(c.now) || c.there && e.stands(c.now))
	if ok = there == c.there && (!there || e.v == c.was) && (there || c.sure || sh.certain(&e)); ok {
		v := s.version(sh, c.now)
		r = Record{
			Key: c.key, Value: c.buf, Kind: KindString, Content: content, Stamp: v.Stamp, Node: v.Node, ExpireStamp: v.Stamp, ExpireNode: v.Node,
		}
		if there {
			e.keep(&r)
		}
		sh.draft = d
		sh.apply(&e, &r, true, true, c.now)
		sh.draft = nil
		sh.trim(e.at, c.now)
	}
	sh.mu.Unlock()
	c.pin.Unpin() // the pages of the old value go back without the lock
	s.settleBudget(c.now)
	return r, ok
}
