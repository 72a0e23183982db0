package peer

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"unsafe"

	"covey/codec"
	"covey/internal/harness"
	"covey/store"
)

// stageOf encodes records that carry their number.
func stageOf(first, count uint64, value []byte) *codec.Stage {
	st := new(codec.Stage)
	for i := range count {
		st.Add(&codec.Record{Key: fmt.Appendf(nil, "k%d", first+i), Value: value, Kind: codec.KindString, Stamp: first + i, Node: 1})
	}
	return st
}

// drainRing takes all after cur and checks that it is the stream in its order; it returns the place at the end.
func drainRing(t *testing.T, r *Ring, cur cursor, budget int) cursor {
	t.Helper()
	for {
		p, ok := r.take(cur, budget, true)
		if !ok {
			t.Fatalf("what follows %d is not held", cur.seq)
		}
		if p.chunk == nil {
			return cur
		}
		checkFrames(t, p.frames, cur.seq, p.next.seq)
		cur = p.next
		p.unpin()
	}
}

// checkFrames checks that b is whole Batch frames with the records after seq up to last.
func checkFrames(t *testing.T, b []byte, seq, last uint64) {
	t.Helper()
	for len(b) > 0 {
		h, ok, err := codec.DecodeHeader(b)
		if !ok || err != nil {
			t.Fatalf("bad frame: %v", err)
		}
		m, err := codec.DecodeBatch(b[codec.HeaderLen : codec.HeaderLen+int(h.Length)])
		if err != nil {
			t.Fatal(err)
		}
		if m.First > seq+1 {
			t.Fatalf("a batch from %d follows %d", m.First, seq)
		}
		var rec codec.Record
		for i, run := uint64(0), m.Records; len(run) > 0; i++ {
			n, err := codec.DecodeStaged(run, &rec)
			if err != nil || rec.Stamp != m.First+i {
				t.Fatalf("record %d of the batch from %d is %d: %v", i, m.First, rec.Stamp, err)
			}
			run = run[n:]
		}
		seq = max(seq, m.First+uint64(m.Count)-1)
		b = b[codec.HeaderLen+int(h.Length):]
	}
	if seq != last {
		t.Fatalf("the frames end at %d, not %d", seq, last)
	}
}

func TestR9TheRingKeepsTheStreamInOrderAndWithinItsLimit(t *testing.T) {
	const limit = 64 << 10
	r := NewRing(7, limit)
	r.SetLive(true)
	random := rand.New(rand.NewPCG(1, 1))
	var cur cursor
	head := uint64(0)
	for range 3000 {
		count := 1 + random.Uint64N(5)
		if got := r.Append(stageOf(head+1, count, make([]byte, random.IntN(300)))); got != head+count {
			t.Fatalf("head %d after %d records", got, head+count)
		}
		head += count
		if r.bytes > limit {
			t.Fatalf("the ring takes %d of %d bytes", r.bytes, limit)
		}
		if random.IntN(3) == 0 {
			cur = drainRing(t, r, cur, 1+random.IntN(10000))
			if cur.seq != head {
				t.Fatalf("drained up to %d of %d", cur.seq, head)
			}
		}
	}
}

func TestR10SeekResumesExactlyOrSaysThatItCannot(t *testing.T) {
	r := NewRing(7, 64<<10)
	r.SetLive(true)
	head := uint64(0)
	for i := range uint64(800) {
		head = r.Append(stageOf(head+1, 1+i%3, make([]byte, 100)))
	}
	if r.base == 0 || r.base >= head {
		t.Fatalf("the ring holds %d..%d: this test needs it to have wrapped", r.base+1, head)
	}
	for seq := range head + 3 {
		cur, ok := r.seek(seq)
		if want := seq >= r.base && seq <= head; ok != want {
			t.Fatalf("seek(%d) = %v with %d..%d held", seq, ok, r.base+1, head)
		}
		if !ok {
			if cur.seq != head {
				t.Fatalf("after a gap the place is %d, not the head %d", cur.seq, head)
			}
			continue
		}
		if cur.seq != seq {
			t.Fatalf("seek(%d) stands at %d", seq, cur.seq)
		}
		if end := drainRing(t, r, cur, 1<<20); end.seq != head {
			t.Fatalf("from %d the ring gives up to %d of %d", seq, end.seq, head)
		}
	}
}

