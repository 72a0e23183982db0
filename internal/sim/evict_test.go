package sim

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"covey/peer"
	"covey/store"
)

// partialLeaves counts the partial leaves of a host's store.
func (h *Host) partialLeaves() (n int) {
	for shard := range 256 {
		for _, word := range h.Store.Partial(nil, shard) {
			for ; word != 0; word &= word - 1 {
				n++
			}
		}
	}
	return n
}

// wrongAnswers counts the keys of little that a host holds another value of than the first host.
func (h *Host) wrongAnswers(keys int) (wrong int) {
	big := h.world.Hosts[0]
	for i := range keys {
		key := fmt.Append(nil, "n", i)
		v, _, ok := h.Store.Get(nil, key, h.Store.Hash(key), h.now())
		if ok && !big.has(string(key), string(v)) {
			wrong++
		}
	}
	return wrong
}

// TestR16_ANodeWithATenthOfTheMemoryIsOneOfTheMesh: nothing goes to and fro, what it answers is right or a miss, and the others
// can tell that they are equal to it where it has forgotten nothing (R20).
func TestR16_ANodeWithATenthOfTheMemoryIsOneOfTheMesh(t *testing.T) {
	const keys = 9000 // 10 MB
	w, small := little(t, 31, 3, keys, 0)
	if c := small.Store.Counts(); c.Keys > 2*keys/5 || c.Evictions == 0 || small.partialLeaves() == 0 {
		t.Fatalf("%+v", c)
	}
	before, evicted := w.counted(), small.Store.Counts().Evictions
	w.Run(5 * time.Minute)
	after := w.counted()
	t.Logf("%d repairs in five minutes, %d bytes, %d of 65536 leaves left out", after.Repairs-before.Repairs, after.RepairBytes-before.RepairBytes, small.Node.Verify().LeftOut)
	if after.Repaired != before.Repaired || small.Store.Counts().Evictions != evicted || after.Repairs-before.Repairs > 2 {
		t.Errorf("%d records came again, %d were evicted again, %d repairs", after.Repaired-before.Repaired, small.Store.Counts().Evictions-evicted, after.Repairs-before.Repairs)
	}
	for _, h := range w.Hosts {
		if n := h.wrongAnswers(keys); n > 0 {
			t.Errorf("%s gives %d wrong answers", h.name, n)
		}
		if v := h.Node.Verify(); !v.Converged || v.LeftOut == 0 || v.Members != 3 {
			t.Errorf("%s: %+v", h.name, v)
		}
	}
}

// TestR16_WhatIsStaleInPartialLeavesIsFound, on either side, though no root tells of it: what a node holds of such leaves is named
// in its turn. What it has evicted does not come again.
func TestR16_WhatIsStaleInPartialLeavesIsFound(t *testing.T) {
	const keys = 6000
	w, small := little(t, 31, 3, keys, 0)
	var held []string
	for i := range keys {
		key := fmt.Append(nil, "n", i)
		if h := small.Store.Hash(key); small.has(string(key), fmt.Sprint(i+100)) && !small.Store.Certain([]byte("x"), h, small.now()) {
			held = append(held, string(key))
		}
	}
	if len(held) < 100 {
		t.Fatalf("the small one holds %d in partial leaves", len(held))
	}
	evicted, gone := small.Store.Counts().Evictions, small.lost(keys)
	newer, older, dead := held[0], held[len(held)/2], held[len(held)-1]
	for _, h := range w.Hosts[:2] {
		h.hide(newer, "newer", 0)
		if _, _, ok := h.Store.Delete([]byte(dead), h.Store.Hash([]byte(dead)), h.now(), false); !ok {
			t.Fatal("not deleted")
		}
	}
	small.hide(older, "newer", 0)
	w.Run(peer.ScrubPass + 5*time.Second)
	if !small.has(newer, "newer") || !w.Hosts[0].has(older, "newer") || !w.Hosts[1].has(older, "newer") {
		t.Errorf("in an hour: %v %v %v", small.has(newer, "newer"), w.Hosts[0].has(older, "newer"), w.Hosts[1].has(older, "newer"))
	}
	if _, _, ok := small.Store.Get(nil, []byte(dead), small.Store.Hash([]byte(dead)), small.now()); ok {
		t.Error("what was deleted on the others is still there")
	}
	// What came made room for itself, by a segment at a time.
	if more := small.Store.Counts().Evictions - evicted; more > 64 || len(gone)-len(small.lost(keys)) > 3 {
		t.Errorf("%d evictions, of %d keys that were evicted %d are left", more, len(gone), len(small.lost(keys)))
	}
	t.Logf("%d entries held in partial leaves, scrubbed in %d frames", len(held), small.Node.Counters().Scrubs)
}

