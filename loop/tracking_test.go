package loop

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"covey/client"
	"covey/codec"
	"covey/internal/harness"
	"covey/store"
)

// cacher is a client that tracks, and keeps what it reads for as long as it is not told that it changed.
type cacher struct {
	net.Conn
	in       []byte
	scanner  codec.ReplyScanner
	cache    map[string]string
	told     map[string]int // how often a message has named a key
	toldAll  int            // how often it was told to forget everything
	messages int
}

// dialCacher connects and begins to track.
func dialCacher(t testing.TB, addr string, options ...string) *cacher {
	t.Helper()
	conn, err := net.Dial("tcp4", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(3 * patience))
	c := &cacher{Conn: conn, cache: map[string]string{}, told: map[string]int{}}
	for _, args := range [][]string{{"HELLO", "3"}, append([]string{"CLIENT", "TRACKING", "ON"}, options...)} {
		if r, err := c.do(args...); err != nil || r.Kind == codec.ReplyError {
			t.Fatalf("%q: %+v, %v", args, r, err)
		}
	}
	return c
}

// next reads one reply or message.
func (c *cacher) next() (r codec.Reply, err error) {
	for {
		n, err := c.scanner.Next(c.in)
		if err != nil {
			return r, err
		}
		if n > 0 {
			r, _, err = codec.ParseReply(c.in[:n:n])
			c.in = c.in[n:]
			return r, err
		}
		buf := make([]byte, 256<<10)
		if n, err = c.Read(buf); err != nil {
			return r, err
		}
		c.in = append(c.in, buf[:n]...)
	}
}

// hear does what a message says; false: it is none.
func (c *cacher) hear(r codec.Reply) bool {
	if r.Kind != codec.ReplyPush {
		return false
	}
	c.messages++
	keys := r.Elements[1]
	if keys.Kind == codec.ReplyNull {
		c.toldAll++
		clear(c.cache)
	}
	for _, key := range keys.Elements {
		c.told[string(key.Str)]++
		delete(c.cache, string(key.Str))
	}
	return true
}

// reply reads up to the next reply.
func (c *cacher) reply() (codec.Reply, error) {
	for {
		if r, err := c.next(); err != nil || !c.hear(r) {
			return r, err
		}
	}
}

func (c *cacher) do(args ...string) (codec.Reply, error) {
	if _, err := c.Write(respCommand(args...)); err != nil {
		return codec.Reply{}, err
	}
	return c.reply()
}

// get reads a key, from the cache if it is there. An absent one has the value "(null)".
func (c *cacher) get(key string) (string, error) {
	if v, there := c.cache[key]; there {
		return v, nil
	}
	r, err := c.do("GET", key)
	if err == nil {
		c.cache[key] = valueOf(r)
	}
	return c.cache[key], err
}

func valueOf(r codec.Reply) string {
	if r.Kind == codec.ReplyNull {
		return "(null)"
	}
	return string(r.Str)
}

// await reads until it was told of a key n times.
func (c *cacher) await(t *testing.T, key string, n int) {
	t.Helper()
	for c.told[key] < n {
		r, err := c.next()
		if err != nil || !c.hear(r) {
			t.Fatalf("waiting to be told of %s: %+v, %v", key, r, err)
		}
	}
	if _, there := c.cache[key]; there {
		t.Fatalf("%s is cached", key)
	}
}

// caches reads a key, which is to have a value.
func (c *cacher) caches(t *testing.T, key, want string) {
	t.Helper()
	if got, err := c.get(key); err != nil || got != want {
		t.Fatalf("GET %s: %.100q, %v; want %.100q", key, got, err, want)
	}
}

// stale returns a key whose cached value is not that of the node, as ask reads it; "" if there is none.
func (c *cacher) stale(t *testing.T, ask *rawClient) string {
	t.Helper()
	if r, err := c.do("PING"); err != nil || string(r.Str) != "PONG" { // what was on its way has come then
		t.Fatalf("PING: %+v, %v", r, err)
	}
	for key, kept := range c.cache {
		if got := ask.do("GET", key); got != kept && (got != "$-1" || kept != "(null)") {
			return fmt.Sprintf("%s is kept as %.40q, and is %.40q", key, kept, got)
		}
	}
	return ""
}