func TestACursorThatFallsOffTheRingIsTold(t *testing.T) {
	r := NewRing(7, 32<<10)
	r.SetLive(true)
	head := r.Append(stageOf(1, 1, make([]byte, 100)))
	cur, _ := r.seek(0)
	if cur = drainRing(t, r, cur, 1<<20); cur.seq != head {
		t.Fatal("not at the head")
	}
	for range 1000 {
		head = r.Append(stageOf(head+1, 1, make([]byte, 100)))
	}
	if _, ok := r.take(cur, 1<<20, true); ok {
		t.Fatal("a cursor whose records are gone is served")
	}
}

func TestAPinnedChunkIsReplacedNotReused(t *testing.T) {
	r := NewRing(7, 32<<10)
	r.SetLive(true)
	head := r.Append(stageOf(1, 3, []byte("first")))
	p, ok := r.take(cursor{}, 1<<20, true)
	if !ok || p.chunk == nil {
		t.Fatal("nothing to take")
	}
	before := bytes.Clone(p.frames)
	for range 2000 {
		head = r.Append(stageOf(head+1, 1, make([]byte, 100)))
	}
	for _, c := range r.chunks {
		if c == p.chunk {
			t.Fatal("the chunk is still in the ring: this test needs it to have fallen off")
		}
	}
	if !bytes.Equal(before, p.frames) {
		t.Fatal("the bytes of a pinned chunk have changed")
	}
	p.unpin()
}

func TestRecordsThatWereOnlyCountedAreAHole(t *testing.T) {
	r := NewRing(7, 1<<20)
	quiet := stageOf(1, 1, nil)
	quiet.Reset()
	quiet.SetQuiet(true)
	quiet.Add(&codec.Record{Key: []byte("k"), Kind: codec.KindString})
	if head := r.Append(quiet); head != 1 || r.bytes != 0 {
		t.Fatalf("head %d, %d bytes", head, r.bytes)
	}
	r.SetLive(true)
	if _, ok := r.seek(0); ok {
		t.Fatal("record 1 was never held")
	}
	if cur, ok := r.seek(1); !ok || cur.seq != 1 {
		t.Fatal("the stream cannot be had from its head")
	}
	r.Append(stageOf(2, 1, nil))
	late := new(codec.Stage) // begun when nobody else was known, ended when somebody was
	late.SetQuiet(true)
	late.Add(&codec.Record{Key: []byte("k"), Kind: codec.KindString})
	if head := r.Append(late); head != 3 {
		t.Fatalf("head %d", head)
	}
	if _, ok := r.seek(1); ok {
		t.Fatal("record 3 was never held, so 2 must not be served as if all after it followed")
	}
	r.Append(stageOf(4, 1, nil))
	if cur, ok := r.seek(3); !ok {
		t.Fatal("record 4 is held")
	} else if end := drainRing(t, r, cur, 1<<20); end.seq != 4 {
		t.Fatalf("drained up to %d", end.seq)
	}
	r.SetLive(false)
	if r.bytes != 0 || r.spare != nil {
		t.Fatal("the ring holds memory although nobody else is known")
	}
}

func TestARecordLargerThanTheRingIsAGap(t *testing.T) {
	r := NewRing(7, 16<<10)
	r.SetLive(true)
	r.Append(stageOf(1, 1, nil))
	r.Append(stageOf(2, 1, make([]byte, 32<<10)))
	if _, ok := r.seek(1); ok {
		t.Fatal("record 2 cannot be held")
	}
	r.Append(stageOf(3, 1, nil))
	if _, ok := r.seek(2); !ok {
		t.Fatal("record 3 is held")
	}
}