// TestR16_WhatIsBesideAPartialLeafIsRepaired: the leaves of a small store are coarse, so several are listed together by the one who leads, or by
// the other. What is lacking in those of them that are complete was not evicted.
func TestR16_WhatIsBesideAPartialLeafIsRepaired(t *testing.T) {
	for _, c := range []struct {
		name   string
		memory [2]int64
		small  int
	}{{"the small one leads", [2]int64{1 << 20, 64 << 20}, 0}, {"the small one follows", [2]int64{128 << 20, 16 << 20}, 1}} {
		t.Run(c.name, func(t *testing.T) {
			w := unequal(t, 36, 0, c.memory[:]...)
			small, big := w.Hosts[c.small], w.Hosts[1-c.small]
			for i := 0; small.partialLeaves() < 200; i++ {
				if big.set(fmt.Sprint("pad", i), strings.Repeat("x", 1000)); i%50 == 0 {
					w.Run(5 * time.Millisecond)
				}
			}
			w.Run(10 * time.Second)
			beside := func(key string) bool {
				hash := small.Store.Hash([]byte(key))
				forgotten := false
				for _, word := range small.Store.Partial(nil, int(hash>>56)) {
					forgotten = forgotten || word != 0
				}
				return forgotten && small.Store.Certain([]byte(key), hash, small.now()) && !small.has(key, "v")
			}
			var keys []string
			for i := 0; len(keys) < 200; i++ {
				if key := fmt.Sprint("beside", i); beside(key) {
					keys = append(keys, key)
					big.hide(key, "v", 0)
				}
			}
			w.Run(15 * time.Second)
			for _, key := range keys {
				if beside(key) {
					t.Fatalf("%s never came", key)
				}
			}
		})
	}
}

// TestR16_AGhostMakesOneLeafOfACopyPartial, not all that are listed with it: who starts beside a node that has evicted some can say of most keys that
// they are absent, and whether the two are equal.
func TestR16_AGhostMakesOneLeafOfACopyPartial(t *testing.T) {
	w, small := little(t, 37, 2, 1100, 0)
	big := w.Hosts[0]
	ghosts := small.Store.Counts().Ghosts
	if ghosts < 50 || small.partialLeaves() > 0 {
		t.Fatalf("%d ghosts, %d partial leaves", ghosts, small.partialLeaves())
	}
	big.Crash()
	w.Run(time.Second)
	big.Start()
	within(t, w, 10*time.Second, "ready", func() bool { return w.linked() && w.ready() })
	w.Run(time.Minute)
	if n := big.partialLeaves(); n == 0 || n > ghosts {
		t.Errorf("%d ghosts make %d leaves of the copy partial", ghosts, n)
	}
}

// missed is what a small node lacks after a cut in which more was written than the ring of the other holds. Before that it had forgotten ghosts of
// most leaves, and then what it held was deleted: it has room. It returns how many of the keys of the cut it lacks two minutes after it, and
// in an hour.
func missed(t *testing.T, weak peer.Weakness) (soon, late int) {
	const keys, during = 6000, 300
	w := mesh(t, 38, 0)
	big, small := w.AddHost(0, 16<<10), w.AddHost(0, 16<<10)
	small.memory, big.weak, small.weak = 1<<20, weak, weak
	big.Start()
	small.Start()
	within(t, w, 3*time.Second, "ready", func() bool { return w.linked() && w.ready() })
	for i := range keys {
		if big.set(fmt.Sprint("pad", i), strings.Repeat("x", 1000)); i%10 == 0 {
			w.Run(5 * time.Millisecond)
		}
	}
	w.Run(10 * time.Second)
	for i := range keys {
		if big.del(fmt.Sprint("pad", i)); i%10 == 0 {
			w.Run(5 * time.Millisecond)
		}
	}
	w.Run(10 * time.Second)
	if c := small.Store.Counts(); c.Forgotten == 0 || !small.Store.Roomy() || small.partialLeaves() < 500 {
		t.Fatalf("%+v, %d partial leaves", c, small.partialLeaves())
	}
	lacks := func() (n int) {
		for i := range during {
			if !small.has(fmt.Sprint("cut", i), strings.Repeat("y", 200)) {
				n++
			}
		}
		return n
	}
	w.Cut(big, small, true)
	for i := range during {
		big.set(fmt.Sprint("cut", i), strings.Repeat("y", 200))
	}
	w.Run(10 * time.Second)
	w.Heal()
	w.Run(2 * time.Minute)
	soon = lacks()
	t.Logf("weak %d: %d partial leaves, %d of %d lacking two minutes after the cut", weak, small.partialLeaves(), soon, during)
	w.Run(peer.ScrubPass)
	return soon, lacks()
}