// twoLinked starts two linked nodes.
func twoLinked(t *testing.T) (a, b *testNode) {
	discovery := freePort(t)
	a, b = startNode(t, testConfig(t, discovery)), startNode(t, testConfig(t, discovery))
	eventually(t, "two nodes ready and linked", func() bool { return a.ready() && b.ready() && linked(1, a, b)() })
	return a, b
}

// A client is told of what changes on each node, by whatever writes, and of what expires.
func TestWhoTracksIsToldOfChangesOnEachNode(t *testing.T) {
	t.Parallel()
	a, b := twoLinked(t)
	c := dialCacher(t, a.addr)
	bin, err := client.Dial(t.Context(), b.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer bin.Close()
	for _, n := range []*testNode{a, b} {
		w := dialRaw(t, n.addr)
		for i, step := range []struct{ write, then string }{
			{"SET %s 1", "1"}, {"INCR %s", "2"}, {"APPEND %s 0", "20"}, {"EXPIRE %s 100", "20"}, {"MSET other 1 %s 5", "5"}, {"DEL %s", "(null)"}, {"SET %s 6 PX 60000", "6"}, {"PERSIST %s", "6"},
			{"SET %s 7 PX 1", "(null)"},
		} {
			key := "of-" + n.addr
			if _, err := c.get(key); err != nil {
				t.Fatal(err)
			}
			w.do(strings.Fields(fmt.Sprintf(step.write, key))...)
			c.await(t, key, i+1)
			if step.then != "(null)" || strings.HasPrefix(step.write, "DEL") {
				c.caches(t, key, step.then)
			}
		}
		key := "expires-on-" + n.addr
		w.do("SET", key, "1")
		eventually(t, "the value has come", func() bool {
			v, err := c.get(key)
			if err != nil {
				t.Fatal(err)
			}
			delete(c.cache, key)
			return v == "1"
		})
		w.do("PEXPIRE", key, "300")
		for c.caches(t, key, "1"); ; { // it is told of the expiry that was set, and when it comes
			c.await(t, key, c.told[key]+1)
			if v, err := c.get(key); err != nil || v == "(null)" {
				break
			}
		}
		before := c.toldAll
		w.do("FLUSHALL")
		for c.toldAll == before {
			if r, err := c.next(); err != nil || !c.hear(r) {
				t.Fatalf("%+v, %v", r, err)
			}
		}
	}
	c.caches(t, "binary", "(null)")
	if err := bin.Set(t.Context(), []byte("binary"), []byte("1"), client.SetOptions{}); err != nil {
		t.Fatal(err)
	}
	c.await(t, "binary", 1)
	c.caches(t, "binary", "1")
}

// What another node has written while there was no link comes by a repair, and is told like everything else.
func TestWhoTracksIsToldOfWhatARepairBrings(t *testing.T) {
	t.Parallel()
	a, b := readyNode(t), readyNode(t) // which do not hear each other
	onA, onB := dialRaw(t, a.addr), dialRaw(t, b.addr)
	onA.do("SET", "k", "old")
	onA.do("SET", "same", "1")
	onB.do("SET", "k", "new")
	onB.do("SET", "came", "1")
	c, all := dialCacher(t, a.addr), dialCacher(t, a.addr, "BCAST", "PREFIX", "c")
	c.caches(t, "k", "old")
	c.caches(t, "came", "(null)")
	c.caches(t, "same", "1")
	cfg := testConfig(t, freePort(t))
	cfg.Peers = []string{a.addr, b.addr}
	startNode(t, cfg)
	c.await(t, "k", 1)
	c.caches(t, "k", "new")
	c.await(t, "came", 1)
	c.caches(t, "came", "1")
	all.await(t, "came", 1)
	eventually(t, "all three are linked", linked(2, a, b))
	if stale := c.stale(t, onA); stale != "" {
		t.Error(stale)
	}
}

// An eviction is told: this node answers another thing from then on, and might not come to know of what happens to the key elsewhere.
func TestWhoTracksIsToldOfEvictions(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t, freePort(t))
	cfg.MaxMemory = 64 << 20
	tn := startNode(t, cfg)
	eventually(t, "ready", tn.ready)
	w, c := dialRaw(t, tn.addr), dialCacher(t, tn.addr)
	value := strings.Repeat("v", 16<<10)
	for i := 0; tn.n.store.Counts().Evictions < 1_000; i++ {
		key := fmt.Sprint("key", i)
		w.do("SET", key, value)
		c.caches(t, key, value)
	}
	if len(c.told) < 900 && c.toldAll == 0 {
		t.Errorf("told of %d keys", len(c.told))
	}
	eventually(t, "nothing stale is kept", func() bool { return c.stale(t, w) == "" })
	if len(c.cache) == 0 {
		t.Error("nothing is kept")
	}
}

