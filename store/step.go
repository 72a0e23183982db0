package store

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// Step is a step of the cluster's time (R7), in cluster ms: what was Old is New from then on.
//
// Forward nothing changes but the time. Back, the stamps above New, which would all be ahead, are squeezed into the
// second after it, in their order; stamps that are given between the announcement and the step, above Old, follow behind.
// Every expiry moves back with the time. All nodes of a group map alike, so that what several hold stays one version.
type Step struct {
	Old, New uint64 // ms
	Least    uint64 // the lowest stamp above New that the announcer held: the second is shared out from there; 0: from New
}

// What a step leaves of the second to stamps below Least: they are of what the announcer did not hold.
const stepRest = stepWidth / 64

// Back reports whether stamps are mapped.
func (st *Step) Back() bool { return st.New < st.Old }

// Stamp maps a stamp. It keeps order; two stamps may become one.
func (st *Step) Stamp(stamp uint64) uint64 {
	to, from := st.New<<stampBits, st.Old<<stampBits
	switch {
	case !st.Back() || stamp <= to:
		return stamp
	case stamp > from:
		return stamp - from + to + stepWidth
	case st.Least <= to || st.Least >= from:
		return to + share(stamp-to, stepWidth, from-to)
	case stamp < st.Least:
		return to + share(stamp-to, stepRest, st.Least-to)
	}
	return to + stepRest + share(stamp-st.Least, stepWidth-stepRest, from-st.Least)
}

// share is part * width / whole, for a part of the whole.
func share(part, width, whole uint64) uint64 {
	hi, lo := bits.Mul64(part, width)
	q, _ := bits.Div64(hi, lo, whole)
	return q
}

// Expiry maps an expiry time, in cluster ms; 0 stays never.
func (st *Step) Expiry(at uint64) uint64 {
	if at == 0 || !st.Back() {
		return at
	}
	return max(at, st.Old-st.New+1) - (st.Old - st.New)
}

// Version maps a register that stands alone: a floor, a flush.
func (st *Step) Version(v Version) Version { return Version{st.Stamp(v.Stamp), v.Node} }

// Record maps a record. Its encoding stays as long as it was. The value of a kind that joins holds R (R27), which is mapped
// where it lies.
func (st *Step) Record(r *Record) {
	v, e, base := r.Version(), r.Expiry(), Version{r.BaseStamp, r.BaseNode}
	st.versions(&v, &e, &base, r.Flags&Keeps != 0, r.joins())
	r.Stamp, r.ExpireStamp, r.BaseStamp = v.Stamp, e.Stamp, base.Stamp
	r.ExpireAt = st.Expiry(r.ExpireAt)
	if r.joins() && len(r.Value) >= originBytes && st.Back() {
		binary.LittleEndian.PutUint64(r.Value, base.Stamp)
		r.Content = Content(r.Kind, false, r.Value)
	}
}

// versions maps those of one record. Whether E counts (R2) stays as it was, also where two stamps have become one, but
// where base is R (R27), which is to be the same everywhere.
func (st *Step) versions(v, e, base *Version, keeps, joins bool) {
	order, counts := e.Compare(*v), e.Compare(*base) >= 0
	*v, *e, *base = st.Version(*v), st.Version(*e), st.Version(*base)
	switch {
	case order > 0 && e.Compare(*v) <= 0:
		e.Stamp = v.Stamp + 1
	case order < 0 && e.Compare(*v) >= 0:
		e.Stamp = v.Stamp - 1
	}
	switch {
	case !keeps || joins || counts == (e.Compare(*base) >= 0):
	case counts:
		base.Stamp = e.Stamp - 1
	default:
		base.Stamp = e.Stamp + 1
	}
}

// liftApart is how far above the stamps of a record versions may put others of it, to keep two apart: E one above V, base one above that.
// A clock goes on above them: a SET with the stamp of an older EXPIRE would have that one's expiry, wherever both come.
const liftApart = 2

// Step moves the store to another time. No call may be under way that was given the time before it. All locks are held, to
// map the registers and the clocks; the entries of a shard are mapped when it is next come to, reader or writer (catchUp).
// Epochs up to that of the second that was filled have no root any more.
func (s *Store) Step(st Step) {
	s.lockAll()
	defer s.unlockAll()
	v := s.env
	v.moved += uint32(st.New - st.Old)
	v.noteAll()
	if !st.Back() {
		return
	}
	v.stepped.Store(EpochOf(st.New) + 1 + stepWidth>>(stampBits+epochBits))
	floor := st.Version(*v.floor.Load())
	v.floor.Store(&floor)
	for i := range s.shards {
		sh := &s.shards[i]
		sh.restamp(st.Old)
		sh.clock = clock(st.Stamp(uint64(sh.clock)) + liftApart)
		sh.flushWas, sh.flush = sh.flush, st.Version(sh.flush)
		sh.clock.raise(sh.flush.Stamp + liftV + liftApart)
		sh.buried = st.Expiry(sh.buried)
		sh.step, sh.stale = &st, true
	}
}

