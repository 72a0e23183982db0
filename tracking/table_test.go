package tracking

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"covey/codec"
)

// hash is any hash of a key.
func hash(key string) (h uint64) {
	for i := range len(key) {
		h = h*31 + uint64(key[i])
	}
	return h
}

func (t *Table) remember(c *Client, keys ...string) {
	for _, key := range keys {
		t.Remember(c, []byte(key), hash(key))
	}
}

func (t *Table) changed(by *Client, keys ...string) {
	for _, key := range keys {
		t.Changed([]byte(key), hash(key), by)
	}
}

// begin makes a client with options, and prefixes.
func begin(t *testing.T, table *Table, o Options, prefixes ...string) *Client {
	t.Helper()
	c := table.Begin()
	c.Set(o)
	for _, p := range prefixes {
		if !c.AddPrefix([]byte(p)) {
			t.Fatalf("no room for %q", p)
		}
	}
	return c
}

func told(keys ...string) (all string) {
	for _, key := range keys {
		all += fmt.Sprintf(">2\r\n$10\r\ninvalidate\r\n*1\r\n$%d\r\n%s\r\n", len(key), key)
	}
	return all
}

const toldAll = ">2\r\n$10\r\ninvalidate\r\n_\r\n"

func check(t *testing.T, c *Client, want string) {
	t.Helper()
	if waits := c.Waits(); waits != (want != "") {
		t.Errorf("Waits is %v before %q", waits, want)
	}
	if got := string(c.Take(nil)); got != want {
		t.Errorf("told %.300q, not %.300q", got, want)
	}
}

func TestWhoHasReadAKeyIsToldOnce(t *testing.T) {
	table := New(1 << 20)
	a, b, c := table.Begin(), table.Begin(), table.Begin()
	table.remember(a, "x", "y", "x")
	table.remember(b, "x")
	table.remember(c, "z")
	if n := table.Counts(); n.Clients != 3 || n.Keys != 3 || n.Items != 4 {
		t.Errorf("%+v", n)
	}
	table.changed(nil, "x", "other", "x")
	check(t, a, told("x"))
	check(t, b, told("x"))
	check(t, c, "")
	table.changed(nil, "x", "y", "z")
	check(t, a, told("y"))
	check(t, b, "")
	check(t, c, told("z"))
	if n := table.Counts(); n.Keys != 0 || n.Items != 0 || n.Bytes != 0 {
		t.Errorf("%+v", n)
	}
}

// Of its own changes a client is told unless it asked not to be. Then it stays remembered: it may have kept what it wrote.
func TestOwnChanges(t *testing.T) {
	table := New(1 << 20)
	a, b := begin(t, table, Options{}), begin(t, table, Options{NoLoop: true})
	for range 2 {
		table.remember(a, "x")
		table.remember(b, "x")
		table.changed(a, "x")
		check(t, a, told("x"))
		check(t, b, told("x"))
		table.remember(a, "x")
		table.remember(b, "x")
		table.changed(b, "x")
		check(t, a, told("x"))
		check(t, b, "")
		table.changed(nil, "x")
		check(t, b, told("x"))
	}
}

func TestPrefixes(t *testing.T) {
	table := New(1 << 20)
	all := begin(t, table, Options{Broadcast: true}, "")
	some := begin(t, table, Options{Broadcast: true, NoLoop: true}, "ab", "b")
	table.changed(nil, "a", "abc", "ab", "b")
	check(t, all, ">2\r\n$10\r\ninvalidate\r\n*4\r\n$1\r\na\r\n$3\r\nabc\r\n$2\r\nab\r\n$1\r\nb\r\n")
	check(t, some, ">2\r\n$10\r\ninvalidate\r\n*3\r\n$3\r\nabc\r\n$2\r\nab\r\n$1\r\nb\r\n")
	table.changed(some, "ab", "ab", "ab")
	check(t, all, ">2\r\n$10\r\ninvalidate\r\n*1\r\n$2\r\nab\r\n")
	check(t, some, "")
	if n := table.Counts(); n.Prefixes != 3 || n.Clients != 2 {
		t.Errorf("%+v", n)
	}
	some.End()
	table.changed(nil, "ab")
	check(t, some, "")
	check(t, all, ">2\r\n$10\r\ninvalidate\r\n*1\r\n$2\r\nab\r\n")
	all.End()
	if n := table.Counts(); n.Prefixes != 0 || n.Clients != 0 || n.Bytes != 0 || table.Active() {
		t.Errorf("%+v", n)
	}
}