// Large values are sent in pieces, and no message comes between them.
func TestNoMessageComesIntoALargeReply(t *testing.T) {
	t.Parallel()
	tn := readyNode(t)
	c, w := dialCacher(t, tn.addr), dialRaw(t, tn.addr)
	large := strings.Repeat("large", 200<<10)
	w.do("SET", "large", large)
	many := []string{"MGET", "large", "small", "large", "small"}
	for round := range 20 {
		c.caches(t, "small", map[bool]string{true: "(null)", false: fmt.Sprint(round - 1)}[round == 0])
		if _, err := c.Write(append(respCommand("GET", "large"), respCommand(many...)...)); err != nil {
			t.Fatal(err)
		}
		w.do("SET", "small", fmt.Sprint(round))
		first, err := c.reply()
		if err != nil || string(first.Str) != large {
			t.Fatalf("round %d: %d bytes, %v", round, len(first.Str), err)
		}
		second, err := c.reply()
		if err != nil || len(second.Elements) != 4 || string(second.Elements[2].Str) != large {
			t.Fatalf("round %d: %d elements, %v", round, len(second.Elements), err)
		}
		c.await(t, "small", round+1)
	}
}

// Who does not read its messages is kept from nothing but them: they are bounded, and in the end it is told to forget everything.
func TestWhoDoesNotReadItsMessagesIsToldToForgetEverything(t *testing.T) {
	t.Parallel()
	tn := readyNode(t)
	c, w := dialCacher(t, tn.addr, "BCAST"), dialRaw(t, tn.addr)
	pad := strings.Repeat("k", 1_000)
	written := 0
	for held := int64(0); written < 400 && held < maxQueuedReply; written++ { // batches of 100 KiB: what comes in one turn has room
		var batch []byte
		for i := range 100 {
			batch = append(batch, respCommand("SET", fmt.Sprint(written, pad, i), "v")...)
		}
		if _, err := w.Write(batch); err != nil {
			t.Fatal(err)
		}
		for range 100 {
			w.reply()
		}
		held = tn.n.holdings.held.Load()
	}
	for range 500 {
		w.do("SET", pad, "v")
		w.do("SET", "last", "v")
	}
	if held := tn.n.holdings.held.Load(); held > 2*maxQueuedReply || held < maxQueuedReply {
		t.Errorf("%d bytes are held", held)
	}
	if n := tn.n.tracking.Counts().Bytes; n > 256<<10 {
		t.Errorf("%d bytes of messages", n)
	}
	for range 2 { // the messages are behind the reply to the first
		if r, err := c.do("PING"); err != nil || string(r.Str) != "PONG" {
			t.Fatalf("%+v, %v", r, err)
		}
	}
	if c.toldAll == 0 {
		t.Errorf("after %d batches it was told of %d keys, and not to forget everything", written, len(c.told))
	}
	w.do("SET", "behind", "v")
	c.await(t, "behind", 1)
}

// traffic is what a writer does to one of a few keys, at random.
func trafficOf(random *rand.Rand, key string) []string {
	switch random.IntN(12) {
	case 0:
		return []string{"DEL", key}
	case 1:
		return []string{"INCR", "n" + key}
	case 2:
		return []string{"SET", key, fmt.Sprint(random.Uint32()), "PX", fmt.Sprint(1 + random.IntN(200))}
	case 3:
		return []string{"PEXPIRE", key, fmt.Sprint(1 + random.IntN(100))}
	case 4:
		return []string{"APPEND", key, "+"}
	case 5:
		return []string{"MSET", key, fmt.Sprint(random.Uint32()), "n" + key, "1"}
	case 6:
		if random.IntN(100) == 0 {
			return []string{"FLUSHALL"}
		}
	case 7:
		if random.IntN(20) == 0 {
			return []string{"SET", key, strings.Repeat(fmt.Sprint(random.IntN(10)), 100<<10)}
		}
	}
	return []string{"SET", key, fmt.Sprint(random.Uint32())}
}

