package loop

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"covey/codec"
	"covey/command"
)

// spoken3 is a connection that speaks RESP3 and reads whole replies, messages among them.
type spoken3 struct {
	*rawClient
	in      []byte
	scanner codec.ReplyScanner
}

func dial3(t testing.TB, tn *testNode) *spoken3 {
	c := &spoken3{rawClient: dialRaw(t, tn.addr)}
	c.send("HELLO", "3")
	c.next()
	return c
}

func (c *spoken3) send(args ...string) {
	c.t.Helper()
	if _, err := c.Write(respCommand(args...)); err != nil {
		c.t.Fatal(err)
	}
}

// next is the next reply or message; a message begins with >.
func (c *spoken3) next() string {
	c.t.Helper()
	for {
		n, err := c.scanner.Next(c.in)
		if err != nil {
			c.t.Fatal(err)
		}
		if n > 0 {
			reply := string(c.in[:n])
			c.in = c.in[n:]
			return reply
		}
		buf := make([]byte, 256<<10)
		if n, err = c.r.Read(buf); err != nil {
			c.t.Fatal(err)
		}
		c.in = append(c.in, buf[:n]...)
	}
}

// says reads the next reply or message and compares it.
func (c *spoken3) says(want string) {
	c.t.Helper()
	if got := c.next(); got != want {
		c.t.Fatalf("%.200q, not %.200q", got, want)
	}
}

func bulks(kind byte, words ...string) string {
	s := fmt.Sprintf("%c%d\r\n", kind, len(words))
	for _, w := range words {
		s += fmt.Sprintf("$%d\r\n%s\r\n", len(w), w)
	}
	return s
}

// linkedPair starts two nodes, open or with a secret.
func linkedPair(t *testing.T, secret ...byte) (a, b *testNode) {
	cfg := testConfig(t, freePort(t))
	if len(secret) > 0 {
		cfg.Secrets = secretsOf(t, secret...)
	}
	other := cfg
	other.Listen = testConfig(t, cfg.DiscoveryPort).Listen
	a, b = startNode(t, cfg), startNode(t, other)
	eventually(t, "ready and linked", func() bool { return a.ready() && b.ready() && len(a.n.mind.Links()) == 1 && len(b.n.mind.Links()) == 1 })
	return a, b
}

// Who hears a message on one node finds there what its publisher wrote before it on another.
func TestAMessageComesBehindTheWritesToTheOtherNode(t *testing.T) {
	a, b := linkedPair(t)
	listener, publisher := dial3(t, b), dialRaw(t, a.addr)
	listener.send("SUBSCRIBE", "news")
	listener.says(">3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n")
	for i := range 200 {
		n := strconv.Itoa(i)
		if got := publisher.do("SET", "key", n); got != "+OK" {
			t.Fatal(got)
		}
		if got := publisher.do("PUBLISH", "news", n); got != ":0" {
			t.Fatal(got)
		}
		listener.says(bulks('>', "message", "news", n))
		listener.send("GET", "key")
		listener.says(fmt.Sprintf("$%d\r\n%s\r\n", len(n), n))
	}
	// What nobody hears on either node costs nothing but its way; who has closed hears nothing.
	_ = listener.Close()
	eventually(t, "nobody listens", func() bool { channels, _ := b.n.audience.Counts(); return channels == 0 })
	if got := publisher.do("PUBLISH", "news", "x"); got != ":0" {
		t.Fatal(got)
	}
}

