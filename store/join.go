package store

import (
	"bytes"
	"cmp"
	"encoding/binary"
)

// Values of some kinds are put together where others replace each other (R27). What such a value goes on from is its
// origin: the SET, DEL or FLUSHALL before the first contribution, whose version is the reset version R. R is the base of the
// entry too, which therefore always has Keeps: what is left of one whose bytes are gone, a ghost say, still has it. V is
// the version of the latest contribution.
//
// Between two of which at least one joins, the higher R wins whole; that of a SET or DEL is its V. Of equal R two values
// are put together, and a value wins over the SET or DEL that it goes on from. What follows from V follows from the latest
// contribution: epochs, floor, ties of what has no bytes.
type origin struct {
	reset   Version // R
	content uint32  // content hash of the SET; 0 where there is none or it is not known
	form    uint32
}

// What an origin is.
const (
	originNone    uint32 = iota // nothing: an absent, deleted, expired or flushed key
	originSet                   // a SET, whose value the joined one goes on from
	originUnknown               // its value was evicted here (R16); whoever has it knows

	originBytes = 24
)

// readOrigin reads the beginning of a value of a kind with a join.
func readOrigin(value []byte) (o origin, ok bool) {
	if len(value) < originBytes {
		return o, false
	}
	le := binary.LittleEndian
	o = origin{Version{le.Uint64(value), le.Uint64(value[8:])}, le.Uint32(value[16:]), le.Uint32(value[20:])}
	return o, o.form <= originUnknown && (o.form == originSet || o.content == 0)
}

func (o origin) append(dst []byte) []byte {
	le := binary.LittleEndian
	dst = le.AppendUint64(le.AppendUint64(dst, o.reset.Stamp), o.reset.Node)
	return le.AppendUint32(le.AppendUint32(dst, o.content), o.form)
}

// none tells an origin whose R is worth nothing once the floor has passed it: a node that has forgotten the deletion begins
// at 0 (R14).
func (o origin) none(floor Version) bool { return o.form == originNone && o.reset.Compare(floor) <= 0 }

// compare returns +1 when a value of origin o and version v replaces one of origin p and version w, -1 when it is the other way round, 0
// when the two are put together. A node that has forgotten a deletion has counted on above it, so a value that lies wholly below the
// higher R was deleted.
func (o origin) compare(v Version, p origin, w, floor Version) int {
	c := o.reset.Compare(p.reset)
	later := c < 0 && v.Compare(p.reset) > 0 || c > 0 && w.Compare(o.reset) > 0
	switch {
	case later && o.none(floor) && p.none(floor):
		return 0
	case c != 0 || o.form == originUnknown || p.form == originUnknown || o.form == originNone && p.form == originNone:
		return c
	}
	return cmp.Compare(o.content, p.content) // two SETs of one version, of nodes that share an id
}

// over tells which of two origins that are put together is kept: the higher R, and what is known.
func (o origin) over(p origin) bool {
	if c := o.reset.Compare(p.reset); c != 0 {
		return c > 0
	}
	return o.form != originUnknown
}

func (e *entry) joins() bool  { return joins(e.kind) && e.flags&Deleted == 0 }
func (r *Record) joins() bool { return joins(r.Kind) && r.Flags&Bare != Deleted && !r.expiryOnly() }

// reset returns R of an entry.
func (e *entry) reset() Version {
	if e.joins() {
		return e.base
	}
	return e.v
}

// bytesless reports whether the entry has versions and no value.
func (e *entry) bytesless() bool { return e.ghost || e.flags&bare != 0 }

// origin returns the origin of an entry with this value. Of one that does not join it is its SET or DEL.
func (e *entry) origin(value []byte) origin {
	switch {
	case e.joins() && !e.bytesless():
		o, _ := readOrigin(value)
		return o
	case e.joins():
		return origin{e.base, 0, originUnknown}
	case e.flags&Deleted != 0:
		return origin{e.v, 0, originNone}
	}
	return origin{e.v, e.content, originSet}
}

func (r *Record) origin() origin {
	switch {
	case r.joins() && r.Flags&Bare != 0:
		return origin{Version{r.BaseStamp, r.BaseNode}, 0, originUnknown}
	case r.joins():
		o, _ := readOrigin(r.Value)
		return o
	case r.Flags&Deleted != 0 && r.Flags&Bare != Bare:
		return origin{r.Version(), 0, originNone}
	}
	return origin{r.Version(), r.Content, originSet}
}

// mergeJoin is merge where the entry or the record joins.
func (sh *shard) mergeJoin(e *entry, r *Record, noV, noE bool, now uint64) Outcome {
	takeE := !noE && e.compareE(r) > 0
	scratch := sh.env.borrow()
	defer sh.env.repay(scratch)
	o, rec := Older, *r
	if noV {
		o = Flushed
		sh.flushed++
	} else {
		var value []byte
		if !e.bytesless() {
			value = sh.head(e, r.Kind, scratch)
		}
		ours, theirs := e.origin(value), r.origin()
		switch c := theirs.compare(r.Version(), ours, e.v, *sh.env.floor.Load()); {
		case c > 0:
			o = Applied
		case c == 0:
			o = sh.meet(e, r, ours, theirs, value, scratch, &rec)
		}
	}
	takeV := o == Applied || o == Joined
	if !takeV && !takeE {
		return o
	}
	if !takeV && o != Flushed {
		o = Applied
	}
	sh.apply(e, &rec, takeV, takeE, now)
	if e.lacks() {
		o = NeedRecord
	}
	sh.trim(e.at, now)
	return o
}