const hotKeys = 24

func hotKey(random *rand.Rand) string { return fmt.Sprint("hot", random.IntN(hotKeys)) }

// caching is a client that reads keys, and keeps them, in various ways.
func (c *cacher) caching(random *rand.Rand, over *atomic.Bool) error {
	for !over.Load() {
		key := hotKey(random)
		var err error
		switch random.IntN(4) {
		case 0:
			_, err = c.get("n" + key)
		case 1:
			var r codec.Reply
			if r, err = c.do("MGET", key, "n"+key); err == nil {
				c.cache[key], c.cache["n"+key] = valueOf(r.Elements[0]), valueOf(r.Elements[1])
			}
		case 2:
			batch := respCommand("MULTI")
			for _, args := range [][]string{{"GET", key}, {"EXISTS", key}, {"KEYS", "none"}, {"GET", "n" + key}, {"EXEC"}} {
				batch = append(batch, respCommand(args...)...)
			}
			if _, err = c.Write(batch); err != nil {
				return err
			}
			var r codec.Reply
			for range 6 {
				if r, err = c.reply(); err != nil {
					return err
				}
			}
			if len(r.Elements) == 4 {
				c.cache[key], c.cache["n"+key] = valueOf(r.Elements[0]), valueOf(r.Elements[3])
			}
		default:
			_, err = c.get(key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Clients on two nodes keep what they read, while others change the same keys on both nodes: in the end nobody keeps what is not there.
func TestInTheEndNobodyKeepsAStaleValue(t *testing.T) {
	t.Parallel()
	a, b := twoLinked(t)
	rounds := 6_000
	if harness.Race {
		rounds = 1_500
	}
	var over atomic.Bool
	var readers, writers sync.WaitGroup
	var cachers []*cacher
	var asks []*rawClient
	for i, n := range []*testNode{a, b} {
		for k, options := range [][]string{{}, {"NOLOOP"}, {"BCAST"}} {
			c := dialCacher(t, n.addr, options...)
			cachers, asks = append(cachers, c), append(asks, dialRaw(t, n.addr))
			readers.Go(func() {
				if err := c.caching(rand.New(rand.NewPCG(uint64(i), uint64(k))), &over); err != nil {
					t.Errorf("a client on node %d: %v", i, err)
				}
			})
		}
		w := dialRaw(t, n.addr)
		writers.Go(func() {
			random := rand.New(rand.NewPCG(uint64(i), 99))
			for range rounds {
				if r, err := w.answerTo(trafficOf(random, hotKey(random))...); err != nil || strings.HasPrefix(r, "-ERR s") {
					t.Errorf("a writer on node %d: %q, %v", i, r, err)
					return
				}
			}
		})
	}
	writers.Wait()
	over.Store(true)
	readers.Wait()
	for i, c := range cachers {
		var stale string
		eventually(t, "nothing stale is kept", func() bool { stale = c.stale(t, asks[i]); return stale == "" })
		if c.messages < 20 || stale != "" {
			t.Errorf("client %d was told %d times; %s", i, c.messages, stale)
		}
	}
	for _, n := range []*testNode{a, b} {
		if n := n.n.tracking.Counts(); n.Clients != 3 {
			t.Errorf("%+v", n)
		}
	}
}

// A connection that has closed tracks no more.
func TestWhoIsGoneTracksNoMore(t *testing.T) {
	t.Parallel()
	tn := readyNode(t)
	for range 3 {
		c := dialCacher(t, tn.addr)
		c.caches(t, "k", "(null)")
		_ = c.Close()
	}
	eventually(t, "nobody tracks", func() bool { n := tn.n.tracking.Counts(); return n.Clients == 0 && n.Keys == 0 && n.Bytes == 0 })
	dialRaw(t, tn.addr).do("SET", "k", "1")
}

// Connections that track move between loops while they read and are told, and miss nothing.
func TestWhoTracksMovesBetweenLoops(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t, freePort(t))
	cfg.Loops, cfg.Reserve, cfg.busy = 1, 1, full
	tn := startNode(t, cfg)
	eventually(t, "ready", tn.ready)
	moved := &tn.n.reserve.moved
	var over atomic.Bool
	var all sync.WaitGroup
	w, ask := dialRaw(t, tn.addr), dialRaw(t, tn.addr)
	all.Go(func() {
		random := rand.New(rand.NewPCG(1, 2))
		for !over.Load() {
			if _, err := w.answerTo("SET", hotKey(random), fmt.Sprint(random.Uint32())); err != nil {
				t.Error(err)
				return
			}
		}
	})
	var batch atomic.Int64
	batch.Store(200)
	cachers := make([]*cacher, 4)
	for i := range cachers {
		c := dialCacher(t, tn.addr)
		cachers[i] = c
		all.Go(func() {
			random := rand.New(rand.NewPCG(3, uint64(i)))
			for !over.Load() {
				if err := c.batch(random, int(batch.Load())); err != nil {
					t.Errorf("client %d: %v", i, err)
					return
				}
			}
		})
	}
	defer func() { over.Store(true); all.Wait() }()
	eventually(t, "some have moved to the reserve", func() bool { return moved[inReserve].Load() > 0 })
	batch.Store(1)
	eventually(t, "all are at home again", func() bool { return moved[atHome].Load() == moved[inReserve].Load() })
	over.Store(true)
	all.Wait()
	for _, c := range cachers {
		eventually(t, "nothing stale is kept", func() bool { return c.stale(t, ask) == "" })
	}
}

// batch reads so many keys at once, and keeps them.
func (c *cacher) batch(random *rand.Rand, n int) error {
	var batch []byte
	keys := make([]string, n)
	for i := range keys {
		keys[i] = hotKey(random)
		batch = append(batch, respCommand("GET", keys[i])...)
	}
	if _, err := c.Write(batch); err != nil {
		return err
	}
	for _, key := range keys {
		r, err := c.reply()
		if err != nil {
			return err
		}
		c.cache[key] = valueOf(r)
	}
	return nil
}

// With no client that tracks nothing is noted or told; and the last one that ends leaves it so.
func TestWithNobodyWhoTracksNothingIsNoted(t *testing.T) {
	t.Parallel()
	a, b := twoLinked(t)
	c := dialCacher(t, a.addr)
	if r, err := c.do("CLIENT", "TRACKING", "OFF"); err != nil || string(r.Str) != "OK" {
		t.Fatalf("%+v, %v", r, err)
	}
	w := dialRaw(t, b.addr)
	w.do("SET", "k", "1")
	eventually(t, "the write has come", func() bool { v, err := c.get("k"); delete(c.cache, "k"); return err == nil && v == "1" })
	if a.n.store.Noted() || a.n.tracking.Active() || c.messages != 0 {
		t.Errorf("noted %v, active %v, %d messages", a.n.store.Noted(), a.n.tracking.Active(), c.messages)
	}
	_ = c.SetReadDeadline(time.Now())
	if _, err := c.next(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("something came: %v", err)
	}
}

// Behind a large value, which is written from where it lies, comes what the same pipeline has changed, though nothing else happens.
func TestOwnWritesBeforeALargeReplyAreTold(t *testing.T) {
	t.Parallel()
	tn := readyNode(t)
	c := dialCacher(t, tn.addr)
	large := strings.Repeat("v", store.PinFrom+1_000) // which one turn writes
	if r, err := c.do("SET", "large", large); err != nil || string(r.Str) != "OK" {
		t.Fatalf("%+v, %v", r, err)
	}
	for round := 1; round <= 20; round++ {
		if _, err := c.get("own"); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write(append(respCommand("SET", "own", fmt.Sprint(round)), respCommand("GET", "large")...)); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := c.reply(); err != nil {
				t.Fatal(err)
			}
		}
		c.await(t, "own", round)
	}
}
