package sim

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"covey/peer"
)

// sealedMesh starts hosts that share the old secret, and a ledger.
func sealedMesh(t *testing.T, seed uint64, hosts int) (*World, *ledger) {
	t.Helper()
	w := NewWorld(seed, Faults{Delay: 5 * time.Millisecond})
	w.vault = newVault(seed)
	for i := range hosts {
		w.AddHost(int64(100*i), 1<<20).give(secretOld)
	}
	b := newLedger(w, 20)
	w.book = b
	for _, h := range w.Hosts {
		h.Start()
	}
	within(t, w, 4*time.Second, "ready", w.ready)
	return w, b
}

// TestASecretIsReplacedUnderWritesAndNobodyIsTakenForDead has each host given both secrets, and when all have them the new one alone, as
// docs/SECURITY.md says, while clients write. Links end and are made anew; no member is lost, and nothing that was written.
func TestASecretIsReplacedUnderWritesAndNobodyIsTakenForDead(t *testing.T) {
	for seed := range uint64(5) {
		w, b := sealedMesh(t, seed, 4)
		w.addStranger(true)
		w.addStranger(false)
		w.changed = func(h *Host, c peer.Change) {
			if !h.stranger && c.New != peer.Alive {
				t.Errorf("seed %d: %s takes a member for %s: %s", seed, h.name, c.New, c.Reason)
			}
		}
		sealed := w.seen.Sealed
		for round, numbers := range [][]int{{secretNew, secretOld}, {secretNew}} {
			for i, h := range w.Hosts {
				w.After(time.Duration(1000+300*i)*time.Millisecond, func() { h.give(numbers...) })
			}
			for i := range 40 {
				w.Run(100 * time.Millisecond)
				w.Hosts[i%4].Do("SET", fmt.Sprint("key:", i%20), fmt.Sprint("value ", round, i))
			}
		}
		if !w.RunUntil(10*time.Second, func() bool { return len(w.quiet()) == 0 }) || len(b.wrong) > 0 {
			t.Errorf("seed %d: %v, %v", seed, w.quiet(), b.wrong)
		}
		if links := uint64(4 * 3 / 2); w.seen.Renewed < links || w.seen.Sealed < sealed+links {
			t.Errorf("seed %d: of %d links %d ended, and %d were made anew", seed, links, w.seen.Renewed, w.seen.Sealed-sealed)
		}
		for _, h := range w.Hosts {
			for _, e := range h.ends {
				if e.session == nil || e.session.Secret != w.vault.secrets[secretNew] {
					t.Errorf("seed %d: %s has a link of another secret", seed, h.name)
				}
			}
		}
	}
}

// TestStrangersAreSeenWhenTheyAreIn: the checks that keep strangers out find one that was given the secret, and one that was told a key.
func TestStrangersAreSeenWhenTheyAreIn(t *testing.T) {
	w, _ := sealedMesh(t, 1, 3)
	w.Hosts[0].Do("SET", "key:0", "ours")
	w.addStranger(true)
	w.Run(3 * time.Second)
	if wrong := w.quiet(); len(wrong) > 0 || w.seen.Refused == 0 {
		t.Fatalf("of %d dials that were refused: %v", w.seen.Refused, wrong)
	}
	w.Strangers[0].give(secretOld)
	w.Run(8 * time.Second)
	all := slices.Concat(w.checkStrangers(), w.book.checkAuthentic())
	for _, check := range []string{"strangers", "authentic"} {
		if !slices.ContainsFunc(all, func(x Wrong) bool { return x.Check == check }) {
			t.Errorf("a stranger that is in is not found by %s: %v", check, all)
		}
	}
}
