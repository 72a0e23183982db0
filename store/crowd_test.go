package store

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

// crowd is a small store under all that takes memory beside entries.
type crowd struct {
	t       testing.TB
	s       *Store
	rng     *rand.Rand
	now     uint64
	drafts  []*Draft
	pins    map[*Pin][]byte // with what is still to be read
	charged int64
	version uint64
}

// key is one of a few, some of them as long as keys may be.
func (c *crowd) key() ([]byte, uint64) {
	n := c.rng.IntN(12)
	key := fmt.Appendf(nil, "key %d", n)
	switch n {
	case 0:
		key = append(key, make([]byte, MaxKeyBytes-len(key))...)
	case 1:
		key = append(key, make([]byte, c.s.env.memory.pages.unit-len(key))...)
	case 2:
		key = nil
	}
	return key, c.s.Hash(key)
}

// value has a length at which something changes, or another.
func (c *crowd) value() []byte {
	unit, most := c.s.env.memory.pages.unit, min(c.s.limit, MaxValueBytes)
	size := []int{0, 240, 241, unit - 1, unit, unit + 1, PinFrom, PinFrom + 1, c.rng.IntN(most / 8), c.rng.IntN(most), most}[c.rng.IntN(11)]
	value := make([]byte, size)
	for i := range value {
		value[i] = byte(c.rng.Uint32())
	}
	return value
}

func (c *crowd) condition(key []byte, hash uint64) *Condition {
	v, _, _ := c.s.Get(nil, key, hash, c.now)
	if c.rng.IntN(2) == 0 {
		v = append(v, 1)
	}
	return &Condition{Value: v, Differs: c.rng.IntN(2) == 0}
}

func (c *crowd) options(key []byte, hash uint64) (o SetOptions) {
	o = SetOptions{Get: c.rng.IntN(4) == 0, KeepTTL: c.rng.IntN(4) == 0, Sure: c.rng.IntN(2) == 0}
	switch c.rng.IntN(8) {
	case 0:
		o.NX = true
	case 1:
		o.XX = true
	case 2, 3:
		o.If = c.condition(key, hash)
	}
	if c.rng.IntN(3) == 0 && !o.KeepTTL {
		o.ExpireAt = c.now + c.rng.Uint64N(300)
	}
	return o
}

// step does one operation. What a conditional write says is held against what a read says before it.
func (c *crowd) step() {
	key, hash := c.key()
	switch c.rng.IntN(16) {
	case 0, 1:
		o := c.options(key, hash)
		old, meta, there := c.s.Get(nil, key, hash, c.now)
		value := c.value()
		_, res := c.s.Set(nil, key, value, hash, c.now, o)
		if res.Existed != there && res.Err == nil {
			c.t.Fatalf("a key that is there (%t, %+v) existed: %+v", there, meta, res)
		}
		if o.If != nil && there && res.Err == nil && res.Written != (bytes.Equal(old, o.If.Value) != o.If.Differs) {
			c.t.Fatalf("%d bytes against %d (differs %t): %+v", len(old), len(o.If.Value), o.If.Differs, res)
		}
	case 2, 3:
		d := new(Draft)
		if d.Begin(c.s, key, hash, len(c.value())) {
			d.Settle(c.now) // of a long key
			c.drafts = append(c.drafts, d)
		}
	case 4, 5, 6:
		c.goOn()
	case 7:
		c.pin(key, hash)
	case 8:
		c.read()
	case 9:
		c.s.Charge(-c.charged)
		c.charged = c.rng.Int64N(c.s.env.budget) * c.rng.Int64N(2)
		c.s.Charge(c.charged)
		c.s.Sweep(c.now, 1)
	case 10:
		c.s.Expire(key, hash, c.now, c.now+c.rng.Uint64N(200), 0)
	case 11:
		if c.rng.IntN(8) == 0 {
			c.s.Flush(c.now)
		}
		c.s.DeleteIf(key, hash, c.now, *c.condition(key, hash))
	case 12:
		c.s.Increment(nil, key, hash, c.now, 1, true)
	case 13:
		c.version++
		value := c.value()
		r := Record{Key: key, Value: value, Kind: KindString, Content: Content(KindString, false, value), Stamp: c.now<<stampBits + c.version, Node: 2}
		r.ExpireStamp, r.ExpireNode = r.Stamp, r.Node
		c.s.Merge(&r, hash, c.now)
	case 14:
		c.now += []uint64{1, 100, 5_000, 40_000}[c.rng.IntN(4)]
		c.s.Sweep(c.now, 50)
	case 15:
		c.s.Delete(key, hash, c.now, c.rng.IntN(2) == 0)
	}
}