// meet puts an entry and a record of one origin together. After Applied and Joined the entry is to become rec; Joined says
// that the sender lacks some of it.
func (sh *shard) meet(e *entry, r *Record, ours, theirs origin, value []byte, scratch *scratch, rec *Record) Outcome {
	kind, same := r.Kind, true
	if !r.joins() {
		kind = e.kind &^ marked
	} else if e.joins() {
		same = e.kind&^marked == r.Kind
	}
	switch {
	case !same:
		return replaces(cmp.Compare(r.Kind, e.kind&^marked))
	case e.bytesless() || r.Flags&Bare == Bare:
		return e.meetBytesless(r, rec)
	}
	a, b := value, r.Value
	var err error
	if !e.joins() {
		if scratch.text, err = ours.begin(scratch.text[:0], kind, e.kind, e.flags&Deleted != 0, value); err != nil {
			return Older
		}
		a = scratch.text
	}
	if !r.joins() {
		if scratch.text, err = theirs.begin(scratch.text[:0], kind, r.Kind, r.Flags&Deleted != 0, r.Value); err != nil {
			return Applied
		}
		b = scratch.text
	}
	if theirs.over(ours) {
		ours = theirs
	}
	scratch.joined = kinds[kind].join(ours.append(scratch.joined[:0]), a, b)
	return e.become(r, rec, kind, ours, value, scratch.joined)
}

// begin appends the value, of a kind that joins and without contributions, that goes on from a SET or DEL. The error says
// that the kind cannot go on from that SET.
func (o origin) begin(dst []byte, kind, from uint8, deleted bool, text []byte) ([]byte, error) {
	switch {
	case deleted:
		text = nil
	case from != KindString:
		return dst, ErrKind
	case text == nil:
		text = []byte{}
	}
	return kinds[kind].begin(o.append(dst), text)
}

// become makes rec what the entry is to be, and tells what that changes. value is what the entry has.
func (e *entry) become(r, rec *Record, kind uint8, o origin, value, joined []byte) Outcome {
	v := maxVersion(e.v, r.Version())
	theirs := r.joins() && v == r.Version() && bytes.Equal(joined, r.Value)
	if e.joins() && v == e.v && bytes.Equal(joined, value) {
		if theirs {
			return Same
		}
		return Older
	}
	rec.Kind, rec.Flags, rec.Value, rec.Content = kind, Keeps, joined, Content(kind, false, joined)
	if e.joins() {
		rec.Kind |= e.kind & marked
	}
	rec.Stamp, rec.Node, rec.BaseStamp, rec.BaseNode = v.Stamp, v.Node, o.reset.Stamp, o.reset.Node
	if theirs {
		return Applied
	}
	return Joined
}

// meetBytesless is meet where one of the two has versions and no value. The later contribution wins, and of equal ones the
// value.
func (e *entry) meetBytesless(r, rec *Record) Outcome {
	switch c := r.Version().Compare(e.v); {
	case !r.joins():
		return Older // the SET or DEL that the entry goes on from
	case !e.joins():
		return Applied
	case c != 0:
		return replaces(c)
	}
	c := cmp.Compare(r.Content, e.content)
	switch {
	case r.Flags&Bare == Bare && e.bytesless():
		return replaces(c)
	case r.Flags&Bare == Bare && c == 0:
		return Same
	case r.Flags&Bare == Bare:
		return Older
	}
	if c == 0 {
		rec.Kind |= e.kind & marked
	}
	return Applied
}

func replaces(c int) Outcome {
	switch {
	case c > 0:
		return Applied
	case c == 0:
		return Same
	}
	return Older
}

// begin returns the origin of what a node that finds the entry as it is, not readable, begins to contribute to.
func (sh *shard) begin(e *entry, now uint64) origin {
	o := origin{reset: sh.flush}
	if e.at == 0 {
		return o
	}
	reset := e.reset()
	after := max(reset.Stamp, e.e.Stamp) + 1
	switch {
	case e.flags&dead != 0, e.lacks() && e.expiry() != 0 && e.expiry() <= now:
		// The expiry is the deletion: nodes that begin after it begin at the same R.
		reset = Version{max(e.expireAt<<stampBits, after), 0}
	case e.bytesless():
		o.form = originUnknown
	case e.expireAt != 0 && e.e.Compare(reset) >= 0:
		reset = Version{after, 0} // the expiry of what was deleted is not to count
	}
	o.reset = maxVersion(o.reset, reset)
	return o
}