// TestR16_WhatANodeWithRoomMissedComesThoughItHasForgottenGhosts: it counts as evicted only where there is no room for it.
func TestR16_WhatANodeWithRoomMissedComesThoughItHasForgottenGhosts(t *testing.T) {
	if soon, late := missed(t, 0); soon > 0 || late > 0 {
		t.Errorf("%d keys are lacking in two minutes, %d in an hour", soon, late)
	}
	if soon, late := missed(t, peer.WithoutRegain); soon < 50 || late < 50 {
		t.Errorf("without the rule %d keys are lacking in two minutes, %d in an hour", soon, late)
	}
}

// TestR16_WhatANodeGaveUpComesAgainWhenItHasRoom: of what it has evicted all that has no ghost any more, once, and nothing goes to and fro.
func TestR16_WhatANodeGaveUpComesAgainWhenItHasRoom(t *testing.T) {
	const keys = 3000
	for _, weak := range []peer.Weakness{0, peer.WithoutRegain} {
		w, small := little(t, 39, 3, keys, weak)
		if small.Store.Counts().Forgotten == 0 || len(small.lost(keys)) < 100 {
			t.Fatalf("%+v, %d evicted", small.Store.Counts(), len(small.lost(keys)))
		}
		for i := range keys {
			if w.Hosts[0].del(fmt.Sprint("pad", i)); i%50 == 0 {
				w.Run(5 * time.Millisecond)
			}
		}
		w.Run(3 * time.Minute)
		lost, ghosts, repaired := len(small.lost(keys)), small.Store.Counts().Ghosts, w.counted().Repaired
		t.Logf("weak %d: %d of %d keys are lacking, %d ghosts", weak, lost, keys, ghosts)
		if weak == 0 && lost > ghosts || weak != 0 && lost < ghosts+100 {
			t.Errorf("%d of %d keys are lacking, %d ghosts (weak %d)", lost, keys, ghosts, weak)
		}
		if weak != 0 { // it has shown what it is for
			continue
		}
		w.Run(2 * peer.ScrubPass)
		if n := w.counted().Repaired - repaired; n > 0 {
			t.Errorf("%d records came again", n)
		}
	}
}

// TestR16_WhatAFullNodeEvictsBeforeAPeerHasItIsLost is what the README says of it: nothing that was written while a peer is linked and keeps up,
// nor while it is away for less than a twentieth of the memory; of more, what is there no more when the peer comes back.
func TestR16_WhatAFullNodeEvictsBeforeAPeerHasItIsLost(t *testing.T) {
	const memory, entry = 16 << 20, 1000
	value := strings.Repeat("x", entry)
	for _, c := range []struct {
		away int // bytes written meanwhile
		lost bool
	}{{memory / 20, false}, {memory / 4, true}} {
		w := mesh(t, 41, 0)
		full, roomy := w.AddHost(0, memory/64), w.AddHost(0, 1<<20)
		full.memory = memory
		full.Start()
		roomy.Start()
		within(t, w, 3*time.Second, "ready", func() bool { return w.linked() && w.ready() })
		written := func(key string, bytes int) (lacks int) {
			for i := range bytes / entry {
				if full.set(fmt.Sprint(key, i), value); i%50 == 0 {
					w.Run(2 * time.Millisecond)
				}
			}
			w.Run(4 * time.Second)
			w.Heal()
			w.Run(15 * time.Second)
			for i := range bytes / entry {
				if !roomy.has(fmt.Sprint(key, i), value) {
					lacks++
				}
			}
			return lacks
		}
		if n := written("linked", memory*5/4); n > 0 || full.Store.Counts().Evictions == 0 {
			t.Fatalf("%d keys are lacking that were written while the two were linked, %d were evicted", n, full.Store.Counts().Evictions)
		}
		w.Cut(full, roomy, true)
		if n := written("away", c.away); (n > 0) != c.lost {
			t.Errorf("of %d keys written meanwhile %d are lacking", c.away/entry, n)
		}
	}
}

func TestR16_RootsThatCountPartialLeavesNeverAgree(t *testing.T) { // the control
	const keys = 3000
	w, _ := little(t, 32, 3, keys, peer.WithPartial)
	before := w.counted()
	w.Run(3 * time.Minute)
	if after := w.counted(); after.Repairs-before.Repairs < 4 || w.Hosts[0].Node.Verify().Converged {
		t.Fatalf("%d repairs, %+v", after.Repairs-before.Repairs, w.Hosts[0].Node.Verify())
	}
}

