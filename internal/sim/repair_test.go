package sim

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"covey/codec"
	"covey/peer"
	"covey/store"
)

var keys = flag.Int("keys", 20_000, "how many keys are there of which a few differ")

// hide merges a write into one host's store alone: no stream will carry it.
func (h *Host) hide(key, value string, age time.Duration) {
	h.hold(key, value, store.Version{Stamp: (h.now() - uint64(age.Milliseconds())) << 16, Node: h.id})
}

// hold does so under a version.
func (h *Host) hold(key, value string, v store.Version) {
	r := store.Record{
		Key: []byte(key), Value: []byte(value), Kind: store.KindString, Content: store.Content(store.KindString, false, []byte(value)),
		Stamp: v.Stamp, Node: v.Node,
	}
	r.ExpireStamp, r.ExpireNode = r.Stamp, r.Node
	h.Store.Merge(&r, h.Store.Hash(r.Key), h.now())
}

func (w *World) equal() bool {
	up := w.running()
	_, root := up[0].Store.Digest(up[0].now())
	for _, h := range up[1:] {
		if _, r := h.Store.Digest(h.now()); r != root {
			return false
		}
	}
	return true
}

func TestR19_DifferencesAreFoundAndMendedBothWays(t *testing.T) {
	keys := *keys
	for _, differ := range []int{1, 10, 100, 1000, 10_000} {
		t.Run(fmt.Sprint(differ), func(t *testing.T) {
			w := mesh(t, 5, 0)
			for range 2 {
				w.AddHost(0, 1<<20).memory = int64(keys)*500 + 64<<20
			}
			for _, h := range w.Hosts {
				h.Start()
			}
			within(t, w, 3*time.Second, "ready", func() bool { return w.linked() && w.ready() })
			a, b := w.Hosts[0], w.Hosts[1]
			for i := range keys {
				key := fmt.Sprint("key", i)
				a.hide(key, "value", time.Hour)
				h := a.Store.Hash([]byte(key))
				r, _, _ := a.Store.Lookup(nil, []byte(key), h, a.now())
				b.Store.Merge(&r, h, b.now())
			}
			w.Run(10 * time.Second)
			if c := w.counted(); c.Repaired != 0 || c.Repairs != 0 {
				t.Fatalf("%d repairs of what is equal", c.Repairs)
			}
			for i := range differ {
				w.Hosts[i%2].hide(fmt.Sprint("key", i*(keys/differ)), fmt.Sprintf("the value that is newer: %08d", i), time.Minute)
			}
			took := within(t, w, 10*time.Second, "equal", w.equal)
			c := w.counted()
			t.Logf("%d differences of %d: %v, %d rounds, %d bytes each", differ, keys, took, c.Repairs, c.RepairBytes/uint64(differ))
			if c.Repaired != uint64(differ) {
				t.Errorf("%d records mended", c.Repaired)
			}
			if c.RepairBytes > 1024+uint64(differ)*1024 {
				t.Errorf("%d bytes for %d differences", c.RepairBytes, differ)
			}
			w.Run(20 * time.Second)
			if d := w.counted(); d.Repairs != c.Repairs {
				t.Errorf("%d repairs after all was equal", d.Repairs-c.Repairs)
			}
			if keys > 1_000_000 {
				return // all contents of both would not fit the memory
			}
			if wrong := w.Check(); len(wrong) > 0 {
				t.Fatalf("%q", wrong)
			}
		})
	}
}