// contribute is a local write to a key of a kind that joins. f appends to dst what value becomes by a write of version v; own says that
// value has all that this node has contributed. The value of r lies in the array of out and is valid until the caller writes to out. An
// entry of another kind is ErrKind, unless this kind can go on from it. If the store is not certain that an absent key is absent it
// writes nothing and returns ErrUnsure, unless sure is set (R17). end may be nil, or gives the key an expiry in place of the old.
func (s *Store) contribute(dst, key []byte, kind uint8, hash, now uint64, sure bool, f func(dst, value []byte, v Version, own bool) ([]byte, error), end func(old uint64) (at uint64, ok bool)) (out []byte, r Record, err error) {
	if !s.Fits(key, nil) {
		return dst, r, s.misfit(len(key), 0)
	}
	sh := s.shardOf(hash)
	scratch := sh.env.borrow()
	defer sh.env.repay(scratch)
	s.WarmKey(hash, true)
	var e entry
	sh.lock(now)
	existed := sh.findLive(&e, key, hash, kind, now) && e.readable(now)
	if !existed && !sure && !sh.certain(&e) {
		s.endWrite(sh, key, hash, now)
		return dst, r, ErrUnsure
	}
	value, err := sh.source(&e, kind, existed, scratch, now)
	if err == nil {
		v := s.version(sh, now)
		own := e.kind&marked != 0 && existed
		if out, err = f(dst, value, v, own); err == nil {
			r, err = s.contribution(&e, key, kind, existed, value, out[len(dst):], v)
		}
	}
	if err != nil {
		s.endWrite(sh, key, hash, now)
		return dst, Record{}, err
	}
	if end != nil {
		if at, ok := end(r.Ends()); ok {
			r.ExpireAt, r.ExpireStamp, r.ExpireNode = at, r.Stamp, r.Node
		}
	}
	if existed {
		hit(e.cell)
	}
	sh.apply(&e, &r, true, r.Expiry() != e.e || r.ExpireAt != e.expireAt, now)
	sh.trim(e.at, now)
	s.endWrite(sh, key, hash, now)
	r.Kind &^= marked
	return out, r, nil
}

// source returns the value that a contribution is to change.
func (sh *shard) source(e *entry, kind uint8, existed bool, scratch *scratch, now uint64) ([]byte, error) {
	if existed && e.kind&^marked == kind {
		return sh.value(e, scratch), nil
	}
	o, text := sh.begin(e, now), []byte(nil)
	sh.clock.raise(o.reset.Stamp) // where time went back, an expiry that was applied is ahead of it
	if existed {
		o, text = e.origin(nil), sh.head(e, kind, scratch)
	}
	if existed && e.joins() {
		return nil, ErrKind
	}
	var err error
	scratch.joined, err = o.begin(scratch.joined[:0], kind, e.kind, !existed, text)
	return scratch.joined, err
}

// contribution is the record of a local write of value. One that is full is written anew, as a SET that keeps the time to live.
func (s *Store) contribution(e *entry, key []byte, kind uint8, existed bool, old, value []byte, v Version) (r Record, err error) {
	o, _ := readOrigin(value)
	at := uint64(0)
	if existed {
		at = e.expiry()
	}
	r = Record{
		Key: key, Value: value, Kind: kind, Flags: Keeps, Stamp: v.Stamp, Node: v.Node,
		BaseStamp: o.reset.Stamp, BaseNode: o.reset.Node,
		ExpireAt: e.expireAt, ExpireStamp: e.e.Stamp, ExpireNode: e.e.Node,
	}
	full := kinds[kind].full != nil && kinds[kind].full(old, value)
	if full {
		n := len(value)
		value = kinds[kind].text(value, value)[n:]
		r.Value, r.Kind, r.Flags, r.BaseStamp, r.BaseNode = value, KindString, 0, 0, 0
	}
	if full || at != 0 && e.e.Compare(o.reset) < 0 { // what counted by the base of a SET KEEPTTL is to count from R on
		r.ExpireAt, r.ExpireStamp, r.ExpireNode = at, v.Stamp, v.Node
	}
	if !s.Fits(key, value) {
		return r, s.misfit(len(key), len(value))
	}
	r.Content = Content(r.Kind, false, value)
	if r.Kind == kind {
		r.Kind |= marked
	}
	return r, nil
}

// restampOrigin gives the value of an entry the R that its base has become (R7).
func (sh *shard) restampOrigin(e *entry) {
	value := sh.read(nil, e, e.keyLen, e.keyLen+e.valueLen)
	binary.LittleEndian.PutUint64(value, e.base.Stamp)
	sh.patch(e, e.keyLen, value[:8])
	e.content = Content(e.kind&^marked, false, value)
}

// patch overwrites bytes of key and value, from one on.
func (sh *shard) patch(e *entry, from int, b []byte) {
	n := sh.inline(e)
	if from < n {
		b = b[copy(sh.mem[int(e.at)+e.body:][from:n], b):]
		from = n
	}
	pages := &sh.env.memory.pages
	for page := e.page; len(b) > 0; page = pages.next[page] {
		rest := pages.at(page)
		if skip := from - n; skip < len(rest) {
			k := copy(rest[skip:], b)
			b, from = b[k:], from+k
		}
		n += len(rest)
	}
}