// TestR16_ACopyIsAsCompleteAsItsDonorAndBecomesComplete: who joins by way of a node that has forgotten ghosts cannot know what is
// absent, until all was compared with one that can.
func TestR16_ACopyIsAsCompleteAsItsDonorAndBecomesComplete(t *testing.T) {
	const keys = 4000
	w, small := little(t, 33, 2, keys, 0)
	big := w.Hosts[0]
	joins := w.AddHost(0, 1<<20)
	w.Cut(big, joins, true)
	joins.Start()
	within(t, w, 30*time.Second, "a copy of the small one", w.ready)
	w.Run(time.Second)
	if joins.partialLeaves() == 0 {
		t.Fatal("the copy of a node that has forgotten ghosts is complete")
	}
	for _, i := range small.lost(keys)[:100] {
		key := fmt.Append(nil, "n", i)
		if joins.Store.Certain(key, joins.Store.Hash(key), joins.now()) && !small.Store.Certain(key, small.Store.Hash(key), small.now()) {
			t.Fatalf("%s is certain where its donor was not", key)
		}
	}
	w.Heal()
	within(t, w, 2*time.Minute, "complete", func() bool { return joins.partialLeaves() == 0 && len(joins.lost(keys)) == 0 })
	w.Run(10 * time.Second)
	if _, diff := differ(big, joins, big.contents(big.now()), joins.contents(big.now())); diff != "" {
		t.Fatal(diff)
	}
	if n := small.partialLeaves(); n == 0 {
		t.Error("the small one is complete")
	}
}

// TestR16_WhatAllDonorsHaveEvictedIsPartialInACopy: ghosts that nobody has a value for cannot be copied, for they have no key. Who
// lacks them is not compared there, instead of again and again.
func TestR16_WhatAllDonorsHaveEvictedIsPartialInACopy(t *testing.T) {
	w := unequal(t, 35, 0, 4<<20, 4<<20)
	value := fmt.Sprintf("%01000d", 7)
	for i := range 4500 {
		if w.Hosts[i%2].set(fmt.Sprint("key", i), value); i%50 == 0 {
			w.Run(5 * time.Millisecond)
		}
	}
	w.Run(5 * time.Second)
	for _, h := range w.Hosts {
		if c := h.Store.Counts(); c.Ghosts == 0 || c.Forgotten != 0 {
			t.Fatalf("%+v", c)
		}
	}
	joins := w.AddHost(0, 1<<20)
	joins.Start()
	within(t, w, 30*time.Second, "ready", w.ready)
	w.Run(10 * time.Second)
	before := w.counted()
	w.Run(5 * time.Minute)
	if after := w.counted(); after.Repairs-before.Repairs > 2 || after.Repaired != before.Repaired {
		t.Errorf("%d repairs, %d records taken", after.Repairs-before.Repairs, after.Repaired-before.Repaired)
	}
	for i := range 4500 {
		key := fmt.Append(nil, "key", i)
		hash := joins.Store.Hash(key)
		if !w.Hosts[0].has(string(key), value) && !w.Hosts[1].has(string(key), value) && joins.Store.Certain(key, hash, joins.now()) {
			t.Fatalf("%s was evicted everywhere, and the copy is certain that it never was", key)
		}
	}
	for _, h := range w.Hosts {
		if v := h.Node.Verify(); !v.Converged || v.LeftOut == 0 {
			t.Errorf("%s: %+v", h.name, v)
		}
	}
}

// TestR20_VerifySeesADifferenceInALeafThatAllHaveComplete, and when it began, beside many that are left out.
func TestR20_VerifySeesADifferenceInALeafThatAllHaveComplete(t *testing.T) {
	w := mesh(t, 34, 0)
	for range 2 {
		w.AddHost(0, 1<<20).weak = peer.WithoutRepair
	}
	for _, h := range w.Hosts {
		h.Start()
	}
	within(t, w, 3*time.Second, "ready", func() bool { return w.linked() && w.ready() })
	a, b := w.Hosts[0], w.Hosts[1]
	key := func(prefix uint64) string { // one whose hash begins so
		for i := 0; ; i++ {
			if k := fmt.Sprint("k", i); a.Store.Hash([]byte(k))>>48 == prefix {
				return k
			}
		}
	}
	b.Store.SetPartial(7, 1, true)
	b.Store.SetPartial(200, 255, true)
	w.Run(10 * time.Second)
	a.hide(key(7<<8|1), "left out", 0)
	w.Run(10 * time.Second)
	for _, h := range w.Hosts {
		if v := h.Node.Verify(); !v.Converged || v.LeftOut != 2 {
			t.Fatalf("%s, a difference in a partial leaf: %+v", h.name, v)
		}
	}
	begun := a.now()
	a.hide(key(7<<8|2), "compared", 0)
	w.Run(10 * time.Second)
	for _, h := range w.Hosts {
		if v := h.Node.Verify(); v.Converged || len(v.Differing) != 1 || v.LeftOut != 2 {
			t.Fatalf("%s, a difference in a complete leaf: %+v", h.name, v)
		}
	}
	k := []byte(key(7<<8 | 2))
	r, _, _ := a.Store.Lookup(nil, k, a.Store.Hash(k), a.now())
	if o := b.Store.Merge(&r, b.Store.Hash(k), b.now()); o != store.Applied {
		t.Fatal(o)
	}
	mended := a.now()
	w.Run(15 * time.Second)
	for _, h := range w.Hosts {
		if v := h.Node.Verify(); !v.Converged || v.Since < begun || v.Since > mended+2048 {
			t.Fatalf("%s, mended at %d: %+v", h.name, mended, v)
		}
	}
}

