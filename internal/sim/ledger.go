package sim

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"covey/store"
)

// ledger is what clients were told, and what each node was seen to hold. It knows nothing of how nodes agree: it has every
// acknowledged write with its versions, and the registers of every key on every node as of the last look.
type ledger struct {
	world  *World
	keys   []string // in the order of their hashes
	hashes []uint64
	index  map[string]int

	mapped bool // steps of the time map stamps (R7): they say nothing about what was written
	totals bool // nobody resets a counter
	long   bool // some are apart for about the horizon
	beyond bool // the mesh is not full
	tight  bool // some machines have no room for what others have
	early  bool // a node was seen to have forgotten tombstones that were held back
	sums   sums
	post   post

	values   map[valueID]value
	texts    map[text]bool // values that clients wrote, whatever their versions
	expiries map[expiryID]bool
	flushes  map[store.Version]bool
	log      []entry // acknowledged writes in their order

	wrong []Wrong
	seen  *Seen
	notes map[string]bool // what was complained of already
	apart map[uint64]bool // hashes of keys that have no single winner: not judged
	buf   []store.Print
}

// Wrong is one thing that must not be.
type Wrong struct {
	Check string // the name of the check
	Key   string // "" when it is about none
	Text  string
}

func (w Wrong) String() string { return w.Check + ": " + w.Text }

type valueID struct {
	key     int
	v       store.Version
	content uint32
}

// text is a value that a key had.
type text struct {
	key   int
	value string
}

type value struct {
	bytes []byte
	flags uint8
	base  store.Version
}

// expiryID is an expiry that was written. One E may have two: a node that starts again while stamps are ahead of its clock, and is written to before it has what
// its start before has written last, goes on from the same stamp (seed 9402369). As of two values of one V the same one is left everywhere (R1).
type expiryID struct {
	key  int
	e    store.Version
	ends uint64
}

// entry is an acknowledged write.
type entry struct {
	at   int64
	host *Host
	life int
	key  int
	v, e store.Version
	ends uint64 // expiry time
	gone bool   // it is a deletion
	only bool   // it wrote the expiry alone
}

// known is the highest that one life of a node was seen to hold of a key.
type known struct {
	v, e store.Version
	at   uint64 // expiry time
	gone bool   // when last seen: deleted or dead
}

func newLedger(w *World, keys int) *ledger {
	b := &ledger{
		world: w, index: make(map[string]int), values: make(map[valueID]value), expiries: make(map[expiryID]bool),
		texts: make(map[text]bool), flushes: make(map[store.Version]bool), seen: &w.seen, apart: make(map[uint64]bool), notes: make(map[string]bool),
	}
	hash := w.hash()
	b.sums = newSums(keys, hash)
	for i := range keys {
		b.keys = append(b.keys, fmt.Sprint("key:", i))
		b.apart[hash(fmt.Append(nil, "count:", i))] = true
	}
	slices.SortFunc(b.keys, func(a, c string) int { return cmp.Compare(hash([]byte(a)), hash([]byte(c))) })
	for i, k := range b.keys {
		b.index[k] = i
		b.hashes = append(b.hashes, hash([]byte(k)))
	}
	return b
}

const maxWrong = 20 // complaints that are kept

// complain notes something wrong, once for each check and key.
func (b *ledger) complain(check string, key int, format string, args ...any) {
	w := Wrong{Check: check, Text: fmt.Sprintf(format, args...)}
	if key >= 0 {
		w.Key = b.keys[key]
		w.Text = w.Key + ": " + w.Text
	}
	if note := w.Check + w.Key; len(b.wrong) < maxWrong && !b.notes[note] {
		b.notes[note] = true
		w.Text = fmt.Sprintf("%s %s", time.Duration(b.world.Now-begin), w.Text)
		b.wrong = append(b.wrong, w)
		b.world.trace("WRONG %s", w)
	}
}

// replied takes an error that a ready node gave: of those there are only few.
func (b *ledger) replied(h *Host, args []string, reply string) {
	switch reply {
	case "-ERR value is not an integer or out of range\r\n", "-ERR increment or decrement would overflow\r\n":
		return
	}
	if len(reply) > 9 && reply[:9] == "-TRYAGAIN" {
		b.seen.TryAgain++
		return
	}
	if b.tight && reply == "-ERR "+store.ErrTooLarge.Error()+"\r\n" {
		return
	}
	b.complain("answers", -1, "%s answers %q to %q", h.name, reply, args)
}

// serves notes what version of a key a node has before a command runs there.
func (b *ledger) serves(h *Host, key string, now uint64) {
	i, ok := b.index[key]
	if !ok {
		return
	}
	if m, _, ok := h.Store.Meta([]byte(key), b.hashes[i], now); ok {
		h.forget(i, &store.Print{V: m.Version})
		k := &h.known[i]
		if m.Version.Compare(k.v) > 0 {
			k.v = m.Version
		}
	}
}

