package store

import (
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/zeebo/xxh3"
)

// env is what the shards of one Store share.
type env struct {
	memory      *memory
	nodes       nodes
	about       []segment // what is kept about each segment, by its number
	segmentBits uint
	seed        uint64 // of the key hash
	budget      int64  // Options.MaxBytes, bytes
	maxBytes    int64  // bytes that may be in use: the budget less what may stay mapped unused
	tombstones  int64  // bytes that the tombstones of one shard may take
	graves      int64  // the same while members that are away hold tombstones back (tombstoneMost)
	ghosts      int64  // bytes that the ghosts of one shard may take
	share       int64  // bytes of one shard if all shards take the same
	draftable   int64  // bytes that all drafts may have, and that all pins may
	horizon     uint64
	leafBits    uint                    // bits of the key hash that name a leaf
	mask        uint64                  // of the key hash: all bits but in tests
	shards      []shard                 // the first one carries the flush register in the root
	floor       atomic.Pointer[Version] // R14; never nil
	scratch     sync.Pool               // of *scratch
	charge      charge
	large       chan struct{} // has one for each large write between makeRoom and roomUsed
	ahead       atomic.Int64  // bytes of a large write that is about to be made, for which makeRoom evicts
	drafts      drafts
	pins        pins
	partials    atomic.Uint64 // how often a leaf has become partial or complete
	forgets     atomic.Bool   // a ghost was ever forgotten
	compared    atomic.Uint64 // stamp up to which this node has compared with every member (R13)
	moved       uint32        // ms that the time has stepped by so far, modulo 2^32 (R7); changes under all locks
	weak        Weakness      // rules that are switched off; 0 but in tests
	notes       notes
	stepped     atomic.Uint64 // epochs up to it have no root: time has stepped back into them, or they are withheld
}

// shard is one part of the store under one lock. Nothing is called under the lock but its own methods.
type shard struct {
	mu     sync.RWMutex
	env    *env
	mem    []byte // the region of segments
	bits   uint8  // top bits of a hash that name the lock shard
	number uint16

	// Guarded by mu; readers touch only the hits in cells. What every operation needs comes first.

	stale  bool // a step or a flush came that is not applied to all entries yet
	flown  bool // of these, a flush
	whole  bool // that flush covers all entries
	grown  bool // the shard has taken a segment or a page since the last trim
	index  index
	clock  clock
	leaves leaves
	sums   sums
	step   *Step  // the step that is not applied yet (R7); nil: none
	draft  *Draft // the value of the write under way, if its bytes lie in pages already; nil: they do not

	flush    Version // the store's flush register (R4)
	flushWas Version // the flush register before that step (R7)
	logs     [logCount]log
	draining uint32 // the segment whose entries are being moved
	spare    loc    // the entry that was just written and must not be evicted
	pages    int    // pages in use by large entries
	lists    [listCount]loc
	wheel    wheel
	trial    trial
	noted    noted

	keys           int // readable entries, and those whose expiry is due but not yet applied
	ghosts         int
	tombstones     int
	tombstoneBytes int64
	published      int64  // the part of own that is counted in memory.used
	buried         uint64 // when the youngest tombstone came that was purged so far, cluster ms

	evictions, expired, purged, purgedEarly, droppedByFloor, ahead, flushed, refused, forgotten uint64

	_ [64]byte // keeps the lock of the next shard off this one's last cache line
}

const shardBytes = int64(unsafe.Sizeof(shard{}) + unsafe.Sizeof(aim{}))

func (sh *shard) init(v *env, a *aim, bits int, base, tables []uint64) {
	sh.env, sh.index.aim, sh.mem, sh.bits = v, a, v.memory.segments.mem, uint8(bits)
	sh.leaves.init(v.leafBits-uint(bits), base, tables)
	sh.trial.share = trialStart
	sh.publish()
}

func (sh *shard) tag(hash uint64) uint64   { return hash << sh.bits >> tagShift }
func (sh *shard) place(at loc) uint64      { return at >> sh.env.memory.grain }
func (sh *shard) locOf(cell uint64) loc    { return cell & placeMask << sh.env.memory.grain }
func (sh *shard) segmentBytes(n int) int64 { return int64(n) << sh.env.segmentBits }

// find loads the entry of a plain key into e and returns whether there is one; if not, e has the hash alone. Equal tags are
// told apart by the key; a ghost has only the hash.
func (sh *shard) find(e *entry, key []byte, hash uint64) bool { return sh.findKind(e, key, hash, 0) }

