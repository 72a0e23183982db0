package peer

import (
	"fmt"
	"testing"

	"covey/codec"
)

func TestR14MarksFindWhereALogIsAboveAFloor(t *testing.T) {
	var m floorMarks
	if got := m.above(5<<16, 77); got != 77 {
		t.Fatalf("%d without a mark", got)
	}
	const beat = 500
	for i := uint64(1); i <= 20_000; i++ {
		m.set(i*beat, i)
		if len(m) > maxFloorMarks {
			t.Fatalf("%d marks", len(m))
		}
	}
	newest := uint64(20_000)
	for _, back := range []uint64{4, 30, 60, 300, 5000} {
		floor := (newest - back) * beat
		got := m.above(floor<<16, newest)
		if got*beat <= floor+floorSlack || newest-got < back/8 {
			t.Errorf("a floor %d beats ago is passed at mark %d ago", back, newest-got)
		}
	}
	if got := m.above((newest*beat)<<16, 99_999); got != 99_999 {
		t.Errorf("a floor of now is passed at %d", got)
	}
	m.set(beat, 30_000) // the time has stepped back
	if got := m.above(0, 99_999); len(m) != 1 || got != 99_999 {
		t.Errorf("%v, %d", m, got)
	}
}

func TestR14TheRingServesNothingAtOrBelowTheFloor(t *testing.T) {
	r := NewRing(1, 1<<20)
	r.SetLive(true)
	var st codec.Stage
	for i := uint64(1); i <= 10; i++ {
		r.outdate(i*10_000, 0)
		st.Add(&codec.Record{Key: []byte(fmt.Sprint("key", i)), Value: []byte("v"), Kind: 1, Stamp: i * 10_000 << 16, Node: 1, ExpireStamp: i * 10_000 << 16, ExpireNode: 1})
		r.Append(&st)
		st.Reset()
	}
	if _, ok := r.seek(0); !ok {
		t.Fatal("all is there, and is not served")
	}
	r.outdate(110_000, 45_000<<16)
	if _, ok := r.seek(3); ok {
		t.Fatal("record 4 is below the floor, and is served")
	}
	cur, ok := r.seek(4)
	if !ok {
		t.Fatal("record 5 is above the floor, and is not served")
	}
	p, ok := r.take(cur, 1<<20, true)
	if first, _, _ := frameAt(p.frames); !ok || first != 5 {
		t.Fatalf("%d, %v", first, ok)
	}
	if _, ok := r.take(cursor{}, 1<<20, true); ok {
		t.Fatal("who had not begun goes on without a gap")
	}
}
