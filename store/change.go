package store

import "slices"

// Change gives a key the value that change makes of the one that is there, if there is one, and keeps its time to live. It is a SET
// KEEPTTL that reads what it writes under one lock (R2): the last writer wins, and of a counter the number is a string from then on.
//
// room says of a value of so many bytes, 0 where there is none, how many the new one may take: that memory is made ready before the lock
// is taken, if nobody else changes the value meanwhile; a large value is put together then, too (changeLarge), and change called anew where
// somebody does. The error of room, which is told before the value is copied, or of change is
// returned, and then nothing is written. buf is memory for both values, of which the new one, r.Value, is left: buf or what append made of
// it. If the store is not certain that an absent key is absent it writes nothing and returns ErrUnsure, unless sure says that the peers
// were asked (R17).
func (s *Store) Change(buf, key []byte, hash, now uint64, sure bool, room func(length int) (int, error), change func(value []byte, there bool) ([]byte, error)) (r Record, err error) {
	if !s.Fits(key, nil) {
		return r, s.misfit(len(key), 0)
	}
	s.WarmKey(hash, true)
	buf, large := s.prepare(buf[:0], key, hash, now, room)
	defer s.roomUsed(large)
	if large > 0 {
		if r, err, done := s.changeLarge(buf, key, hash, now, sure, room, change); done {
			return r, err
		}
	}
	sh := s.shardOf(hash)
	var e entry
	sh.lock(now)
	there := sh.findLive(&e, key, hash, KindString, now) && e.readable(now)
	if !there && !sure && !sh.certain(&e) {
		err = ErrUnsure
	} else {
		buf, err = s.changed(sh, &e, there, buf, key, room, change)
	}
	if err != nil {
		s.endWrite(sh, key, hash, now)
		return r, err
	}
	v := s.version(sh, now)
	r = Record{
		Key: key, Value: buf, Kind: KindString, Content: Content(KindString, false, buf), Stamp: v.Stamp, Node: v.Node,
		ExpireStamp: v.Stamp, ExpireNode: v.Node,
	}
	if there {
		hit(e.cell)
		e.keep(&r)
	}
	sh.apply(&e, &r, true, true, now)
	sh.trim(e.at, now)
	s.endWrite(sh, key, hash, now)
	return r, nil
}

// changed returns the new value, if it fits.
func (s *Store) changed(sh *shard, e *entry, there bool, buf, key []byte, room func(length int) (int, error), change func(value []byte, there bool) ([]byte, error)) ([]byte, error) {
	length := 0
	if there {
		length = sh.textLen(e)
	}
	_, err := room(length)
	if err == nil && there {
		buf = sh.text(buf, e)
	}
	if err == nil {
		buf, err = change(buf, there)
	}
	if err == nil && !s.Fits(key, buf) {
		err = s.misfit(len(key), len(buf))
	}
	return buf, err
}

// prepare takes the memory for a change, and evicts for a large one, before there is a lock to do it under: large, which is for roomUsed, is
// how many bytes the new value takes then. Its error comes later.
func (s *Store) prepare(buf, key []byte, hash, now uint64, room func(length int) (int, error)) (out []byte, large int) {
	sh := s.shardOf(hash)
	sh.rlock(now)
	var e entry
	length := 0
	if sh.find(&e, key, hash) && e.readable(now) {
		length = sh.textLen(&e)
	}
	sh.mu.RUnlock()
	n, err := room(length)
	if err != nil || !s.fitting(len(key), n) {
		return buf, 0
	}
	if n >= roomFrom {
		s.makeRoom(key, n, hash, now)
		large = n
	}
	return slices.Grow(buf, max(n, length)), large
}