// Messages never come in the middle of a reply, however large that is and whatever way it takes: a pinned value, several values of an MGET,
// and what a slow reader leaves. None is lost, and they come in order.
func TestMessagesComeBetweenReplies(t *testing.T) {
	tn := readyNode(t)
	c, publisher := dial3(t, tn), dialRaw(t, tn.addr)
	value := strings.Repeat("v", 3<<20)
	for _, key := range []string{"a", "b"} {
		if got := publisher.do("SET", key, value); got != "+OK" {
			t.Fatal(got)
		}
	}
	c.send("SUBSCRIBE", "news")
	c.next()
	const rounds, each = 6, 50
	for i := range rounds {
		if i%2 == 0 {
			c.send("GET", "a")
		} else {
			c.send("MGET", "a", "none", "b")
		}
		for j := range each {
			if got := publisher.do("PUBLISH", "news", strconv.Itoa(i*each+j)); got != ":1" {
				t.Fatal(got)
			}
		}
	}
	bulk := fmt.Sprintf("$%d\r\n%s\r\n", len(value), value)
	for replies, messages := 0, 0; replies < rounds || messages < rounds*each; {
		got := c.next()
		if got[0] == '>' {
			if want := bulks('>', "message", "news", strconv.Itoa(messages)); got != want {
				t.Fatalf("message %d is %q", messages, got)
			}
			messages++
			continue
		}
		want := bulk
		if replies%2 == 1 {
			want = "*3\r\n" + bulk + "_\r\n" + bulk
		}
		if got != want {
			t.Fatalf("reply %d has %d bytes, not %d", replies, len(got), len(want))
		}
		replies++
	}
}

// A client that listens and does not read is closed once it has left too much unread. Others hear everything.
func TestWhoListensAndDoesNotReadIsClosed(t *testing.T) {
	tn := readyNode(t)
	good, publisher := dial3(t, tn), dialRaw(t, tn.addr)
	stuck := dialRaw(t, tn.addr)
	if err := stuck.Conn.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	good.send("SUBSCRIBE", "news")
	good.next()
	if _, err := stuck.Write(respCommand("SUBSCRIBE", "news")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "two listen", func() bool {
		return publisher.do("PUBSUB", "NUMSUB", "news") == "*2" && publisher.reply() == "news" && publisher.reply() == ":2"
	})
	message := strings.Repeat("m", 60_000)
	sent := 0
	for heads := ":2"; heads == ":2"; sent++ {
		if heads = publisher.do("PUBLISH", "news", message); heads != ":2" && heads != ":1" {
			t.Fatal(heads)
		}
		good.says(bulks('>', "message", "news", message))
		if sent > 100*maxUnheard/len(message) {
			t.Fatal("it is not closed")
		}
	}
	if sent < maxUnheard/len(message) {
		t.Errorf("it was closed after %d messages of %d bytes", sent, len(message))
	}
	if got := tn.n.counters.overloads.Load(); got != 1 {
		t.Errorf("%d overloads", got)
	}
}

// With a secret messages go over sealed links, and a listener has to authenticate like any client.
func TestMessagesUnderASecret(t *testing.T) {
	a, b := linkedPair(t, 1)
	stranger := dialRaw(t, b.addr)
	if got := stranger.do("SUBSCRIBE", "news"); !strings.HasPrefix(got, "-NOAUTH") {
		t.Fatal(got)
	}
	listener, publisher := authenticated(t, b.addr), authenticated(t, a.addr)
	if got := listener.do("SUBSCRIBE", "news"); got != "*3" {
		t.Fatal(got)
	}
	for _, want := range []string{"subscribe", "news", ":1"} {
		if got := listener.reply(); got != want {
			t.Fatal(got)
		}
	}
	if got := publisher.do("PUBLISH", "news", "hello"); got != ":0" {
		t.Fatal(got)
	}
	for _, want := range []string{"*3", "message", "news", "hello"} {
		if got := listener.reply(); got != want {
			t.Fatal(got)
		}
	}
	listener.SetDeadline(time.Now().Add(patience))
	if got := listener.do("RESET"); got != "+RESET" {
		t.Fatal(got)
	}
	eventually(t, "nobody listens", func() bool { channels, _ := b.n.audience.Counts(); return channels == 0 })
}

