package seal

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"
)

const second = int64(time.Second)

func TestAnAnnounceIsBelievedUnderAnySecretThatCounts(t *testing.T) {
	old, both, other := NewAnnouncer(secrets(t, 1)), NewAnnouncer(secrets(t, 2, 1)), NewAnnouncer(secrets(t, 3))
	b := make([]byte, 80)
	for i := range b[:48] {
		b[i] = byte(i)
	}
	if old.Genuine(b) || old.Genuine(nil) || old.Genuine(b[:AuthLen]) {
		t.Error("an announce that nobody signed is genuine")
	}
	old.Sign(b)
	if !old.Genuine(b) || !both.Genuine(b) || other.Genuine(b) {
		t.Errorf("signed with the old secret: %v, %v, %v", old.Genuine(b), both.Genuine(b), other.Genuine(b))
	}
	both.Sign(b)
	if old.Genuine(b) || !both.Genuine(b) {
		t.Error("it is not signed with the first secret")
	}
	old.Renew(secrets(t, 2))
	if !old.Genuine(b) {
		t.Error("a new secret does not count")
	}
	for bit := range len(b) * 8 {
		b[bit/8] ^= 1 << (bit % 8)
		if old.Genuine(b) {
			t.Fatalf("with bit %d turned it is still genuine", bit)
		}
		b[bit/8] ^= 1 << (bit % 8)
	}
}

// here is where announces come from.
var here = netip.MustParseAddr("10.0.0.7")

// TestAnAnnounceCountsOncePerAddress: the copies that come over other cards tell of a node's other addresses.
func TestAnAnnounceCountsOncePerAddress(t *testing.T) {
	a := NewAnnouncer(secrets(t, 1))
	at := func(i byte) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, i, 7}) }
	for i, step := range []struct {
		now   int64
		seqn  uint64
		from  byte
		fresh bool
	}{
		{0, 5, 0, true}, {1, 5, 1, true}, {2, 5, 1, false}, {3, 5, 0, false},
		{4, 5, 2, true}, {5, 5, 3, true}, {6, 5, 4, false}, // four addresses
		{7, 4, 5, false},                                    // an older one
		{8, 6, 1, true}, {9, 6, 2, true}, {10, 5, 6, false}, // the next
		{8 + second, 6, 3, false}, // a second later it is a repeat
	} {
		if got := a.Fresh(step.now, 1, 100, step.seqn, at(step.from)); got != step.fresh {
			t.Errorf("step %d: fresh is %v", i, got)
		}
	}
}

func TestAnAnnounceCountsOnce(t *testing.T) {
	a := NewAnnouncer(secrets(t, 1))
	for i, step := range []struct {
		now               int64
		node, start, seqn uint64
		fresh             bool
	}{
		{0, 1, 100, 5, true}, {0, 1, 100, 5, false}, {1, 1, 100, 4, false}, {2, 1, 100, 6, true},
		{3, 2, 50, 1, true},                  // another node
		{4 * second, 1, 200, 1, true},        // it has started again
		{5 * second, 1, 100, 7, false},       // recorded before that
		{63 * second, 1, 100, 7, false},      // within a minute of
		{64*second + 5, 1, 100, 7, true},     // the last word of the younger: its clock was set back
		{64*second + 6, 1, 100, 7, false},    //
		{64*second + 7, 1, 200, 1, true},     // a younger one always counts
		{64*second + 8, 1, 200, 1, false},    //
		{1000 * second, 1, 200, 1, false},    // however long ago
		{1000*second + 1, 1, 200, 2, true},   //
		{1000*second + 2, 2, 50, 1, false},   //
		{1000*second + 3, 2, 49, 100, true},  // node 2 was silent since
		{1000*second + 4, 2, 49, 100, false}, //
	} {
		if got := a.Fresh(step.now, step.node, step.start, step.seqn, here); got != step.fresh {
			t.Errorf("step %d: fresh is %v", i, got)
		}
	}
}

func TestTheMemoryOfAnnouncesIsBounded(t *testing.T) {
	a := NewAnnouncer(secrets(t, 1))
	for node := range uint64(3 * maxStarts) {
		a.Fresh(0, node, 1, 1, here)
	}
	if len(a.newest) > maxStarts {
		t.Errorf("%d nodes are remembered", len(a.newest))
	}
}

func TestJudgingAnAnnounceAllocatesNothing(t *testing.T) {
	a := NewAnnouncer(secrets(t, 1, 2))
	b := make([]byte, 80)
	n := uint64(0)
	per := testing.AllocsPerRun(100, func() {
		n++
		binary.LittleEndian.PutUint64(b, n)
		a.Sign(b)
		if !a.Genuine(b) || !a.Fresh(0, 1, 1, n, here) {
			t.Fatal("refused")
		}
	})
	if per != 0 {
		t.Errorf("%v allocations", per)
	}
}

func BenchmarkGenuine(b *testing.B) {
	a := NewAnnouncer(secrets(b, 1))
	announce := make([]byte, 80)
	a.Sign(announce)
	b.ReportAllocs()
	for b.Loop() {
		if !a.Genuine(announce) {
			b.Fatal("refused")
		}
	}
}