func TestAllIsForgotten(t *testing.T) {
	table := New(1 << 20)
	a, b := begin(t, table, Options{}), begin(t, table, Options{Broadcast: true}, "x")
	table.remember(a, "x", "y")
	table.changed(nil, "x")
	table.ChangedAll()
	table.changed(nil, "x", "y")
	check(t, a, toldAll)
	check(t, b, toldAll)
	if n := table.Counts(); n.Keys != 0 || n.Items != 0 {
		t.Errorf("%+v", n)
	}
}

// waker counts how often it is woken.
type waker struct{ woken int }

func (w *waker) Wake() { w.woken++ }

func TestAClientIsWokenOnceUntilItAnswers(t *testing.T) {
	table := New(1 << 20)
	c := table.Begin()
	table.remember(c, "a", "b", "c", "d", "e", "f")
	table.changed(nil, "a")
	first, second := &waker{}, &waker{}
	c.Attach(first)
	table.changed(nil, "b", "c")
	if first.woken != 1 || !c.Answers(first) {
		t.Errorf("woken %d times", first.woken)
	}
	table.changed(nil, "d")
	table.changed(c, "e") // its own turn takes it
	c.Attach(second)
	if first.woken != 2 || second.woken != 1 || c.Answers(first) || !c.Answers(second) {
		t.Errorf("woken %d and %d times", first.woken, second.woken)
	}
	check(t, c, told("a", "b", "c", "d", "e"))
	c.End()
	table.changed(nil, "f")
	if second.woken != 1 || c.Answers(second) {
		t.Error("it has ended")
	}
}

// Past its bound what waits is forgotten, and the client told to forget everything; one message always has room.
func TestWhatWaitsForAClientIsBounded(t *testing.T) {
	table := New(64 << 20)
	c, b := begin(t, table, Options{}), begin(t, table, Options{Broadcast: true}, "")
	long := strings.Repeat("k", 64<<10)
	table.remember(c, long)
	table.changed(nil, long)
	check(t, c, told(long))
	b.Take(nil)
	for i := range 2 * maxWaiting / 20 {
		key := fmt.Sprint("key", i)
		table.remember(c, key)
		table.changed(nil, key)
		if n := max(len(c.waiting), len(b.waiting)); n > maxWaiting {
			t.Fatalf("%d bytes wait", n)
		}
	}
	check(t, c, toldAll)
	check(t, b, toldAll)
	table.remember(c, "x")
	table.changed(nil, "x")
	check(t, c, told("x"))
	b.Take(nil)
	if n := table.Counts().Bytes; n != prefixCost {
		t.Errorf("%d bytes are left", n)
	}
}

// Where there is no room for another key some are forgotten, and whoever has read them is told.
func TestTheTableIsBoundedAndLosesNoMessage(t *testing.T) {
	const most, keys = 1 << 20, 40_000
	table := New(most)
	clients := []*Client{table.Begin(), table.Begin(), table.Begin()}
	kept := make([]map[string]bool, len(clients)) // what each would keep
	for i := range kept {
		kept[i] = map[string]bool{}
	}
	listen := func() {
		for i, c := range clients {
			hear(t, kept[i], c.Take(nil))
		}
	}
	for n := range keys {
		key := fmt.Sprint("key", n)
		for i, c := range clients {
			if n%(i+1) == 0 {
				table.remember(c, key)
				kept[i][key] = true
			}
		}
		listen()
		if b := table.Counts().Bytes; b > most+3*(keyCost+setCost+20) {
			t.Fatalf("%d bytes", b)
		}
	}
	if n := table.Counts(); n.Keys < 1_000 || n.Keys >= keys {
		t.Errorf("%+v", n)
	}
	for n := range keys {
		table.changed(nil, fmt.Sprint("key", n))
		listen()
	}
	for i := range kept {
		if len(kept[i]) > 0 {
			t.Errorf("client %d still keeps %d keys that changed", i, len(kept[i]))
		}
	}
}

// hear does what a client does with messages: it forgets the keys.
func hear(t *testing.T, kept map[string]bool, b []byte) {
	t.Helper()
	for len(b) > 0 {
		r, n, err := codec.ParseReply(b)
		if err != nil || n == 0 {
			t.Fatalf("%q: %v", b, err)
		}
		b = b[n:]
		if r.Elements[1].Kind == codec.ReplyNull {
			clear(kept)
		}
		for _, key := range r.Elements[1].Elements {
			delete(kept, string(key.Str))
		}
	}
}