// A leaf with many entries is not listed: its parts are compared first. Where these do not tell, the leaf is listed after all.
func TestR19_OfALeafWithManyEntriesOnlyThePartThatDiffersIsListed(t *testing.T) {
	w := mesh(t, 5, 2)
	within(t, w, 3*time.Second, "ready", func() bool { return w.linked() && w.ready() })
	a, b := w.Hosts[0], w.Hosts[1]
	const entries = 100
	var keys []string
	for i := 0; len(keys) < entries; i++ {
		key := fmt.Sprint("k", i)
		if hash := a.Store.Hash([]byte(key)); hash>>48 == 0x1234 {
			keys = append(keys, key)
			v := store.Version{Stamp: (a.now() - 3_600_000) << 16, Node: a.id}
			a.hold(key, "value", v)
			b.hold(key, "value", v)
		}
	}
	w.Run(10 * time.Second)
	a.hide(keys[17], "newer", time.Minute)
	b.hide(keys[60], "newer", time.Minute)
	within(t, w, 10*time.Second, "equal", func() bool { return w.equal() && b.has(keys[17], "newer") && a.has(keys[60], "newer") })
	c := w.counted()
	t.Logf("2 differences among %d entries of a leaf: %d rounds, %d bytes", entries, c.Repairs, c.RepairBytes)
	if c.Repairs != 1 || c.Repaired != 2 || c.RepairBytes > 2000 {
		t.Errorf("%d rounds, %d records, %d bytes", c.Repairs, c.Repaired, c.RepairBytes)
	}
	// Writes in the same leaf that do not end, in which parts differ that need not, hide no difference.
	for i := range 3000 {
		a.set(keys[70+i%20], fmt.Sprint(i))
		if i == 500 {
			a.hide(keys[95], "newer", time.Second)
		}
		w.Run(5 * time.Millisecond)
	}
	within(t, w, 10*time.Second, "equal", func() bool { return w.equal() && b.has(keys[95], "newer") })
	if wrong := w.Check(); len(wrong) > 0 {
		t.Fatalf("%q", wrong)
	}
}

func TestR18_AtRestAndUnderWritesNothingIsRepaired(t *testing.T) {
	for seed := range uint64(4) {
		w := mesh(t, seed, 4)
		within(t, w, 3*time.Second, "ready", func() bool { return w.linked() && w.ready() })
		w.busy(300, 3*time.Millisecond, time.Minute)
		w.Run(time.Minute)
		c := w.counted()
		if c.Repaired != 0 {
			t.Fatalf("seed %d: %d records repaired while all links were up", seed, c.Repaired)
		}
		w.Run(10 * time.Second)
		before := w.counted()
		w.Run(5 * time.Minute) // what was written expires on the way
		after := w.counted()
		if after.Repairs != before.Repairs || after.RepairBytes != before.RepairBytes || after.Repaired != 0 {
			t.Fatalf("seed %d: at rest %d repairs, %d bytes", seed, after.Repairs-before.Repairs, after.RepairBytes-before.RepairBytes)
		}
		t.Logf("seed %d: %d repairs begun under writes, %d bytes", seed, c.Repairs, c.RepairBytes)
	}
}

// Of who is ahead the newest closed epoch is still open at the other: they compare the newest that both have closed.
func TestR19_TwoWhoseClocksAreApartAreRepaired(t *testing.T) {
	for _, skew := range []int64{-1800, 1800} {
		w := mesh(t, 4, 0)
		a, b := w.AddHost(0, 1<<20), w.AddHost(skew, 1<<20)
		w.split(1, 5*time.Second)
		a.Start()
		b.Start()
		w.Run(4 * time.Second)
		a.set("of A", "1") // who has stamped does not step
		b.set("of B", "1")
		within(t, w, 10*time.Second, "linked", w.linked)
		w.Run(30 * time.Second)
		if d := w.apartBy(); d < 1700 {
			t.Fatalf("%d ms apart", d)
		}
		a.hide("old", "older", 2*time.Minute)
		b.hide("old", "newer", time.Minute)
		took := within(t, w, 6*time.Second, "equal", func() bool { return a.has("old", "newer") })
		t.Logf("%d ms apart: %v", skew, took)
	}
}

func TestR13_ADeletionThatOnlyOneNodeHeardOfReachesAll(t *testing.T) {
	w := mesh(t, 3, 3)
	within(t, w, 3*time.Second, "ready", func() bool { return w.linked() && w.ready() })
	w.Hosts[0].set("k", "v")
	w.Run(5 * time.Second)
	b := w.Hosts[1]
	if _, _, ok := b.Store.Delete([]byte("k"), b.Store.Hash([]byte("k")), b.now(), false); !ok {
		t.Fatal("not deleted")
	}
	within(t, w, 8*time.Second, "gone everywhere", func() bool {
		return !w.Hosts[0].has("k", "v") && !w.Hosts[1].has("k", "v") && !w.Hosts[2].has("k", "v")
	})
}