// Rewind begins fingerprints and wheel anew after a step back of the time that maps no stamp (R6): what is held came from
// others, and is of the time stepped to. No call may be under way that was given the time before it.
func (s *Store) Rewind(now uint64) {
	s.lockAll()
	defer s.unlockAll()
	s.env.noteAll()
	s.env.stepped.Store(0)
	for i := range s.shards {
		sh := &s.shards[i]
		sh.restamp(now)
		sh.step = &Step{Old: now, New: now}
		sh.restamp(now)
	}
}

// restamp applies the step that waits in a shard: each entry where it lies, then all that is made of their stamps and
// expiries, fingerprints and wheel, from the beginning. now is in the time stepped to.
func (sh *shard) restamp(now uint64) {
	st := sh.step
	if st == nil {
		return
	}
	sh.step = nil
	oldest := max(EpochOf(now), epochsKept) - epochsKept + 1
	sh.sums = sums{oldest: oldest}
	sh.leaves.reset(oldest)
	if sh == &sh.env.shards[0] {
		sh.sums.add(sh.flush.epoch(), flushPrint(sh.flush))
	}
	for i := range sh.lists {
		if awaits(uint16(i)) {
			sh.lists[i] = 0
		}
	}
	sh.wheel = wheel{tick: now >> wheelTickBits}
	for n := range sh.logs {
		for s := sh.logs[n].first; s != 0; s = sh.about(s).next {
			for at, size := sh.nextIn(s, 0); size != 0; at, size = sh.nextIn(s, int(at-sh.start(s))+size) {
				sh.restampEntry(at, st, now)
			}
		}
	}
	sh.publish()
}

// restampEntry does so for one entry. It keeps its place, its size and its key and value; dying ones keep their order.
func (sh *shard) restampEntry(at loc, st *Step, now uint64) {
	var e entry
	sh.load(at, &e)
	if !e.ghost {
		e.hash = sh.hashOf(&e)
	}
	var links [linkBytes]byte
	if e.flags&timed != 0 {
		copy(links[:], sh.links(at))
	}
	b := sh.mem[at:][:e.size]
	need := e.size - padding(b, e.flags, e.size)
	sh.restampVersions(&e, st)
	if e.joins() && !e.bytesless() {
		sh.restampOrigin(&e)
	}
	e.expireAt = st.Expiry(e.expireAt)
	e.flags &^= counted
	epoch, expiry := e.epoch(), e.expiry()
	if e.flags&Deleted == 0 && !e.lacks() && (expiry == 0 || EpochOf(expiry) > epoch) {
		e.flags |= counted
		sh.count(e.hash, epoch, e.counted())
		if e.flags&dead != 0 {
			sh.uncount(&e, EpochOf(expiry))
		}
	}
	sh.save(b, &e, need)
	switch {
	case e.flags&timed == 0:
	case e.flags&dead != 0:
		copy(sh.links(at), links[:])
	case e.flags&gone == 0 && expiry != 0:
		sh.schedule(at, expiry, now)
	}
}

// How far above the flush's stamp the registers of what came right after it are put, where a step has made the stamps one:
// E may have to lie between the two.
const (
	liftE = 1
	liftV = 2
)

// restampVersions maps the versions of an entry. What was above the flush stays above it: a FLUSHALL and a SET of the same
// moment may get one stamp, and the SET would be flushed wherever it came later. Every node that holds it puts it at
// the same stamp. A node that is sent the mapped record refuses it, and gets it by a comparison.
func (sh *shard) restampVersions(e *entry, st *Step) {
	was, flush := sh.flushWas, st.Version(sh.flushWas)
	order, counts, keeps := e.e.Compare(e.v), e.e.Compare(e.base) >= 0, e.flags&Keeps != 0 && !e.joins()
	liftedV, liftedE := e.v.Compare(was) > 0, e.e.Compare(was) > 0
	st.versions(&e.v, &e.e, &e.base, e.flags&Keeps != 0, e.joins())
	liftedV, liftedE = liftedV && e.v.Compare(flush) <= 0, liftedE && e.e.Compare(flush) <= 0
	if !liftedV && !liftedE {
		return
	}
	if liftedV {
		e.v.Stamp = flush.Stamp + liftV
	}
	if liftedE {
		e.e.Stamp = flush.Stamp + liftE
	}
	switch {
	case order == 0:
		e.e = e.v
	case order > 0 && e.e.Compare(e.v) <= 0:
		e.e.Stamp = e.v.Stamp + 1
	case order < 0 && e.e.Compare(e.v) >= 0:
		e.e.Stamp = e.v.Stamp - 1
	}
	if keeps && !counts && e.e.Compare(e.base) >= 0 {
		e.base.Stamp = e.e.Stamp + 1
	}
}

// LeastAbove returns the lowest stamp above one that an entry here has, the highest number if none has.
func (s *Store) LeastAbove(stamp, now uint64) uint64 {
	least := uint64(math.MaxUint64)
	for i := range s.shards {
		sh := &s.shards[i]
		sh.rlock(now)
		var e entry
		for n := range sh.logs {
			for g := sh.logs[n].first; g != 0; g = sh.about(g).next {
				for at, size := sh.nextIn(g, 0); size != 0; at, size = sh.nextIn(g, int(at-sh.start(g))+size) {
					sh.load(at, &e)
					for _, v := range [...]uint64{e.v.Stamp, e.e.Stamp} {
						if v > stamp && v < least {
							least = v
						}
					}
				}
			}
		}
		sh.mu.RUnlock()
	}
	return least
}
