package sim

import (
	"fmt"
	"testing"
	"time"

	"covey/peer"
	"covey/store"
)

func (h *Host) del(key string) {
	h.write(func(now uint64, stage func(store.Record)) {
		if r, _, ok := h.Store.Delete([]byte(key), h.Store.Hash([]byte(key)), now, false); ok {
			stage(r)
		}
	})
}

// isolate cuts a host off from all others, or joins it again.
func (w *World) isolate(h *Host, cut bool) {
	for _, o := range w.Hosts {
		w.Cut(h, o, cut)
	}
}

// anywhere returns the hosts that have a key.
func (w *World) anywhere(key string) (all []string) {
	for _, h := range w.running() {
		if _, _, ok := h.Store.Get(nil, []byte(key), h.Store.Hash([]byte(key)), h.now()); ok {
			all = append(all, h.name)
		}
	}
	return all
}

const shortHorizon = time.Minute

// remembering is a mesh with a short horizon.
func remembering(t *testing.T, seed uint64, hosts int) *World {
	w := mesh(t, seed, 0)
	for range hosts {
		w.AddHost(0, 1<<20).horizon = shortHorizon
	}
	for _, h := range w.Hosts {
		h.Start()
	}
	within(t, w, 3*time.Second, "ready", func() bool { return w.linked() && w.ready() })
	return w
}

// TestR13R14_ARejoinAroundTheHorizonBringsNothingBack: keys are deleted while a host is away that holds them, and it returns just
// before the tombstones are forgotten, when they are, and after that; or another host restarts in between. What it wrote after the
// deletions stays.
func TestR13R14_ARejoinAroundTheHorizonBringsNothingBack(t *testing.T) {
	const keys = 60
	for _, away := range []time.Duration{time.Second, shortHorizon - 3*time.Second, shortHorizon, shortHorizon + 3*time.Second, 3 * shortHorizon} {
		for _, restart := range []bool{false, true} {
			t.Run(fmt.Sprintf("away %v, restart %v", away, restart), func(t *testing.T) {
				w := remembering(t, uint64(away/time.Second), 3)
				a, b, c := w.Hosts[0], w.Hosts[1], w.Hosts[2]
				for i := range keys {
					w.Hosts[i%3].set(fmt.Sprint("key", i), "old")
				}
				w.Run(5 * time.Second)
				w.isolate(c, true)
				w.Run(5 * time.Second) // now it is dead to the others
				for i := range keys / 2 {
					w.Hosts[i%2].del(fmt.Sprint("key", i))
				}
				w.Run(10 * time.Millisecond)
				c.set("key0", "written again")
				c.set("new", "of the one that was away")
				a.set("other", "of the others")
				if restart {
					b.Crash()
					w.After(away/2, b.Start)
				}
				w.Run(away)
				w.isolate(c, false)
				within(t, w, 30*time.Second, "one mesh", func() bool { return w.linked() && w.ready() })
				w.Run(20 * time.Second)
				for i := 1; i < keys/2; i++ {
					if at := w.anywhere(fmt.Sprint("key", i)); len(at) > 0 {
						t.Errorf("key%d is back at %v", i, at)
					}
				}
				for i := keys / 2; i < keys; i++ {
					if !w.all(fmt.Sprint("key", i), "old") {
						t.Errorf("key%d, which nobody deleted, is lost", i)
					}
				}
				if !w.all("key0", "written again") || !w.all("new", "of the one that was away") || !w.all("other", "of the others") {
					t.Error("what was written after the deletions is lost")
				}
				if wrong := w.Check(); len(wrong) > 0 {
					t.Errorf("%q", wrong)
				}
			})
		}
	}
}

// TestR14_MembersThatNeverMet: two groups that lived apart for longer than the horizon. What only one has is taken as deleted when
// it is older than what the other has forgotten of; what is newer goes both ways; nobody is left with what others lack.
func TestR14_MembersThatNeverMet(t *testing.T) {
	w := mesh(t, 41, 0)
	for range 4 {
		w.AddHost(0, 1<<20).horizon = shortHorizon
	}
	for i := range 2 {
		for k := 2; k < 4; k++ {
			w.Cut(w.Hosts[i], w.Hosts[k], true)
		}
	}
	for _, h := range w.Hosts {
		h.Start()
	}
	within(t, w, 5*time.Second, "ready", w.ready)
	one, other := w.Hosts[0], w.Hosts[2]
	other.set("before", "the deletion")
	one.set("gone", "v")
	w.Run(time.Second)
	one.del("gone")
	w.Run(time.Second)
	other.set("after", "the deletion")
	one.set("ours", "v")
	w.Run(2 * shortHorizon)
	w.Heal()
	within(t, w, 30*time.Second, "one mesh", func() bool { return w.linked() && w.ready() })
	w.Run(20 * time.Second)
	if !w.all("after", "the deletion") || !w.all("ours", "v") {
		t.Error("what is newer than the floor did not go both ways")
	}
	if at := w.anywhere("gone"); len(at) > 0 {
		t.Errorf("what was deleted is back at %v", at)
	}
	if at := w.anywhere("before"); len(at) > 0 {
		t.Errorf("what is older than the floor is still at %v alone", at)
	}
	if wrong := w.Check(); len(wrong) > 0 {
		t.Errorf("%q", wrong)
	}
}

