package sim

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"

	"covey/store"
)

// The check of counters (R27): what a counter reads at the end is what its increments that were acknowledged add up to, on
// top of the SET, DEL or FLUSHALL that it goes on from. The ledger adds them up itself, from the commands alone.

// added is a contribution as of one acknowledged increment.
type added struct {
	host   *Host
	life   int
	base   store.Version // R that the increment counted on
	v      store.Version // of the increment
	order  uint64
	number int64 // all that was added by then
}

// contribution names one: a key, a stream, and the stamp of the first increment.
type contribution struct{ key, stream, first uint64 }

// origin is what a counter may go on from: an acknowledged SET or DEL.
type origin struct {
	host   *Host
	life   int
	v      store.Version
	number int64
	gone   bool // a DEL: nobody has to know of it who holds nothing that it ended
}

// sums is what was counted, by hash of the key.
type sums struct {
	names   map[uint64]string
	added   map[contribution][]added // in their order
	origins map[uint64][]origin
	timed   map[uint64]bool // keys that had a time to live: what ended by it is not followed
	dropped map[uint64]bool // keys that a node was seen to have dropped by R14
	log     []increment
}

// increment is one that was acknowledged.
type increment struct {
	host        *Host
	life        int
	key, stream uint64
	delta       int64
}

func newSums(keys int, hash func([]byte) uint64) sums {
	s := sums{names: map[uint64]string{}, added: map[contribution][]added{}, origins: map[uint64][]origin{}, timed: map[uint64]bool{}, dropped: map[uint64]bool{}}
	for i := range keys {
		name := fmt.Sprint("count:", i)
		s.names[hash([]byte(name))] = name
	}
	return s
}

// delta is what a command of a counter adds.
func delta(args []string) int64 {
	switch args[0] {
	case "INCR":
		return 1
	case "DECR":
		return -1
	}
	n, _ := strconv.ParseInt(args[2], 10, 64) // INCRBY
	return n
}

// counted takes an acknowledged write to a counter.
func (b *ledger) counted(h *Host, args []string, r *store.Record) {
	key := h.Store.Hash(r.Key)
	b.sums.timed[key] = b.sums.timed[key] || r.ExpireAt != 0
	switch {
	case r.Flags&store.Bare == store.ExpiryOnly:
	case r.Kind != store.KindCounter || r.Flags&store.Deleted != 0:
		n, _ := strconv.ParseInt(string(r.Value), 10, 64)
		b.sums.origins[key] = append(b.sums.origins[key], origin{h, h.life, r.Version(), n, r.Flags&store.Deleted != 0})
	default:
		own := b.increased(h, key, r.Value)
		name := contribution{key, own.stream, own.first}
		sum := delta(args)
		b.sums.log = append(b.sums.log, increment{h, h.life, key, own.stream, sum})
		if before := b.sums.added[name]; len(before) > 0 {
			sum += before[len(before)-1].number
		}
		if sum != own.number {
			b.complain("counters", -1, "%q on %s has added up to %d, which should be %d", args, h.name, own.number, sum)
		}
		b.sums.added[name] = append(b.sums.added[name], added{h, h.life, store.Version{Stamp: r.BaseStamp, Node: r.BaseNode}, r.Version(), own.order, sum})
	}
}

// increased returns the contribution of a host's own that an increment has moved: it is beyond what is known of it. Where the time went back by
// decades (R7) an older one may have the higher order (seed 9100287 of clocks).
func (b *ledger) increased(h *Host, key uint64, value []byte) (own share) {
	for _, c := range shares(value) {
		before := b.sums.added[contribution{key, c.stream, c.first}]
		if c.stream == h.Ring.Stream() && (len(before) == 0 || c.order > before[len(before)-1].order) {
			own = c
		}
	}
	return own
}

// share is a contribution as a record has it (docs/PROTOCOL.md).
type share struct {
	stream, first, order uint64
	number               int64
}

