package store

import "math"

// Set stores a value (R2). With o.Get the value that was there is appended to dst, whether or not the new one is
// written. key and value are copied; out is dst or what append made of it. Where it depends on whether the key is there, and
// that is not certain, nothing is done: ErrUnsure.
func (s *Store) Set(dst, key, value []byte, hash, now uint64, o SetOptions) (out []byte, res SetResult) {
	s.WarmKey(hash, true)
	out = s.SetInto(&res, dst, key, value, hash, now, o)
	return out, res
}

// SetInto is Set with the result where the caller wants it: it is long, and whoever hands it on by value waits for its bytes. The key is
// to be warm (Warm): what is not is waited for under the lock.
func (s *Store) SetInto(res *SetResult, dst, key, value []byte, hash, now uint64, o SetOptions) (out []byte) {
	if !s.Fits(key, value) {
		*res = SetResult{Err: s.misfit(len(key), len(value))}
		return dst
	}
	if len(value) < roomFrom {
		return s.write(res, dst, key, value, nil, hash, now, o)
	}
	s.makeRoom(key, len(value), hash, now)
	dst = s.write(res, dst, key, value, nil, hash, now, o)
	s.roomUsed(len(value))
	return dst
}

// write is SetInto without a look at lengths. With a draft that is the value.
func (s *Store) write(res *SetResult, dst, key, value []byte, d *Draft, hash, now uint64, o SetOptions) (out []byte) {
	*res = SetResult{}
	sh := s.shardOf(hash)
	kind := o.kind()
	var content uint32
	if d == nil {
		content = Content(kind, false, value)
	} else {
		content = d.content.end()
	}
	r := &res.Record
	r.Key, r.Value, r.Kind, r.Content = key, value, kind, content
	sh.lock(now)
	if d == nil && kind == KindString && o.ExpireAt == 0 && !o.reads() && s.overwrite(sh, r, hash, now) {
		res.Existed, res.Written = true, true
		s.endWrite(sh, key, hash, now)
		return dst
	}
	var e entry
	res.Existed = sh.findLive(&e, key, hash, kind, now) && e.readable(now)
	if res.Existed {
		hit(e.cell)
		if o.Get {
			dst = sh.text(dst, &e)
		}
	}
	switch {
	case !res.Existed && o.reads() && !o.Sure && !sh.certain(&e):
		s.endWrite(sh, key, hash, now)
		res.Err = ErrUnsure
		return dst
	case !o.allow(sh, &e, res.Existed):
		s.endWrite(sh, key, hash, now)
		return dst
	}
	v := s.version(sh, now)
	res.Written = true
	r.Stamp, r.Node = v.Stamp, v.Node
	r.ExpireAt, r.ExpireStamp, r.ExpireNode = o.ExpireAt, v.Stamp, v.Node
	if res.Existed && o.KeepTTL {
		e.keep(r)
	}
	if d != nil {
		sh.draft = d
	}
	sh.apply(&e, r, true, true, now)
	if d != nil {
		sh.draft = nil
	}
	sh.trim(e.at, now)
	s.endWrite(sh, key, hash, now)
	return dst
}

// endWrite lets go of the shard, and makes room if the store is over its budget. A write that was not made may have brought it there: an
// expiry that it applied takes a table for the leaves of its epoch.
func (s *Store) endWrite(sh *shard, key []byte, hash, now uint64) {
	sh.mu.Unlock()
	if s.over() {
		s.reclaim(key, hash, now)
	}
}

// findLive finds a key for a write of a kind and settles its expiry.
func (sh *shard) findLive(e *entry, key []byte, hash uint64, kind uint8, now uint64) bool {
	if !sh.findKind(e, key, hash, kind) {
		return false
	}
	sh.settle(e, now)
	return true
}

// keep makes r a write over the entry that keeps its time to live: the expiry register goes along as it is, and base
// is the V of the last SET or DEL (R2).
func (e *entry) keep(r *Record) {
	base := e.v
	if e.flags&Keeps != 0 {
		base = e.base
	}
	r.Flags |= Keeps
	r.BaseStamp, r.BaseNode = base.Stamp, base.Node
	r.ExpireAt, r.ExpireStamp, r.ExpireNode = e.expireAt, e.e.Stamp, e.e.Node
}

// Delete leaves a tombstone (R13). Of a key that is not there it writes nothing, unless it is not certain to be absent or
// blind is set: for a node that cannot be sure that no other has it (R3, R17). Of a key that was evicted the ghost tells that it
// existed. The Record, for sending, is meant when written.
func (s *Store) Delete(key []byte, hash, now uint64, blind bool) (r Record, existed, written bool) {
	_, r, existed, written, _ = s.remove(nil, removal{}, key, hash, now, blind)
	return r, existed, written
}

// Take is Delete, and appends the value that was there to dst. Of a key that is not certain to be absent it writes nothing,
// ErrUnsure, unless sure is set: that it is absent was asked for.
func (s *Store) Take(dst, key []byte, hash, now uint64, sure bool) (out []byte, r Record, existed, written bool, err error) {
	return s.remove(dst, removal{take: true}, key, hash, now, sure)
}

// DeleteIf is Delete of a key that is there with a value that meets a condition. Of another it writes nothing, ErrUnsure if it is not
// certain to be absent.
func (s *Store) DeleteIf(key []byte, hash, now uint64, c Condition) (r Record, existed, written bool, err error) {
	_, r, existed, written, err = s.remove(nil, removal{cond: &c}, key, hash, now, false)
	return r, existed, written, err
}