// findKind is find for a key that is composite or not as those of a kind are.
func (sh *shard) findKind(e *entry, key []byte, hash uint64, kind uint8) bool {
	tag := sh.tag(hash)
	t := sh.index.table(tag)
	if len(t.cells) > 0 {
		for p := t.home(tag); ; p++ {
			c := t.load(p)
			if c>>tagShift != tag || c == 0 {
				if c == 0 || c>>tagShift > tag {
					break
				}
				continue
			}
			at := sh.locOf(c)
			prefetchUnread(uintptr(unsafe.Pointer(&sh.mem[at])))
			sh.load(at, e)
			if (e.ghost && e.hash == hash || !e.ghost && sh.hasKey(e, key)) && (e.kind^kind)&Composite == 0 {
				e.hash, e.cell = hash, &t.cells[p]
				return true
			}
		}
	}
	*e = entry{hash: hash}
	return false
}

// visit loads the entry at a place that a list or a log named, with its hash and cell.
func (sh *shard) visit(at loc, e *entry) {
	sh.load(at, e)
	if !e.ghost {
		e.hash = sh.hashOf(e)
	}
	e.cell = sh.index.cell(sh.tag(e.hash), sh.place(at))
}

// hashOf hashes the key of an entry where it lies.
func (sh *shard) hashOf(e *entry) uint64 {
	if e.keyLen <= sh.inline(e) {
		return sh.env.hash(sh.mem[int(e.at)+e.body:][:e.keyLen])
	}
	return sh.env.hash(sh.read(nil, e, 0, e.keyLen))
}

func (v *env) hash(key []byte) uint64 { return xxh3.HashSeed(key, v.seed) & v.mask }

// rlock takes the read lock, with nothing left to apply to every entry.
func (sh *shard) rlock(now uint64) {
	for sh.mu.RLock(); sh.stale; sh.mu.RLock() {
		sh.mu.RUnlock()
		sh.mu.Lock()
		sh.catchUp(now)
		sh.mu.Unlock()
	}
}

// lock takes the lock, with nothing left to apply to every entry.
func (sh *shard) lock(now uint64) {
	sh.mu.Lock()
	sh.catchUp(now)
}

// own returns what the shard counts besides segments and pages.
func (sh *shard) own() int64 {
	return shardBytes + sh.index.bytes() + sh.leaves.bytes() + int64(cap(sh.noted.keys))
}

// bytes is all that the shard takes.
func (sh *shard) bytes() int64 {
	n := sh.own() + int64(sh.pages)*sh.env.memory.pages.cost
	for i := range sh.logs {
		n += int64(sh.logs[i].segments) * sh.env.memory.segments.cost
	}
	return n
}

// publish tells the store what the tables of the shard have come to take or given back, and warm where they are.
func (sh *shard) publish() {
	if own := sh.own(); own != sh.published {
		sh.env.memory.used.Add(own - sh.published)
		sh.published = own
	}
	sh.index.aim.atLeaves(sh.leaves.of(sh.leaves.newest()))
}

// apply moves registers of an entry to those of r: V with all that belongs to it, E with its expiry time, or both. The
// entry may be new; its expiry has been settled.
func (sh *shard) apply(e *entry, r *Record, takeV, takeE bool, now uint64) {
	if takeV && takeE && sh.draft == nil && sh.rewrite(e, r, now) {
		return
	}
	sh.detach(e)
	sh.slide(now)
	v, x := e.v, e.e
	if takeV {
		v = r.Version()
	}
	if takeE {
		x = r.Expiry()
	}
	old := sh.withdraw(e, max(v.epoch(), x.epoch()))
	var value []byte
	if takeV {
		if e.ghost {
			sh.welcome(e, r.Flags&Deleted == 0)
		}
		e.take(r)
		if e.flags&(Deleted|bare) == 0 {
			value = r.Value
		}
	}
	if takeE {
		e.e, e.expireAt = r.Expiry(), r.ExpireAt
	}
	e.flags &^= dead | counted
	epoch, at := e.epoch(), e.expiry()
	due := at != 0 && at <= now
	if e.flags&Deleted == 0 && (at == 0 || EpochOf(at) > epoch) && (due || e.flags&bare == 0) {
		e.flags |= counted
	}
	sh.count(e.hash, epoch, e.counted()-old)
	if e.flags&Deleted == 0 && due {
		sh.uncount(e, EpochOf(at))
		e.flags |= dead
		sh.expired++
	}
	e.since = sh.env.local(now)
	sh.put(e, !takeV && e.at != 0, r.Key, value)
	sh.attach(e, now)
}