const (
	counterHead = 32 // bytes before the contributions
	shareBytes  = 32
)

func shares(value []byte) (all []share) {
	le := binary.LittleEndian
	for c := value[counterHead:]; len(c) >= shareBytes; c = c[shareBytes:] {
		all = append(all, share{le.Uint64(c), le.Uint64(c[8:]), le.Uint64(c[16:]), int64(le.Uint64(c[24:]))})
	}
	return all
}

// checkSums compares what each node reads with what was counted.
func (b *ledger) checkSums() []Wrong {
	var wrong []Wrong
	for _, h := range b.world.Hosts {
		for key, name := range b.sums.names {
			text := b.miscounted(h, key, name)
			if text == "" && !b.sums.timed[key] {
				text = b.uncounted(h, key, name)
			}
			if text != "" {
				wrong = append(wrong, Wrong{Check: "counters", Key: name, Text: fmt.Sprintf("%s: %s %s", name, h.name, text)})
			}
		}
	}
	return wrong
}

// miscounted says what of a counter nobody has counted; "" when all of it was.
func (b *ledger) miscounted(h *Host, key uint64, name string) string {
	got, _, ok := h.Store.Get(nil, []byte(name), key, h.now())
	r, _, _ := h.Store.Lookup(nil, []byte(name), key, h.now())
	if !ok || r.Kind != store.KindCounter {
		return ""
	}
	if base := (store.Version{Stamp: r.BaseStamp, Node: r.BaseNode}); base.Compare(r.Version()) >= 0 {
		return fmt.Sprintf("goes on from R %s with what was counted before it: V %s", at(base), at(r.Version()))
	}
	total := int64(binary.LittleEndian.Uint64(r.Value[counterHead-8:]))
	form := binary.LittleEndian.Uint32(r.Value[counterHead-12:]) // 0: of the tombstone that R14 leaves, which has the V of what was dropped (seed 7300133)
	for _, o := range b.sums.origins[key] {
		if o.v.Stamp == r.BaseStamp && o.v.Node == r.BaseNode && o.number != total && !(form == 0 && total == 0 && b.forgone(key, o.v)) {
			return fmt.Sprintf("goes on from %d, and not from %d", total, o.number)
		}
	}
	for _, c := range shares(r.Value) {
		known := false
		for _, a := range b.sums.added[contribution{key, c.stream, c.first}] {
			known = known || a.order == c.order && a.number == c.number
		}
		if !known {
			return fmt.Sprintf("has a contribution of %d, which nobody counted", c.number)
		}
		total += c.number
	}
	if string(got) != strconv.FormatInt(total, 10) {
		return fmt.Sprintf("reads %s where the contributions are %d", got, total)
	}
	return ""
}

// forgone reports whether what a node alone held of a key, up to v, may have been taken as deleted by the others: where some were apart
// for about the horizon, whatever is at or below a floor (R13, R14), else what was seen to be dropped (seed 7200548).
func (b *ledger) forgone(key uint64, v store.Version) bool {
	return b.mayDrop() && v.Compare(b.floor()) <= 0 && (b.long || b.sums.dropped[key])
}

// floor is the highest of all.
func (b *ledger) floor() (floor store.Version) {
	for _, h := range b.world.Hosts {
		if f := h.Store.Floor(); f.Compare(floor) > 0 {
			floor = f
		}
	}
	return floor
}

// mayDrop reports whether R14 may drop anything: where some are apart for about the horizon, or where tombstones may have gone that somebody
// still needed, as R13 says: who is beyond a neighbour is not known to be away, and there is a bound past which nothing is held back.
func (b *ledger) mayDrop() bool { return b.long || b.beyond || b.early }