// removal says what a deletion reads of what it deletes.
type removal struct {
	take bool       // the value is wanted
	cond *Condition // it has to meet this
}

func (s *Store) remove(dst []byte, how removal, key []byte, hash, now uint64, blind bool) (out []byte, r Record, existed, written bool, err error) {
	if !s.Fits(key, nil) {
		return dst, r, false, false, nil
	}
	sh := s.shardOf(hash)
	var e entry
	sh.lock(now)
	live := sh.findLive(&e, key, hash, KindString, now)
	reads := how.take || how.cond != nil
	existed = live && (e.readable(now) || !reads && e.stands(now))
	if existed && how.cond != nil && !how.cond.met(sh, &e) {
		s.endWrite(sh, key, hash, now)
		return dst, r, existed, false, nil
	}
	if !existed && !blind {
		if !sh.certain(&e) {
			err = ErrUnsure
		}
		if reads || err == nil {
			s.endWrite(sh, key, hash, now)
			return dst, r, false, false, err
		}
	}
	if existed && how.take {
		dst = sh.text(dst, &e)
	}
	v := s.version(sh, now)
	r = Record{
		Key: key, Kind: KindString, Flags: Deleted, Content: tombstoneContent, Stamp: v.Stamp, Node: v.Node,
		ExpireStamp: v.Stamp, ExpireNode: v.Node,
	}
	sh.apply(&e, &r, true, true, now)
	sh.trim(e.at, now)
	s.endWrite(sh, key, hash, now)
	return dst, r, existed, true, nil
}

var tombstoneContent = Content(KindString, true, nil)

// Expire sets the expiry of a live key to at, in cluster ms; a time that is past ends it now. The Record names the
// version it saw and has no value; ok is false when the key is not there or cond is not met.
func (s *Store) Expire(key []byte, hash, now, at uint64, cond ExpireCond) (r Record, ok bool) {
	at = max(at, 1) // 0 would be never
	r, ok, _ = s.expiry(key, hash, now, nil, func(old uint64) (uint64, bool) { return at, cond.met(old, at) })
	return r, ok
}

// ExpireIf is Expire of a key that is there with a value that meets a condition; at 0 takes the expiry off, if there is one or not. Of
// another it writes nothing, ErrUnsure if it is not certain to be absent.
func (s *Store) ExpireIf(key []byte, hash, now, at uint64, cond ExpireCond, c Condition) (r Record, ok bool, err error) {
	return s.expiry(key, hash, now, &c, func(old uint64) (uint64, bool) { return at, cond.met(old, at) })
}

// ExtendIf is ExpireIf of a key that has an expiry, to so many ms after that.
func (s *Store) ExtendIf(key []byte, hash, now uint64, by int64, c Condition) (r Record, ok bool, err error) {
	return s.expiry(key, hash, now, &c, func(old uint64) (uint64, bool) { return later(old, by), old != 0 })
}

// later moves an expiry by ms, within the times that a client can give.
func later(at uint64, by int64) uint64 {
	at = min(at, math.MaxInt64)
	if by < 0 {
		return max(at, uint64(-by)+1) - uint64(-by)
	}
	return min(at+uint64(by), math.MaxInt64)
}

// met reports whether an expiry may go from old to at; 0 is never.
func (c ExpireCond) met(old, at uint64) bool {
	switch {
	case c&ExpireNX != 0 && old != 0:
		return false
	case c&ExpireXX != 0 && old == 0:
		return false
	case c&ExpireGT != 0 && (old == 0 || at <= old):
		return false
	case c&ExpireLT != 0 && old != 0 && at >= old:
		return false
	}
	return true
}

// Persist takes the expiry off a live key that has one.
func (s *Store) Persist(key []byte, hash, now uint64) (r Record, ok bool) {
	r, ok, _ = s.expiry(key, hash, now, nil, func(old uint64) (uint64, bool) { return 0, old != 0 })
	return r, ok
}

// expiry writes the expiry register alone (R2) if the value meets c, which may be nil, and next allows it. next says what to write, given
// the expiry that counts now. err is ErrUnsure, with a condition only, if the key is not certain to be absent.
func (s *Store) expiry(key []byte, hash, now uint64, c *Condition, next func(old uint64) (at uint64, ok bool)) (r Record, ok bool, err error) {
	sh := s.shardOf(hash)
	var e entry
	var at uint64
	sh.lock(now)
	there := sh.findLive(&e, key, hash, KindString, now) && e.readable(now)
	if there && (c == nil || c.met(sh, &e)) {
		at, ok = next(e.expiry())
	}
	if !ok {
		if !there && c != nil && !sh.certain(&e) {
			err = ErrUnsure
		}
		s.endWrite(sh, key, hash, now)
		return r, false, err
	}
	v := s.version(sh, now)
	r = Record{
		Key: key, Kind: e.kind &^ marked, Flags: ExpiryOnly, Content: e.content, Stamp: e.v.Stamp, Node: e.v.Node,
		ExpireAt: at, ExpireStamp: v.Stamp, ExpireNode: v.Node,
	}
	hit(e.cell)
	if sh.env.misses(OneRegister) {
		sh.again(&e, &r)
	}
	sh.apply(&e, &r, r.Flags == 0, true, now)
	sh.trim(e.at, now)
	s.endWrite(sh, key, hash, now)
	return r, true, nil
}
