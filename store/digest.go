package store

import (
	"encoding/binary"
	"slices"

	"github.com/zeebo/xxh3"
)

// EpochOf returns the epoch that a time in cluster ms lies in.
func EpochOf(now uint64) uint64 { return now >> epochBits }

// Everything stands in the place of an epoch for all that is held now, however young. Leaves and Parts take it. No root is made of
// it: stores that are being written to are never equal at one moment.
const Everything = 1 << 40

// sums keeps the additive fingerprint of a shard as of the end of each of the last epochsKept epochs (R18), and of
// those to come that a stamp from a clock ahead may name. What it stores is not the sums but what each epoch added to
// them, so that a change costs one addition however many epochs it shows in.
type sums struct {
	base   uint64               // of all epochs before oldest
	oldest uint64               // the epoch of the first delta
	delta  [epochsWindow]uint64 // by epoch mod epochsWindow
}

// add changes the fingerprint of an epoch and of all later ones. Before the window it changes all; past the window's
// end, which no merged stamp is, it waits for the last epoch of it.
func (d *sums) add(epoch, change uint64) {
	if epoch < d.oldest {
		d.base += change
		return
	}
	d.delta[min(epoch, d.oldest+epochsWindow-1)%epochsWindow] += change
}

// slide moves the window so that now's epoch is the newest of those kept. It never moves back.
func (d *sums) slide(epoch uint64) {
	if epoch < d.oldest+epochsKept {
		return
	}
	oldest := epoch - epochsKept + 1
	for n := 0; d.oldest < oldest && n < epochsWindow; n++ {
		slot := &d.delta[d.oldest%epochsWindow]
		d.base, *slot = d.base+*slot, 0
		d.oldest++
	}
	d.oldest = oldest
}

// clear makes the fingerprint of an epoch and of all later ones 0.
func (d *sums) clear(epoch uint64) {
	if epoch < d.oldest {
		*d = sums{oldest: d.oldest}
		return
	}
	epoch = min(epoch, d.oldest+epochsWindow-1)
	for e := epoch; e < d.oldest+epochsWindow; e++ {
		d.delta[e%epochsWindow] = 0
	}
	d.add(epoch, -d.at(epoch))
}

// at returns the fingerprint as of the end of an epoch of the window.
func (d *sums) at(epoch uint64) uint64 {
	sum := d.base
	for e := d.oldest; e <= epoch && e < d.oldest+epochsWindow; e++ {
		sum += d.delta[e%epochsWindow]
	}
	return sum
}

// counted returns what the entry adds to the digest.
func (e *entry) counted() uint64 {
	if e.flags&counted == 0 {
		return 0
	}
	return e.fingerprint()
}

// slide moves the windows of the shard's fingerprints to now.
func (sh *shard) slide(now uint64) {
	sh.sums.slide(EpochOf(now))
	sh.leaves.slide(sh.sums.oldest)
}

// count changes the fingerprints of an epoch and of all later ones: the shard's and that of the leaf of a hash.
func (sh *shard) count(hash, epoch, change uint64) {
	sh.sums.add(epoch, change)
	if sh.leaves.add(hash<<sh.bits, epoch, change) {
		sh.publish()
	}
}

// withdraw returns what is to be taken off an epoch and those after it when the entry ends there: what it counts for. An
// expiry in an earlier epoch has ended it already, applied or not; one in a later epoch that was applied did so too late. One that was
// not over before the entry's own epoch never counted.
func (sh *shard) withdraw(e *entry, epoch uint64) (print uint64) {
	at := e.expiry()
	end := EpochOf(at)
	switch {
	case e.flags&counted != 0:
		if print = e.fingerprint(); at != 0 && end < epoch {
			sh.count(e.hash, max(end, e.epoch()), -print)
			print = 0
		}
	case e.flags&dead != 0 && end > max(epoch, e.epoch()):
		print = e.fingerprint()
		sh.count(e.hash, end, print)
	}
	if own := e.epoch(); own > epoch && print != 0 { // V goes back, with a higher R (R27)
		sh.count(e.hash, own, -print)
		print = 0
	}
	return print
}

// uncount takes the entry out of the digest from an epoch on, or from the epoch in which it came in if that is later.
func (sh *shard) uncount(e *entry, epoch uint64) {
	if change := e.counted(); change != 0 {
		sh.count(e.hash, max(epoch, e.epoch()), -change)
	}
	e.flags &^= counted
}