// put writes an entry: where it is if it fits there, else, and where the log is in order of age, to the end of its log. It
// keeps its key and value, or gets new ones, which may alias its old ones. Nothing else moves.
func (sh *shard) put(e *entry, keep bool, key, value []byte) {
	if !keep && e.page != 0 {
		sh.freePages(e)
	}
	from := int(e.at) + e.body
	if !keep && !e.ghost {
		e.keyLen, e.valueLen = len(key), len(value)
		if sh.draft != nil {
			e.valueLen = sh.draft.size
		}
	}
	body := sh.shape(e)
	n := sh.inline(e)
	need := body + n
	oldAt, oldSize := e.at, e.size
	log := sh.log(e)
	// A tombstone that is written anew is the youngest of its log.
	if e.at == 0 || log == logTombs || sh.logAt(e.at) != log || need > e.size || e.size-need > e.size/8+8 {
		e.size = sh.rounded(need)
		e.at = sh.append(log, e.size)
	}
	b := sh.mem[e.at:][:e.size]
	if keep {
		copy(b[body:need], sh.mem[from:from+n])
		if oldAt != 0 {
			sh.takePages(e, sh.logAt(oldAt), sh.logAt(e.at))
		}
	} else if !e.ghost {
		sh.writeBody(e, b[body:need], key, value)
	}
	e.body = body
	sh.save(b, e, need)
	if e.at == oldAt {
		return
	}
	if oldAt == 0 {
		if sh.index.insert(sh.env.memory, sh.tag(e.hash), sh.place(e.at)) {
			sh.publish()
		}
		return
	}
	*e.cell = *e.cell&^placeMask | sh.place(e.at)
	sh.leave(oldAt, oldSize)
}

// log returns the log that the entry belongs in.
func (sh *shard) log(e *entry) uint8 {
	switch {
	case e.ghost:
		return logGhosts
	case e.tombstone():
		return logTombs
	case e.wanted, e.at != 0 && sh.logAt(e.at) == logMain:
		return logMain
	}
	return logTrial
}

// logAt returns the log in which a place lies.
func (sh *shard) logAt(at loc) uint8 { return sh.about(sh.segmentOf(at)).log }

// tombstone reports whether the entry is a deletion, or a record without value: it only waits for the horizon.
func (e *entry) tombstone() bool { return e.flags&(Deleted|bare) != 0 }

// lacks reports whether the entry is alive by its registers but has lost its value: a higher expiry came too late for it, or from a
// node that did not have the value (R3). Such an entry is in no fingerprint, so that repair finds a node that has the value; its own
// expiry changes nothing any more.
func (e *entry) lacks() bool { return e.flags&gone == bare }

// detach takes an entry off its list and out of the sizes, for a change of its registers. attach puts it back where it
// belongs then.
func (sh *shard) detach(e *entry) {
	if e.at != 0 {
		sh.unlink(e)
		sh.weigh(e, -1)
	}
}

func (sh *shard) attach(e *entry, now uint64) {
	sh.weigh(e, 1)
	switch at := e.expiry(); {
	case e.tombstone(), e.ghost && e.flags&dead != 0:
		// Its log has it in order.
	case e.flags&dead != 0:
		sh.link(e.at, listDying)
	case at != 0:
		sh.schedule(e.at, at, now)
	}
}

// weigh adds an entry to the sizes, or with sign -1 takes it out.
func (sh *shard) weigh(e *entry, sign int) {
	switch {
	case e.ghost:
		sh.ghosts += sign
	case e.flags&gone != 0:
		sh.tombstones += sign
		n := int64(e.size) + cellBytes
		if e.page != 0 {
			n += int64(sh.pageCount(e)) * sh.env.memory.pages.cost
		}
		sh.tombstoneBytes += n * int64(sign)
	case e.kind&Composite == 0:
		sh.keys += sign
	}
}

// forget removes an entry with all that it knows; from the digest as of an epoch, or as of that of its expiry if it was
// due before.
func (sh *shard) forget(e *entry, epoch uint64) {
	sh.detach(e)
	epoch = max(epoch, e.epoch())
	if print := sh.withdraw(e, epoch); print != 0 {
		sh.count(e.hash, epoch, -print)
	}
	if e.page != 0 {
		sh.freePages(e)
	}
	sh.index.remove(sh.tag(e.hash), sh.place(e.at))
	sh.leave(e.at, e.size)
}