// The number of items has a bound of its own, however much memory there is.
func TestTheItemsOfATableAreBounded(t *testing.T) {
	table := New(1 << 40)
	c := table.Begin()
	for n := range maxItems + 1_000 {
		table.remember(c, fmt.Sprint(n))
	}
	if n := table.Counts(); n.Items > maxItems || n.Items < maxItems-1_000 {
		t.Errorf("%+v", n)
	}
	if !c.Waits() {
		t.Error("nobody was told")
	}
}

// What has been read by clients that have ended is forgotten by and by, and what others have read is not.
func TestEndedClientsAreSwept(t *testing.T) {
	table := New(1 << 30)
	stays, ended := table.Begin(), []*Client{table.Begin(), table.Begin()}
	for n := range 10_000 {
		key := fmt.Sprint(n)
		table.remember(ended[0], key)
		if n%2 == 0 {
			table.remember(stays, key)
		}
		if n%3 == 0 {
			table.remember(ended[1], key)
		}
	}
	for _, c := range ended {
		c.End()
	}
	for range shardCount / sweepShards {
		table.Sweep()
	}
	if n := table.Counts(); n.Items != 5_000 || n.Keys != 5_000 || n.Clients != 1 {
		t.Errorf("%+v", n)
	}
	for n := range 10_000 {
		table.changed(nil, fmt.Sprint(n))
	}
	if n := table.Counts(); n.Items != 0 || n.Keys != 0 || n.Bytes != int64(len(stays.waiting)) {
		t.Errorf("%+v", n)
	}
}

// The bytes that a table counts are about those that it takes.
func TestTheBytesOfATableAreThoseItTakes(t *testing.T) {
	for _, readers := range []int{1, 2, 40} {
		table := New(1 << 40)
		clients := make([]*Client, readers)
		for i := range clients {
			clients[i] = table.Begin()
		}
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		for n := range 400_000 / (readers + 9) {
			for _, c := range clients {
				table.remember(c, fmt.Sprintf("session:%08d", n))
			}
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		takes, counts := int64(after.HeapAlloc-before.HeapAlloc), table.Counts().Bytes
		t.Logf("%d readers: %d bytes taken, %d counted", readers, takes, counts)
		if takes > counts*5/4 || takes < counts/3 {
			t.Errorf("%d readers: %d bytes are taken, %d are counted", readers, takes, counts)
		}
		runtime.KeepAlive(table)
	}
}

// In the end nobody keeps a value that is not there any more, whoever reads and writes at the same time.
func TestReadersAndWritersAtOnceLoseNoMessage(t *testing.T) {
	const keys, rounds = 32, 4_000
	table := New(1 << 20)
	var values [keys]struct {
		sync.RWMutex
		value int
	}
	var writers, readers sync.WaitGroup
	written := make(chan struct{})
	for w := range 2 {
		writers.Go(func() {
			for n := range rounds {
				i := (n*7 + w) % keys
				values[i].Lock()
				values[i].value++
				values[i].Unlock()
				table.changed(nil, fmt.Sprint(i))
			}
		})
	}
	read := func() {
		c := table.Begin()
		defer c.End()
		cache := map[string]int{}
		step := func(i int) {
			key := fmt.Sprint(i)
			if _, there := cache[key]; !there {
				table.remember(c, key)
				values[i].RLock()
				value := values[i].value
				values[i].RUnlock()
				cache[key] = value // the reply, and behind it the messages
			}
			kept := map[string]bool{}
			for key := range cache {
				kept[key] = true
			}
			hear(t, kept, c.Take(nil))
			for key := range cache {
				if !kept[key] {
					delete(cache, key)
				}
			}
		}
		for n, over := 0, false; !over; n++ {
			step(n % keys)
			select {
			case <-written:
				over = n%keys == keys-1
			default:
			}
		}
		for i := range keys {
			if value, there := cache[fmt.Sprint(i)]; there && value != values[i].value {
				t.Errorf("key %d: %d is kept, not %d", i, value, values[i].value)
			}
		}
	}
	for range 3 {
		readers.Go(read)
	}
	writers.Wait()
	close(written)
	readers.Wait()
	if n := table.Counts(); n.Clients != 0 {
		t.Errorf("%+v", n)
	}
}
