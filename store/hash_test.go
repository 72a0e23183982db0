package store

import (
	"math/rand/v2"
	"testing"

	"github.com/zeebo/xxh3"
)

// The content hash is part of the protocol: nodes that compute it in another way never agree.
func TestContentIsThatOfTheProtocol(t *testing.T) {
	value := make([]byte, 3*16384+5)
	for i := range value {
		value[i] = byte(i * 7)
	}
	first := xxh3.HashSeed(value[:16384], 0)
	second := xxh3.HashSeed(value[16384:2*16384], first)
	for size, want := range map[int]uint64{
		0:         xxh3.HashSeed(nil, 0),
		16384:     first,
		16385:     xxh3.HashSeed(value[16384:16385], first),
		2 * 16384: second,
		len(value): xxh3.HashSeed(value[3*16384:],
			xxh3.HashSeed(value[2*16384:3*16384], second)),
	} {
		if got := Content(1, false, value[:size]); got != uint32(want) {
			t.Errorf("%d bytes: %08x, want %08x", size, got, uint32(want))
		}
	}
	if got, want := Content(1, true, value[:3]), uint32(xxh3.HashSeed(value[:3], 1)); got != want {
		t.Errorf("a deletion: %08x, want %08x", got, want)
	}
}

// A value that comes in pieces of any size, in a row or not, has the hash of the whole.
func TestContentOfPiecesIsThatOfTheWhole(t *testing.T) {
	var h contentHash
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 3))
		head, pages := make([]byte, 5000), make([]byte, 1<<20)
		var whole []byte
		h.begin(KindString)
		at, mem := r.IntN(100), head
		for range r.IntN(50) {
			n := 1 + r.IntN(9000)
			switch {
			case len(mem)-at < n: // the head is full
				mem, at = pages, r.IntN(1000)
			case r.IntN(4) == 0: // the next page does not follow the last one
				at = min(at+1+r.IntN(9000), len(mem)-n)
			}
			for i := at; i < at+n; i++ {
				mem[i] = byte(r.Uint32())
			}
			whole = append(whole, mem[at:at+n]...)
			h.add(mem, at, n)
			at += n
		}
		for range 2 { // a write that did not come about may be tried again
			if got, want := h.end(), Content(KindString, false, whole); got != want {
				t.Fatalf("seed %d: %d bytes: %08x, want %08x", seed, len(whole), got, want)
			}
		}
	}
}