// What is scrubbed is no comparison: the other may begin one that it owes itself.
func TestR16_WhatIsScrubbedHoldsUpNoComparison(t *testing.T) {
	w := mesh(t, 6, 0)
	a, b := w.AddHost(0, 4<<10), w.AddHost(0, 4<<10)
	a.Start()
	b.Start()
	within(t, w, 3*time.Second, "ready", func() bool { return w.linked() && w.ready() })
	hash := a.Store.Hash([]byte("k"))
	a.Store.SetPartial(int(hash>>56), int(hash<<8>>8*uint64(a.Store.LeafCount())>>56), true)
	a.set("k", "held")
	within(t, w, peer.ScrubPass, "scrubbed", func() bool { return a.Node.Counters().Scrubs > 0 })
	for i := range 500 { // more than the ring has room for, and the roots leave it out
		a.set("k", fmt.Sprint(i))
	}
	within(t, w, 20*time.Second, "all of the stream", func() bool { return b.Node.Applied(a.Ring.Stream()) == a.Ring.Head() })
	if c := b.Node.Counters(); c.GapsHeard == 0 {
		t.Fatal("there was no gap")
	}
}

// latecomer is a node that joins by way of one that has forgotten ghosts and takes its floor, and then meets one that was alone
// so far: complete, with a lower floor, and without what the others had written. It returns how many of the keys that nobody has deleted
// are lost then by the node that had them all, when that meets the latecomer. With both at once the two are its donors.
func latecomer(t *testing.T, seed uint64, weak peer.Weakness, both bool) (lost int) {
	const keys = 4000
	w, small := littleFor(t, seed, 2, keys, weak, shortHorizon)
	big := w.Hosts[0]
	alone, joins := w.AddHost(0, 1<<20), w.AddHost(0, 1<<20)
	alone.weak, joins.weak = weak, weak
	w.isolate(alone, true)
	w.Cut(big, joins, true)
	alone.Start()
	big.set("gone", "v")
	w.Run(time.Second)
	big.del("gone")
	w.Run(2 * shortHorizon)
	if none := (store.Version{}); big.Store.Floor() == none || small.Store.Floor() == none {
		t.Fatal("no floor")
	}
	w.Cut(alone, joins, !both)
	joins.Start()
	within(t, w, 30*time.Second, "a copy", w.ready)
	w.Run(time.Second)
	if !both && joins.partialLeaves() == 0 {
		t.Fatal("the copy of a node that has forgotten ghosts is complete")
	}
	w.Cut(alone, joins, false)
	w.Run(30 * time.Second)
	w.Heal()
	w.Run(time.Minute)
	if weak == 0 {
		within(t, w, 5*time.Minute, "complete with all keys", func() bool { return joins.partialLeaves() == 0 && len(joins.lost(keys)) == 0 })
	}
	return len(big.lost(keys))
}

// TestR16_APeerThatMissedWhatTheFloorCoversCompletesNothing: on its word nothing becomes certain, or who has what was evicted elsewhere
// would be told that it is deleted (R14).
func TestR16_APeerThatMissedWhatTheFloorCoversCompletesNothing(t *testing.T) {
	for _, both := range []bool{false, true} {
		if n := latecomer(t, 36, 0, both); n > 0 {
			t.Errorf("%d keys that nobody has deleted are gone (both donors at once: %v)", n, both)
		}
		if n := latecomer(t, 36, peer.AnyFloor, both); n == 0 {
			t.Errorf("without the rule nothing is lost either (both donors at once: %v)", both)
		}
	}
}
