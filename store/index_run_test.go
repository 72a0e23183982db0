package store

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// The place of a tag is where a search cell by cell finds it, in runs of any length.
func TestASearchOfALongRunFindsTheFirst(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		homes, crowd := uint64(minHomes+r.IntN(3000)), r.Uint64N(tagEnd)
		tb := table{homes: homes, cells: make([]uint64, cellsFor(homes, 64))}
		var tags []uint64
		for i := range int(homes) / 2 {
			tag := r.Uint64N(tagEnd)
			if r.IntN(3) > 0 { // near by each other
				tag = min(crowd+r.Uint64N(1+r.Uint64N(1000)), tagEnd-1)
			}
			if tb.put(newCell(tag, uint64(i)+1)) {
				tags = append(tags, tag)
			}
		}
		var have []uint64
		for _, c := range tb.cells {
			if c != 0 {
				have = append(have, c>>tagShift)
			}
		}
		slices.Sort(tags)
		if !slices.Equal(tags, have) {
			t.Fatalf("%d cells, %d put, not in their order", len(have), len(tags))
		}
		for range 500 {
			tag := min(crowd+r.Uint64N(1200), tagEnd-1)
			want := tb.home(tag)
			for tb.cells[want] != 0 && tb.cells[want]>>tagShift < tag {
				want++
			}
			if got := tb.seek(tag); got != want {
				t.Fatalf("tag %d of %d homes: cell %d, want %d", tag, homes, got, want)
			}
		}
	}
}