// wrote takes an acknowledged write. Its version must be above all that its node has served or was seen to hold (R5).
func (b *ledger) wrote(h *Host, args []string, r *store.Record) {
	b.seen.Writes++
	if r.Flags&store.Flush != 0 {
		b.flushes[r.Version()] = true
		b.seen.Flushes++
		for i := range h.known {
			if k := &h.known[i]; !b.mapped && (r.Version().Compare(k.v) <= 0 || r.Version().Compare(k.e) <= 0) {
				b.complain("order", i, "a FLUSHALL on %s got %s, which is not above what is there: V %s, E %s", h.name, at(r.Version()), at(k.v), at(k.e))
			}
		}
		return
	}
	i, ok := b.index[string(r.Key)]
	if !ok {
		b.counted(h, args, r)
		return
	}
	k := &h.known[i]
	only := r.Flags&store.Bare == store.ExpiryOnly
	switch {
	case b.mapped:
	case !only && r.Version().Compare(k.v) <= 0:
		b.complain("order", i, "%q on %s got V %s, which is not above %s", args, h.name, at(r.Version()), at(k.v))
	case r.Flags&store.Keeps == 0 && r.Expiry().Compare(k.e) <= 0:
		b.complain("order", i, "%q on %s got E %s, which is not above %s", args, h.name, at(r.Expiry()), at(k.e))
	}
	if !only {
		b.texts[text{i, string(r.Value)}] = true
		b.values[valueID{i, r.Version(), r.Content}] = value{bytes.Clone(r.Value), r.Flags, store.Version{Stamp: r.BaseStamp, Node: r.BaseNode}}
	}
	b.expiries[expiryID{i, r.Expiry(), r.ExpireAt}] = true
	b.log = append(b.log, entry{at: b.world.Now, host: h, life: h.life, key: i, v: r.Version(), e: r.Expiry(), ends: r.ExpireAt, gone: r.Flags&store.Bare == store.Deleted, only: only})
	k.raise(r.Version(), r.Expiry(), r.ExpireAt)
}

func (k *known) raise(v, e store.Version, at uint64) {
	if v.Compare(k.v) > 0 {
		k.v, k.gone = v, false
	}
	if c := e.Compare(k.e); c > 0 || c == 0 && at > k.at {
		k.e, k.at, k.gone = e, at, false
	}
}

// look reads all registers of a node and judges them by what it held before.
func (b *ledger) look(h *Host) {
	b.seen.Looks++
	prints := h.prints(b.buf)
	b.buf = prints
	i := 0
	for n := range prints {
		p := &prints[n]
		for ; i < len(b.hashes) && b.hashes[i] < p.Hash; i++ {
			b.judge(h, i, nil)
		}
		if b.apart[p.Hash] {
			if dropped(p) && !b.sums.dropped[p.Hash] {
				b.sums.dropped[p.Hash] = true
				b.seen.Dropped++
			}
			continue
		}
		if i == len(b.hashes) || b.hashes[i] != p.Hash {
			b.complain("authentic", -1, "%s has a key that nobody wrote", h.name)
			continue
		}
		b.judge(h, i, p)
		i++
	}
	for ; i < len(b.hashes); i++ {
		b.judge(h, i, nil)
	}
	b.early = b.early || h.Store.Counts().PurgedEarly > 0
	b.checkLimits(h)
	b.checkNotAhead(h, prints)
	b.checkDigest(h, prints)
}

// judge compares what a node has of a key now, nil for nothing, with the highest that it had.
func (b *ledger) judge(h *Host, i int, p *store.Print) {
	k := &h.known[i]
	if b.mapped {
		return
	}
	b.checkNeverBack(h, i, *k, p)
	h.forget(i, p)
	if p == nil {
		return
	}
	k.raise(p.V, p.E, p.ExpireAt)
	k.gone = p.Gone || p.Bare
	if dropped(p) && !h.dropped[i] {
		h.dropped[i], h.denied[i] = true, h.left && p.V.Node == h.Node.ID()
		b.seen.Dropped++
	}
}

// dropped reports whether an entry is what R14 leaves of one that was dropped.
func dropped(p *store.Print) bool { return p.Content == math.MaxUint32 && p.Gone }

// prints lists all that a node has, by hash.
func (h *Host) prints(buf []store.Print) []store.Print {
	buf = buf[:0]
	for i := range uint64(simShards) {
		var ok bool
		if buf, ok = h.Store.List(buf, i<<(64-simShardBits), simShardBits, math.MaxInt, h.now()); !ok {
			panic("a list without a limit was over it")
		}
	}
	return buf
}

func at(v store.Version) string {
	if v.Stamp == 0 {
		return "none"
	}
	return fmt.Sprintf("%d.%03d+%d of %s", int64(v.Stamp>>16)/1000%1000000, v.Stamp>>16%1000, v.Stamp&0xffff, hostName(int(v.Node>>16&0xff)-1))
}