func TestTakeStopsAtTheBudgetAndAtRecordsHeldByReference(t *testing.T) {
	r := NewRing(7, 1<<20)
	r.SetLive(true)
	for i := range uint64(10) {
		r.Append(stageOf(i+1, 1, make([]byte, 100)))
	}
	large := new(codec.Stage)
	large.Add(&codec.Record{Key: []byte("large"), Value: make([]byte, codec.RefValue+1), Kind: codec.KindString, Stamp: 11})
	r.Append(large)
	r.Append(stageOf(12, 1, nil))

	p, _ := r.take(cursor{}, 500, false)
	if p.ref || len(p.frames) > 500 || p.next.seq == 0 || p.next.seq >= 10 {
		t.Fatalf("500 bytes hold %d records in %d bytes", p.next.seq, len(p.frames))
	}
	checkFrames(t, p.frames, 0, p.next.seq)
	if p, _ := r.take(cursor{}, 10, false); p.chunk != nil {
		t.Fatal("a frame that does not fit was given")
	}
	if p, _ := r.take(cursor{}, 10, true); p.next.seq != 1 {
		t.Fatal("one frame must go when it is forced to")
	}
	p, _ = r.take(cursor{}, 1<<20, false)
	if p.next.seq != 10 || p.ref {
		t.Fatalf("the run before the large value ends at %d", p.next.seq)
	}
	p, _ = r.take(p.next, 1<<20, false)
	if p.next.seq != 11 || !p.ref {
		t.Fatalf("the large value is not alone: up to %d, by reference %v", p.next.seq, p.ref)
	}
	p, _ = r.take(p.next, 1<<20, false)
	if p.next.seq != 12 || p.ref {
		t.Fatal("what follows the large value is not served")
	}
}

func TestAppendAllocatesNothingInSteadyState(t *testing.T) {
	if harness.Race {
		t.Skip("the race detector allocates")
	}
	r := NewRing(7, 1<<20)
	r.SetLive(true)
	st := stageOf(1, 4, make([]byte, 100))
	cur := cursor{}
	turn := func() {
		r.Append(st)
		p, ok := r.take(cur, 1<<20, true)
		if !ok {
			t.Fatal("lost")
		}
		cur = p.next
		p.unpin()
	}
	for range 10_000 {
		turn()
	}
	if n := testing.AllocsPerRun(10_000, turn); n != 0 {
		t.Errorf("%v allocations a turn", n)
	}
}

func TestManyLoopsAppendWhileLinksRead(t *testing.T) {
	r := NewRing(7, 128<<10)
	r.SetLive(true)
	const loops, turns = 4, 2000
	var writers, readers sync.WaitGroup
	for i := range loops {
		writers.Add(1)
		go func() {
			defer writers.Done()
			st := new(codec.Stage)
			for j := range turns {
				st.Reset()
				st.Add(&codec.Record{Key: fmt.Appendf(nil, "%d-%d", i, j), Value: make([]byte, 50), Kind: codec.KindString})
				r.Append(st)
			}
		}()
	}
	for range 3 {
		readers.Add(1)
		go func() {
			defer readers.Done()
			cur := cursor{}
			for cur.seq < loops*turns {
				p, ok := r.take(cur, 1<<20, true)
				if !ok {
					cur, _ = r.seek(r.Head())
					continue
				}
				if p.chunk == nil {
					continue
				}
				if err := codec.CheckRecords(p.frames[codec.BatchHeadLen:codec.BatchHeadLen+recordBytes(p.frames)], 1); err != nil {
					t.Error(err)
				}
				cur = p.next
				p.unpin()
			}
		}()
	}
	writers.Wait()
	readers.Wait()
	if r.Head() != loops*turns {
		t.Fatalf("head %d", r.Head())
	}
}

// recordBytes is the length of the records of the first frame in b.
func recordBytes(b []byte) int {
	_, _, n := frameAt(b)
	return n - codec.BatchHeadLen
}

func TestR10_AGapTellsTheHighestStampSent(t *testing.T) {
	b, x, _, _ := pair(t)
	b.append(x, store.Record{Key: []byte("a"), Flags: store.Deleted, Stamp: 70, Node: 1}, store.Record{Key: []byte("b"), Flags: store.Deleted, Stamp: 90, Node: 1})
	b.append(x, store.Record{Key: []byte("a"), Flags: store.ExpiryOnly, Stamp: 70, Node: 1, ExpireStamp: 80, ExpireAt: 1, ExpireNode: 1})
	_, frame := x.gap(b.now, nil)
	if m, err := codec.DecodeGap(frame[codec.HeaderLen:]); err != nil || m.Stamp != 90 || m.Head != 3 || m.Stream != x.ring.Stream() {
		t.Fatalf("%+v, %v", m, err)
	}
}

// What every loop reads at every turn, and what every turn that wrote writes to, are on cache lines of their own.
func TestALineOfTheRingIsReadOrWritten(t *testing.T) {
	var r Ring
	if apart := unsafe.Offsetof(r.head) - unsafe.Offsetof(r.live); apart < 64 {
		t.Errorf("the head is %d bytes behind what is read", apart)
	}
}