func TestR14_WhatIsAbsentAtAReadyPeerBelowItsFloorIsDropped(t *testing.T) {
	w := mesh(t, 3, 3)
	within(t, w, 3*time.Second, "ready", func() bool { return w.linked() && w.ready() })
	old, young := w.Hosts[0], w.Hosts[1]
	old.hide("zombie", "v", 2*time.Hour)
	old.hide("alive", "v", 30*time.Minute)
	floor := store.Version{Stamp: (young.now() - uint64(time.Hour.Milliseconds())) << 16, Node: 1}
	for _, h := range w.Hosts[1:] {
		h.Store.RaiseFloor(floor)
	}
	within(t, w, 10*time.Second, "dropped", func() bool { return !old.has("zombie", "v") && w.all("alive", "v") && w.equal() })
	if c := old.Node.Counters(); c.Dropped != 1 {
		t.Fatalf("%d dropped", c.Dropped)
	}
	w.Run(10 * time.Second)
	if wrong := w.Check(); len(wrong) > 0 {
		t.Fatalf("%q", wrong)
	}
}

func TestR16_ANodeWithLittleMemoryIsNotSentWhatItHasEvicted(t *testing.T) {
	w := mesh(t, 6, 0)
	for range 3 {
		w.AddHost(0, 1<<20)
	}
	small := w.Hosts[2]
	small.memory = 1 << 20
	for _, h := range w.Hosts {
		h.Start()
	}
	within(t, w, 3*time.Second, "ready", func() bool { return w.linked() && w.ready() })
	value := fmt.Sprintf("%01000d", 7)
	for i := range 10_000 {
		w.Hosts[i%2].set(fmt.Sprint("key", i), value)
		if i%50 == 0 {
			w.Run(5 * time.Millisecond)
		}
	}
	w.Run(10 * time.Second)
	if small.Store.Counts().Evictions < 5000 {
		t.Fatalf("%d evictions", small.Store.Counts().Evictions)
	}
	before, evicted := w.counted(), small.Store.Counts().Evictions
	w.Run(5 * time.Minute)
	after := w.counted()
	t.Logf("%d repairs in five minutes, %d bytes, %d records taken", after.Repairs-before.Repairs, after.RepairBytes-before.RepairBytes, after.Repaired-before.Repaired)
	if after.Repaired != before.Repaired || small.Store.Counts().Evictions != evicted {
		t.Fatalf("%d records came again, %d were evicted again", after.Repaired-before.Repaired, small.Store.Counts().Evictions-evicted)
	}
	if after.RepairBytes-before.RepairBytes > 64<<20 {
		t.Fatalf("%d bytes of repair for nothing", after.RepairBytes-before.RepairBytes)
	}
}

var rest = flag.Duration("rest", 2*time.Minute, "how much virtual time TestR18_AtRestNothingIsSentButHeartbeats takes")

// TestR18_AtRestNothingIsSentButHeartbeats leaves three nodes alone while keys expire all the time. What repair costs then is
// an epoch and a root in each heartbeat; where one has little memory and has evicted most of what the others hold, also what it
// names of its partial leaves, to find what is stale: 6 bytes an entry on each link, in an hour (R16).
func TestR18_AtRestNothingIsSentButHeartbeats(t *testing.T) {
	t.Run("all have the memory", func(t *testing.T) { atRest(t, 64<<20, 0) })
	t.Run("one has evicted", func(t *testing.T) { atRest(t, 1<<20, 2) })
}

