package peer

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"covey/codec"
	"covey/store"
)

// listen has a node note each message that it is given, with what it then holds under the key "k".
func listen(n *bnode) *[]string {
	heard := new([]string)
	n.give = func(channel, message []byte) {
		key := []byte("k")
		value, _, _ := n.store.Get(nil, key, n.store.Hash(key), n.clock.Cluster(0))
		*heard = append(*heard, fmt.Sprintf("%s %s k=%s", channel, message, value))
	}
	return heard
}

// stamped is a record of the other end of a link, written now.
func stamped(b *bench, l *Link, kind uint8, key, value string) *codec.Record {
	return &codec.Record{Kind: kind, Key: []byte(key), Value: []byte(value), Stamp: l.node.clock.Cluster(b.now) << 16, Node: 2<<16 | 9000}
}

// A message is given away behind the writes that came before it, and it is not merged.
func TestAMessageComesBehindTheWritesBeforeIt(t *testing.T) {
	b, x, y, c := pair(t)
	heard := listen(x)
	var stage codec.Stage
	for i, r := range []*codec.Record{
		{Kind: codec.KindString, Key: []byte("k"), Value: []byte("1")},
		{Kind: codec.KindMessage, Key: []byte("news"), Value: []byte("one")},
		{Kind: codec.KindString, Key: []byte("k"), Value: []byte("2")},
		{Kind: codec.KindMessage, Key: []byte("news"), Value: []byte("two")},
	} {
		r.Stamp, r.Node = y.clock.Cluster(b.now)<<16+uint64(i), y.ID()
		if r.Kind == codec.KindString {
			y.store.Merge((*store.Record)(r), y.store.Hash(r.Key), y.clock.Cluster(b.now))
		}
		stage.Add(r)
		y.ring.Append(&stage)
		stage.Reset()
		if i == 1 {
			b.flush(c.sides[1], false)
			b.deliverAll()
		}
	}
	b.flush(c.sides[1], false)
	b.deliverAll()
	if got := strings.Join(*heard, ", "); got != "news one k=1, news two k=2" {
		t.Errorf("heard %s", got)
	}
	if n := x.store.Len(); n != 1 || x.Applied(y.stream) != 4 {
		t.Errorf("%d entries, applied %d", n, x.Applied(y.stream))
	}
}

// A batch may come again, in part, and by another link: no message is heard twice.
func TestNoMessageIsHeardTwice(t *testing.T) {
	b, x, _, c := pair(t)
	heard, l := listen(x), c.sides[0].link
	var recs []*codec.Record
	for i := range 6 {
		recs = append(recs, stamped(b, l, codec.KindMessage, "c", fmt.Sprint(i+1)))
	}
	recs[3].Kind, recs[3].Key = codec.KindString, []byte("k")
	for _, part := range [][2]int{{0, 2}, {0, 2}, {1, 3}, {0, 6}, {5, 6}} {
		frame := batchOf(l, uint64(part[0]+1), recs[part[0]:part[1]]...)
		if err := hand(l, b.now, frame); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Join(*heard, ", "); got != "c 1 k=, c 2 k=, c 3 k=, c 5 k=4, c 6 k=4" {
		t.Errorf("heard %s", got)
	}
}

// Who starts, or comes back, gets what is in others' rings: messages of long ago are not heard, nor such as come from ahead of time.
func TestAMessageThatIsOldIsNotHeard(t *testing.T) {
	b, x, _, c := pair(t)
	heard, l := listen(x), c.sides[0].link
	now := x.clock.Cluster(b.now)
	for i, at := range []uint64{now - uint64(messageLife.Milliseconds()), now - uint64(messageLife.Milliseconds()) + 1, now + store.MaxAhead, now + store.MaxAhead + 1} {
		r := stamped(b, l, codec.KindMessage, "c", fmt.Sprint(i))
		r.Stamp = at << 16
		if err := hand(l, b.now, batchOf(l, uint64(i+1), r)); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Join(*heard, ", "); got != "c 1 k=, c 2 k=" {
		t.Errorf("heard %s", got)
	}
}

// A repair brings no messages, for they are in no store; a peer that sends some in one is not listened to. Nor is one that passes on
// messages of a stream that it did not offer, or records of their kind that are none.
func TestWhatIsNoMessageIsNotHeard(t *testing.T) {
	b, x, _, c := pair(t)
	heard, l := listen(x), c.sides[0].link
	message := stamped(b, l, codec.KindMessage, "c", "1")
	run := codec.AppendRecord(nil, message)
	deleted := *message
	deleted.Flags, deleted.Value = codec.RecordDeleted, nil
	for _, frame := range [][]byte{
		codec.AppendRecords(nil, codec.Records{Count: 1, Records: run}),
		codec.AppendBatch(nil, codec.Batch{Stream: 99, First: 1, Count: 1, Records: run}),
		batchOf(l, 1, &deleted),
	} {
		if err := hand(l, b.now, frame); err != nil {
			t.Fatal(err)
		}
	}
	if len(*heard) != 0 || x.store.Len() != 0 {
		t.Errorf("heard %v; %d entries", *heard, x.store.Len())
	}
	if err := hand(l, b.now, batchOf(l, 2, message)); err != nil || len(*heard) != 1 {
		t.Errorf("after that: %v, heard %v", err, *heard)
	}
}

// The messages of a stream that is passed on are heard, and passed on as they came.
func TestR12_MessagesArePassedOn(t *testing.T) {
	b, x, _, c := pair(t)
	heard, l := listen(x), c.sides[0].link
	if err := hand(l, b.now, codec.AppendOffer(nil, codec.Offer{Stream: 99, Node: 50<<16 | 9000, Incarnation: 1})); err != nil {
		t.Fatal(err)
	}
	m := codec.Batch{Stream: 99, First: 1, Count: 1, Records: codec.AppendRecord(nil, stamped(b, l, codec.KindMessage, "c", "1"))}
	for range 2 {
		if err := hand(l, b.now, codec.AppendBatch(nil, m)); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Join(*heard, ", "); got != "c 1 k=" || x.Applied(99) != 1 {
		t.Errorf("heard %s, applied %d", got, x.Applied(99))
	}
}

// While a stream comes by two links, on two loops, its messages are heard in its order all the same.
func TestMessagesOfTwoLinksAreHeardInOrder(t *testing.T) {
	b, x, _, c := pair(t)
	l := c.sides[0].link
	var mu sync.Mutex
	last, wrong := 0, 0
	x.give = func(_, message []byte) {
		runtime.Gosched()
		mu.Lock()
		defer mu.Unlock()
		n, _ := strconv.Atoi(string(message))
		if n <= last {
			wrong++
		}
		last = n
	}
	const each, batches = 4, 2_000
	s := &stream{id: 99}
	var next atomic.Uint64
	var links sync.WaitGroup
	for range 2 {
		links.Go(func() {
			for first := next.Add(each) - each + 1; first < each*batches; first = next.Add(each) - each + 1 {
				var run []byte
				for i := range uint64(each) {
					run = codec.AppendRecord(run, stamped(b, l, codec.KindMessage, "c", strconv.FormatUint(first+i, 10)))
				}
				x.deliver(b.now, s, &codec.Batch{Stream: s.id, First: first, Count: each, Records: run}, each)
			}
		})
	}
	links.Wait()
	if wrong > 0 || last == 0 {
		t.Errorf("%d messages are heard out of order", wrong)
	}
}
