package peer

import (
	"net/netip"
	"runtime"
	"testing"

	"covey/codec"
	"covey/internal/harness"
)

// TestWhatAMemberHoldsIsLittleOrCounted: members that greet, name leaves that are partial, and send the longest listing cost a node, be they
// flushed or not, little beside what Held says of them, which is bounded for all links together and costs those that hold most
// their links.
func TestWhatAMemberHoldsIsLittleOrCounted(t *testing.T) {
	if harness.Race {
		t.Skip("under the race detector bytes say nothing")
	}
	const count, most = 200, 24 << 10
	b := newBench(t)
	n := b.add("n", 1<<16|9000, 5000, 0)
	n.Tick(b.now)
	version := codec.Version{Stamp: 1 << 20, Node: 7}
	var entries []byte
	for i := range codec.MaxListingEntries {
		entries = codec.AppendListingEntry(entries, codec.ListingEntry{KeyHash: uint64(i) << 20, V: version, E: version, Content: 1})
	}
	heap := func() int {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC() // what is pooled goes with the second
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	links := make([]*Link, count)
	before := heap()
	each := func(when string) {
		held := 0
		for _, l := range links {
			held += l.Held()
		}
		if got := (heap() - before - held) / count; got > most {
			t.Errorf("%s each holds %d bytes beside %d that are counted, want %d at most", when, got, held/count, most)
		} else {
			t.Logf("%s each holds %d bytes beside %d that are counted", when, got, held/count)
		}
	}
	for i := range links {
		links[i] = b.greetsAs(n, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 9, byte(i >> 8), byte(i)}), 40000), uint64(i+2)<<24|9000)
	}
	each("greeted,")
	for i, l := range links {
		leaves := codec.LeafBits{uint64(i + 1)}
		for _, f := range [][]byte{
			codec.AppendPartial(nil, codec.Partial{Leaves: 256, Count: 1, Entries: codec.AppendPartialEntry(nil, 5, &leaves)}),
			codec.AppendListing(nil, codec.Listing{Epoch: 1, Bits: 16, Count: codec.MaxListingEntries, Entries: entries}),
		} {
			if err := hand(l, b.now, f); err != nil {
				t.Fatal(err)
			}
		}
	}
	n.Tick(b.now + int64(HeartbeatInterval))
	each("with a listing that is not answered,")
	var room []byte
	for _, l := range links {
		room = l.Control(b.now, room[:0])
	}
	each("answered,")
	runtime.KeepAlive(room)
}