// goOn lets a draft have more of its value, ends it, or drops it.
func (c *crowd) goOn() {
	if len(c.drafts) == 0 {
		return
	}
	i := c.rng.IntN(len(c.drafts))
	d := c.drafts[i]
	if d.Left() > 0 && c.rng.IntN(6) > 0 {
		value := make([]byte, 1+c.rng.IntN(d.Left()))
		fillDraft(d, value, c.rng)
		d.Settle(c.now)
		return
	}
	if d.Left() == 0 {
		c.s.SetDraft(nil, d, c.now, c.options(d.key, d.hash))
	}
	d.Drop()
	c.drafts = append(c.drafts[:i], c.drafts[i+1:]...)
}

func (c *crowd) pin(key []byte, hash uint64) {
	whole, _, _ := c.s.Get(nil, key, hash, c.now)
	p := new(Pin)
	head, ok := c.s.GetOrPin(nil, key, hash, c.now, p)
	switch {
	case p.Begun():
		c.pins[p] = whole[len(head):]
	case ok && !bytes.Equal(head, whole):
		c.t.Fatalf("%d bytes, want %d", len(head), len(whole))
	}
}

// read reads on in a pinned value, whatever became of its entry, and is done with it now and then.
func (c *crowd) read() {
	for p, want := range c.pins {
		got := []byte(nil)
		for _, b := range p.Next(nil, 1+c.rng.IntN(100_000)) {
			got = append(got, b...)
		}
		if len(got) > len(want) || !bytes.Equal(got, want[:len(got)]) {
			c.t.Fatalf("%d bytes of a pinned value are others", len(got))
		}
		if c.pins[p] = want[len(got):]; c.rng.IntN(3) == 0 {
			p.Unpin()
			delete(c.pins, p)
		}
	}
}

// hashed checks that each value that is here has the content hash of its bytes.
func (c *crowd) hashed() {
	for _, r := range records(c.s, c.now) {
		if r.Flags&(Deleted|ExpiryOnly) == 0 && Content(r.Kind, false, r.Value) != r.Content {
			c.t.Fatalf("%d bytes under %d of key are not those that were written", len(r.Value), len(r.Key))
		}
	}
}

// TestWhatIsHeldAndWhatIsWrittenStayWithinTheBudgetInAnyOrder: drafts in all their stages and abandoned, pins, charges, conditions, flushes,
// expiries, deletions, counters and records of a peer, on few keys in a store that they fill. All accounts are true after each.
func TestWhatIsHeldAndWhatIsWrittenStayWithinTheBudgetInAnyOrder(t *testing.T) {
	oneGoroutine(t)
	eachSeed(t, 18, func(seed uint64) {
		shards := []int{1, 2, 16}[seed%3]
		c := &crowd{t: t, rng: rand.New(rand.NewPCG(seed, 9)), now: epoch0, pins: map[*Pin][]byte{}}
		c.s = newStore(t, Options{Node: 1, Shards: shards, MaxBytes: []int64{768 << 10, 2 << 20, 40 << 20}[seed/3%3]})
		for range 150 {
			c.step()
			check(t, c.s)
		}
		c.hashed()
		for p := range c.pins {
			p.Unpin()
		}
		for _, d := range c.drafts {
			d.Drop()
		}
		c.s.Charge(-c.charged)
		check(t, c.s)
		if v := c.s.env; v.drafts.claimed != 0 || v.pins.pages != 0 || v.charged() != 0 {
			t.Fatalf("seed %d: drafts claim %d bytes, %d pages are pinned, %d bytes charged", seed, v.drafts.claimed, v.pins.pages, v.charged())
		}
	})
}