// crowd is a split during which one side deletes more than its budget of tombstones holds, after the other side has written a
// key. The side that deletes may be restarted before that: then it does not know who is away. It returns whether that key is
// everywhere afterwards, and what is wrong besides.
func crowd(t *testing.T, seed uint64, weak peer.Weakness, restart bool) (kept bool, wrong []string) {
	const horizon = 5 * time.Minute
	w := mesh(t, seed, 0)
	for range 3 {
		h := w.AddHost(0, 1<<20)
		h.memory, h.weak, h.horizon = 2<<20, weak, horizon
	}
	for _, h := range w.Hosts {
		h.Start()
	}
	within(t, w, 3*time.Second, "ready", func() bool { return w.linked() && w.ready() })
	w.Run(horizon) // whoever was there before has been forgotten
	const keys = 5000
	for i := range keys {
		if w.Hosts[i%3].set(fmt.Sprint("a key of some length ", i), "v"); i%100 == 0 {
			w.Run(5 * time.Millisecond)
		}
	}
	w.Run(5 * time.Second)
	a, c := w.Hosts[0], w.Hosts[2]
	w.isolate(c, true)
	w.Run(5 * time.Second)
	c.set("written on the far side", "v")
	w.Run(time.Second)
	if restart {
		a.Crash()
		a.Start()
		within(t, w, 5*time.Second, "ready again", w.ready)
	}
	for i := range keys {
		if a.del(fmt.Sprint("a key of some length ", i)); i%100 == 0 {
			w.Run(5 * time.Millisecond)
		}
	}
	w.Run(time.Minute)
	if n := a.Store.Counts(); weak == 0 && (n.PurgedEarly != 0 || n.TombstoneBytes < 2<<20/16) {
		wrong = append(wrong, fmt.Sprintf("%d bytes of tombstones, %d went early", n.TombstoneBytes, n.PurgedEarly))
	}
	w.isolate(c, false)
	within(t, w, 30*time.Second, "one mesh", func() bool { return w.linked() && w.ready() })
	w.Run(30 * time.Second)
	for i := range keys {
		if at := w.anywhere(fmt.Sprint("a key of some length ", i)); len(at) > 0 {
			wrong = append(wrong, fmt.Sprintf("key %d is back at %v", i, at))
		}
	}
	wrong = append(wrong, w.Check()...)
	// All are there and equal: now the tombstones go down to their budget, but not on who may not know of all members.
	w.Run(40 * time.Second)
	if n := a.Store.Counts(); !restart && n.TombstoneBytes > n.MaxBytes/16 {
		wrong = append(wrong, fmt.Sprintf("%d bytes of tombstones when all were compared", n.TombstoneBytes))
	}
	return w.all("written on the far side", "v"), wrong
}

func TestR13_ManyDeletionsDuringASplitEndNothingThatIsNewer(t *testing.T) {
	kept, wrong := crowd(t, 42, 0, false)
	if !kept || len(wrong) > 0 {
		t.Fatalf("kept %v, %q", kept, wrong)
	}
}

// TestR13_WhoStartedMeanwhileEndsNothingThatIsNewer: a member is away that the node which deletes has never had a link with in
// this start.
func TestR13_WhoStartedMeanwhileEndsNothingThatIsNewer(t *testing.T) {
	kept, wrong := crowd(t, 42, 0, true)
	if !kept || len(wrong) > 0 {
		t.Fatalf("kept %v, %q", kept, wrong)
	}
	if kept, _ := crowd(t, 42, peer.WithoutYouth, true); kept { // the control
		t.Fatal("who has just started takes all members for known, and nothing is lost")
	}
}

func TestR13_WithoutTheGuardAWriteIsLost(t *testing.T) { // the control
	if kept, _ := crowd(t, 42, peer.WithoutGuard, false); kept {
		t.Fatal("tombstones went for the budget while a member was away, and nothing is lost")
	}
}

// TestR4_AFlushAmongWritesOnAllNodes: after it all hold the same, which is what was written above the flush, and nothing else.
func TestR4_AFlushAmongWritesOnAllNodes(t *testing.T) {
	for seed := range uint64(5) {
		w := mesh(t, seed+50, 4)
		within(t, w, 3*time.Second, "ready", func() bool { return w.linked() && w.ready() })
		newest := map[string]store.Record{}
		var flush store.Version
		for round := range 3000 {
			h := w.Hosts[w.Rand.IntN(4)]
			h.write(func(now uint64, stage func(store.Record)) {
				if round%700 == 650 {
					r := h.Store.Flush(now)
					flush = maxOf(flush, r.Version())
					stage(r)
					return
				}
				key := fmt.Append(nil, "key", w.Rand.IntN(300))
				var r store.Record
				if w.chance(0.2) {
					r, _, _ = h.Store.Delete(key, h.Store.Hash(key), now, true)
				} else {
					_, res := h.Store.Set(nil, key, fmt.Append(nil, round), h.Store.Hash(key), now, store.SetOptions{})
					r = res.Record
				}
				if old, ok := newest[string(key)]; !ok || r.Version().Compare(old.Version()) > 0 {
					newest[string(key)] = r
				}
				stage(r)
			})
			w.Run(time.Duration(w.Rand.Int64N(int64(2 * time.Millisecond))))
			if round == 1400 { // one of them is away for a flush
				w.isolate(w.Hosts[3], true)
				w.After(4*time.Second, func() { w.isolate(w.Hosts[3], false) })
			}
		}
		w.Run(20 * time.Second)
		for key, r := range newest {
			want := r.Version().Compare(flush) > 0 && r.Flags&store.Deleted == 0
			if at := w.anywhere(key); want && !w.all(key, string(r.Value)) || !want && len(at) > 0 {
				t.Errorf("seed %d: %s is at %v, its last write is above the flush and no deletion: %v", seed, key, at, want)
			}
		}
		if wrong := w.Check(); len(wrong) > 0 {
			t.Errorf("seed %d: %q", seed, wrong)
		}
	}
}

func maxOf(a, b store.Version) store.Version {
	if a.Compare(b) < 0 {
		return b
	}
	return a
}