// atRest does so; most is how many bytes of repair there may be for each heartbeat interval, beside one frame on each of two links.
func atRest(t *testing.T, memory int64, most uint64) {
	w := mesh(t, 12, 0)
	for i := range 3 {
		w.AddHost(0, 1<<20).memory = []int64{64 << 20, 64 << 20, memory}[i]
	}
	for _, h := range w.Hosts {
		h.Start()
	}
	within(t, w, 4*time.Second, "ready", func() bool { return w.linked() && w.ready() })
	const keys = 6000
	value := fmt.Sprintf("%0500d", 7)
	life := uint64((*rest + 20*time.Second).Milliseconds())
	for i := range keys {
		h := w.Hosts[i%2]
		h.write(func(now uint64, stage func(store.Record)) {
			key := fmt.Appendf(nil, "k%d", i)
			o := store.SetOptions{ExpireAt: now + 10_000 + w.Rand.Uint64N(life)}
			if _, r := h.Store.Set(nil, key, []byte(value), h.Store.Hash(key), now, o); r.Written {
				stage(r.Record)
			}
		})
		if i%50 == 0 {
			w.Run(5 * time.Millisecond)
		}
	}
	w.Run(15 * time.Second)
	if n := w.Hosts[2].Store.Counts().Evictions; n < keys/4 && memory < 64<<20 {
		t.Fatalf("%d evictions", n)
	}
	before, expired, limit := w.counted(), w.Hosts[0].Store.Counts().Expired, uint64(0)
	w.Run(*rest)
	c := w.counted()
	t.Logf("%v: %d keys expired, %d repairs, %d comparisons, %d bytes, %d records taken", *rest, w.Hosts[0].Store.Counts().Expired-expired,
		c.Repairs-before.Repairs, c.Comparisons-before.Comparisons, c.RepairBytes-before.RepairBytes, c.Repaired-before.Repaired)
	if w.Hosts[0].Store.Counts().Expired-expired < keys/2 {
		t.Error("too little has expired")
	}
	if most > 0 {
		limit = most*uint64(*rest/peer.HeartbeatInterval) + 2*(codec.HeaderLen+16+6*codec.MaxScrubEntries)
	}
	if c.RepairBytes-before.RepairBytes > limit || c.Repaired != before.Repaired || c.Comparisons != before.Comparisons {
		t.Error("something was sent although all hold the same")
	}
}

// TestR3_AValueThatIsGoneOnOneNodeComesFromWhoHasIt: a write that kept the time to live was ended by an expiry that only one
// node knew of, and its bytes are gone there when a higher expiry comes, from who has not got them. Both hold the same
// registers then: only because what has no value is in no fingerprint does a repair find it.
func TestR3_AValueThatIsGoneOnOneNodeComesFromWhoHasIt(t *testing.T) {
	for _, expires := range []uint64{0, 3_600_000} {
		w := mesh(t, 5, 2)
		within(t, w, 3*time.Second, "ready", func() bool { return w.linked() && w.ready() })
		a, b := w.Hosts[0], w.Hosts[1]
		w.Run(5 * time.Second)
		now, key := a.now(), []byte("k")
		hash := a.Store.Hash(key)
		r := store.Record{
			Key: key, Value: []byte("v"), Kind: store.KindString, Flags: store.Keeps, Content: store.Content(store.KindString, false, []byte("v")),
			Stamp: (now - 500) << 16, Node: 7, BaseStamp: (now - 1000) << 16, BaseNode: 7,
			ExpireAt: now + 100, ExpireStamp: (now - 900) << 16, ExpireNode: 7,
		}
		a.Store.Merge(&r, hash, now)
		w.Run(8 * time.Second)
		r.ExpireAt, r.ExpireStamp = expires, (now-100)<<16
		if expires != 0 {
			r.ExpireAt += now
		}
		only := r
		only.Flags, only.Value = store.ExpiryOnly, nil
		if o := a.Store.Merge(&only, hash, a.now()); o != store.NeedRecord {
			t.Fatalf("the expiry of a version whose bytes are gone: %s", o)
		}
		if o := b.Store.Merge(&r, hash, b.now()); o != store.Applied {
			t.Fatalf("the whole record: %s", o)
		}
		within(t, w, 10*time.Second, "the value on both", func() bool { return a.has("k", "v") && b.has("k", "v") && w.equal() })
		if wrong := w.checkEqual(); len(wrong) > 0 {
			t.Errorf("%v", wrong)
		}
		repairs := w.counted().Repairs
		w.Run(20 * time.Second)
		if more := w.counted().Repairs - repairs; more != 0 {
			t.Errorf("%d repairs after both held the same", more)
		}
	}
}