// uncounted says what was counted, or set, on a node that has not been restarted since, and is missing; "" when nothing is.
func (b *ledger) uncounted(h *Host, key uint64, name string) string {
	if h.evicted([]byte(name)) || h.behind([]byte(name)) {
		return ""
	}
	r, _, ok := h.Store.Lookup(nil, []byte(name), key, h.now())
	reset, floor, flush := r.Version(), h.Store.Floor(), h.Store.Flushed()
	has := map[contribution]uint64{}
	if ok && r.Kind == store.KindCounter && r.Flags&store.Bare == 0 {
		reset = store.Version{Stamp: r.BaseStamp, Node: r.BaseNode}
		for _, c := range shares(r.Value) {
			has[contribution{key, c.stream, c.first}] = c.order
		}
	}
	gone := !ok || r.Flags&store.Bare != 0
	deleted := func(v store.Version) bool { // a deletion that not all have to know of: nobody holds what it ended
		return gone && (v.Compare(floor) <= 0 || slices.ContainsFunc(b.sums.origins[key], func(o origin) bool { return o.gone && o.v.Compare(v) > 0 }))
	}
	for _, o := range b.sums.origins[key] {
		if b.forgone(key, o.v) {
			continue
		}
		if o.host.life == o.life && o.v.Compare(reset) > 0 && o.v.Compare(flush) > 0 && !deleted(o.v) && !(gone && o.gone) {
			return fmt.Sprintf("has R %s, and lacks a SET or DEL of %s, V %s", at(reset), o.host.name, at(o.v))
		}
	}
	for c, all := range b.sums.added {
		a := all[len(all)-1]
		if c.key == key && a.host.life == a.life && !b.forgone(key, a.v) && has[c] < a.order && a.base.Compare(reset) >= 0 && a.base.Compare(flush) >= 0 && !deleted(a.base) {
			return fmt.Sprintf("has R %s, and lacks what %s counted up to V %s on %s: %d", at(reset), a.host.name, at(a.v), at(a.base), a.number)
		}
	}
	return ""
}

// checkTotals is checkSums where stamps were mapped by steps of the time (R7), and nobody has set, deleted or flushed a counter:
// what a stream has added is all that was acknowledged by a start that goes on, or by one that has ended up to some moment. What R14
// has dropped is gone, and counts from there: of a machine that was paused before anybody had its writes, or whose clock was behind, where a neighbour's
// neighbour had no room for its tombstones (seed 6601734).
func (b *ledger) checkTotals() []Wrong {
	type part struct{ key, stream uint64 }
	moments := map[part]map[int64]bool{}
	ends := map[part]int64{}
	running := map[part]bool{}
	for _, e := range b.sums.log {
		p := part{e.key, e.stream}
		if moments[p] == nil {
			moments[p] = map[int64]bool{0: true}
		}
		ends[p] += e.delta
		moments[p][ends[p]] = true
		running[p] = e.host.life == e.life
	}
	var wrong []Wrong
	for _, h := range b.world.Hosts {
		found := map[part]int64{}
		for key, name := range b.sums.names {
			got, _, ok := h.Store.Get(nil, []byte(name), key, h.now())
			total := int64(0)
			if r, _, _ := h.Store.Lookup(nil, []byte(name), key, h.now()); ok {
				for _, c := range shares(r.Value) {
					found[part{key, c.stream}] += c.number
					total += c.number
				}
			}
			if ok && string(got) != strconv.FormatInt(total, 10) {
				wrong = append(wrong, Wrong{Check: "counters", Key: name, Text: fmt.Sprintf("%s: %s reads %s where the contributions are %d", name, h.name, got, total)})
			}
		}
		for p, all := range moments {
			if n := found[p]; !(b.mayDrop() && b.sums.dropped[p.key]) && (running[p] && n != ends[p] || !all[n]) {
				name := b.sums.names[p.key]
				wrong = append(wrong, Wrong{Check: "counters", Key: name, Text: fmt.Sprintf("%s: %s has %d of a stream that added %d", name, h.name, n, ends[p])})
			}
		}
	}
	return wrong
}