// Digest returns the newest epoch that ended at least two seconds before now, and the fingerprint of what was live at
// its end together with the flush register (R4, R18). Stores that hold the same and saw their last write before that
// end return the same root, in whatever order the writes came. Before the third epoch there is none, nor just after a step
// back (R7): 0, 0.
func (s *Store) Digest(now uint64) (epoch, root uint64) {
	epoch = ClosedEpoch(now)
	if s.env.misses(OpenEpochs) {
		epoch = EpochOf(now)
	}
	root, ok := s.Root(epoch, now)
	if !ok {
		return 0, 0
	}
	return epoch, root
}

// ClosedEpoch returns the newest epoch that ended at least two seconds before now, 0 before the third.
func ClosedEpoch(now uint64) uint64 {
	if now < settleTime || EpochOf(now-settleTime) == 0 {
		return 0
	}
	return EpochOf(now-settleTime) - 1
}

// Root returns the fingerprint of the whole store as of the end of an epoch: the sum of all leaves and of the flush
// register. It is known for epochs that ended two seconds ago and are among the last epochsKept.
func (s *Store) Root(epoch, now uint64) (root uint64, ok bool) {
	if !s.closed(epoch, now) {
		return 0, false
	}
	ok = true
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		ok = sh.close(epoch, now) && ok
		root += sh.sums.at(epoch)
		sh.publish()
		sh.hold()
		sh.mu.Unlock()
	}
	s.settleBudget(now)
	if !ok {
		root = 0
	}
	return root, ok
}

// Withhold makes all epochs up to one have no root, because entries that were overwritten before they came here are missing in them.
func (s *Store) Withhold(epoch uint64) {
	v := &s.env.stepped
	for old := v.Load(); epoch > old && !v.CompareAndSwap(old, epoch); {
		old = v.Load() // another call, or a step, came between
	}
}

// Withheld returns the newest epoch that has no root, by Withhold or a step back, 0 if all have one.
func (s *Store) Withheld() uint64 { return s.env.stepped.Load() }

// LeafCount returns how many leaves a digest shard has: 256, or a smaller power of two where the budget is under 64 MiB.
// The sums of two stores compare after those of the finer one are added up, neighbours first.
func (s *Store) LeafCount() int { return 1 << s.env.leafBits / MaxShards }

// Leaves appends the fingerprints of the leaves of a digest shard (0 to 255) as of the end of an epoch to dst, LeafCount of
// them, or of Everything. ok is false for any other epoch that Root does not know. They are those of Root: summed over all shards, with the
// print of the flush register, they give it.
func (s *Store) Leaves(dst []uint64, shard int, epoch, now uint64) (_ []uint64, ok bool) {
	n := s.LeafCount()
	if shard < 0 || shard >= MaxShards || n == 0 || epoch != Everything && !s.closed(epoch, now) {
		return dst, false
	}
	defer s.settleBudget(now)
	sh, rest := s.leaf(shard, 0)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	ok = sh.close(epoch, now)
	sh.publish()
	sh.hold()
	if !ok {
		return dst, false
	}
	start := len(dst)
	dst = slices.Grow(dst, n)[:start+n]
	clear(dst[start:])
	sh.leaves.at(dst[start:], sh.leaves.leaf(rest), epoch)
	return dst, true
}

// closed reports whether an epoch ended two seconds ago, since a step back, and is kept.
func (s *Store) closed(epoch, now uint64) bool {
	return epoch > s.env.stepped.Load() && now >= settleTime && (epoch < EpochOf(now-settleTime) || s.env.misses(OpenEpochs)) && epoch+epochsKept >= EpochOf(now)
}

// close applies all that was due before the end of an epoch: an expiry counts in its own. It returns false for an epoch that
// is not kept any more: another call's now may be ahead of this one's.
func (sh *shard) close(epoch, now uint64) bool {
	sh.catchUp(now)
	sh.slide(now)
	for end := min((epoch+1)<<epochBits, now); sh.expireDue(end, now, sweepSlice) >= sweepSlice; {
		// Each round a slice, under the lock: sweeps have left little.
	}
	return epoch+1 >= sh.sums.oldest
}

// flushPrint is the summand of a flush register; the register of a store that saw no flush adds nothing.
func flushPrint(v Version) uint64 {
	if v == (Version{}) {
		return 0
	}
	var b [16]byte
	binary.LittleEndian.PutUint64(b[0:], v.Stamp)
	binary.LittleEndian.PutUint64(b[8:], v.Node)
	return xxh3.Hash(b[:])
}