// Clients of many connections subscribe, publish and go at the same time: the race detector looks on, and whoever stays hears each message
// that was published while it listened, once and in the order of its publisher.
func TestManyListenAtTheSameTime(t *testing.T) {
	a, b := linkedPair(t)
	stop, done := make(chan struct{}), make(chan error, 4)
	for i, tn := range []*testNode{a, b, a, b} {
		go func() { done <- comeAndGo(tn, i, stop) }()
	}
	listeners := []*spoken3{dial3(t, a), dial3(t, b)}
	for _, l := range listeners {
		l.send("SUBSCRIBE", "news")
		l.next()
		l.send("PSUBSCRIBE", "n?ws")
		l.next()
	}
	publisher := dialRaw(t, a.addr)
	for i := range 300 {
		n := strconv.Itoa(i)
		publisher.do("PUBLISH", "news", n)
		for _, l := range listeners {
			l.says(bulks('>', "message", "news", n))
			l.says(bulks('>', "pmessage", "n?ws", "news", n))
		}
	}
	close(stop)
	for range cap(done) {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if lost := a.n.audience.Lost() + b.n.audience.Lost(); lost != 0 {
		t.Errorf("%d messages lost", lost)
	}
}

// comeAndGo subscribes, publishes to others and closes, again and again.
func comeAndGo(tn *testNode, i int, stop chan struct{}) error {
	for {
		select {
		case <-stop:
			return nil
		default:
		}
		c, err := net.Dial("tcp4", tn.addr)
		if err != nil {
			return err
		}
		_ = c.SetDeadline(time.Now().Add(patience))
		own := "own" + strconv.Itoa(i)
		_, err = c.Write(append(respCommand("HELLO", "3"), append(respCommand("SUBSCRIBE", own, "news", "x"), append(respCommand("PUBLISH", own, "1"), respCommand("UNSUBSCRIBE", "x")...)...)...))
		if err != nil {
			return err
		}
		var seen strings.Builder
		buf := make([]byte, 4096)
		for !strings.Contains(seen.String(), bulks('>', "message", own, "1")) || !strings.Contains(seen.String(), "unsubscribe") {
			n, err := c.Read(buf)
			if err != nil {
				return fmt.Errorf("after %q: %w", seen.String(), err)
			}
			seen.Write(buf[:n])
		}
		_ = c.Close()
	}
}

// What a client has heard while a large reply was under way comes before the replies to its next commands: behind that to an UNSUBSCRIBE
// or a RESET no client expects a message, and behind that to a QUIT nothing at all.
func TestWhatWasHeardComesBeforeTheEndOfASubscription(t *testing.T) {
	const messages = 60
	message, value := strings.Repeat("m", 60_000), strings.Repeat("v", 15<<20)
	bulk := fmt.Sprintf("$%d\r\n%s\r\n", len(value), value)
	for _, large := range [][]string{{"GET", "a"}, {"MGET", "a", "none"}} {
		for end, said := range map[string]string{"UNSUBSCRIBE": ">3\r\n$11\r\nunsubscribe\r\n$4\r\nnews\r\n:0\r\n", "RESET": "+RESET\r\n", "QUIT": "+OK\r\n"} {
			t.Run(large[0]+" "+end, func(t *testing.T) {
				tn := readyNode(t)
				publisher := dialRaw(t, tn.addr)
				if got := publisher.do("SET", "a", value); got != "+OK" {
					t.Fatal(got)
				}
				c := dial3(t, tn)
				c.send("SUBSCRIBE", "news")
				c.next()
				c.send(large...)
				eventually(t, "the reply is under way", func() bool { return tn.n.parked.Load() > 0 })
				for range messages {
					if got := publisher.do("PUBLISH", "news", message); got != ":1" {
						t.Fatal(got)
					}
				}
				eventually(t, "all is heard", func() bool { return tn.n.holdings.held.Load() >= int64(messages*len(message)) })
				c.send(end)
				c.send("ECHO", "behind")
				if large[0] == "GET" {
					c.says(bulk)
				} else {
					c.says("*2\r\n" + bulk + "_\r\n")
				}
				for range messages {
					c.says(bulks('>', "message", "news", message))
				}
				if c.says(said); end != "QUIT" {
					c.says("$6\r\nbehind\r\n")
				}
			})
		}
	}
}

// A loop writes messages for a slice of time: the other clients have their turns before all of very many listeners have theirs.
func TestMessagesAreWrittenASliceAfterTheOther(t *testing.T) {
	l := new(eventLoop)
	for range 100 {
		l.pushed = append(l.pushed, &conn{closed: true, pushed: true})
	}
	l.pushBytes = 1
	first := l.pushed[0]
	if !l.sendPushes(func() bool { return false }) || len(l.pushed) != 100-(writesAtOnce-1) || first.pushed || !l.pushed[0].pushed || l.pushBytes == 0 {
		t.Errorf("%d connections are left", len(l.pushed))
	}
	if l.sendPushes(func() bool { return true }) || len(l.pushed) != 0 || l.pushBytes != 0 {
		t.Errorf("%d connections are left", len(l.pushed))
	}
}

// The buffers in which connections hear something count among what they hold, and are given back.
func TestTheBuffersOfListenersCount(t *testing.T) {
	tn := readyNode(t)
	c, publisher := dialRaw(t, tn.addr), dialRaw(t, tn.addr)
	if got := c.do("SUBSCRIBE", "news"); got != "*3" {
		t.Fatal(got)
	}
	before := int64(0)
	eventually(t, "the subscription counts", func() bool { before = tn.n.holdings.held.Load(); return before > 0 })
	eventually(t, "the buffer counts", func() bool { publisher.do("PUBLISH", "news", "m"); return tn.n.holdings.held.Load() > before })
	eventually(t, "it is given back", func() bool { return tn.n.holdings.held.Load() == before })
}

// deafening is a listener of which the program has a fault.
type deafening struct{}

func (deafening) Hear([]byte) { panic("it hears badly") }

// A panic while messages are delivered costs these messages and nothing else.
func TestAPanicWhileMessagesAreDeliveredIsSurvived(t *testing.T) {
	tn := readyNode(t)
	publisher, listener := dialRaw(t, tn.addr), dial3(t, tn)
	bad := &command.Client{Proto: 3, Ear: deafening{}, From: thisMachine}
	var home *eventLoop
	tn.n.still(func() {
		for l := range tn.n.eachLoop() {
			home = l
		}
		home.turn.RESP(bad, [][]byte{[]byte("SUBSCRIBE"), []byte("bad")}, nil)
	})
	if got := publisher.do("PUBLISH", "bad", "m"); got != ":1" {
		t.Fatal(got)
	}
	eventually(t, "a panic", func() bool { return tn.n.counters.panics.Load() == 1 })
	listener.send("SUBSCRIBE", "news")
	listener.next()
	publisher.do("PUBLISH", "news", "m")
	listener.says(bulks('>', "message", "news", "m"))
	tn.n.still(func() { home.turn.Leave(bad) })
}

// Messages for which a loop has no room are counted.
func TestLostMessagesAreCounted(t *testing.T) {
	tn := readyNode(t)
	c := dial3(t, tn)
	c.send("SUBSCRIBE", "news")
	c.next()
	message := []byte(strings.Repeat("m", 60_000))
	tn.n.still(func() {
		for range 200 {
			tn.n.audience.Publish([]byte("news"), message)
		}
	})
	var lost float64
	for _, m := range tn.n.metrics() {
		if m.Name == "covey_messages_lost_total" {
			lost = m.Value
		}
	}
	if lost == 0 || lost == 200 || uint64(lost) != tn.n.audience.Lost() {
		t.Fatalf("%v of 200 messages lost", lost)
	}
	for range 200 - int(lost) {
		c.says(bulks('>', "message", "news", string(message)))
	}
}
