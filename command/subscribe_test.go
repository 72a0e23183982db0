package command

import (
	"fmt"
	"strings"
	"testing"

	"covey/codec"
	"covey/internal/harness"
)

// ear keeps what a client has heard.
type ear struct{ said []string }

func (e *ear) Hear(b []byte) { e.said = append(e.said, string(b)) }

// heard returns what the fixture's client hears of what is in the mailbox, in words, and forgets it.
func (f *fixture) heard(t *testing.T) string {
	t.Helper()
	if f.Deliver(func() bool { return true }) {
		t.Fatal("a delivery that may take all the time that there is has left something")
	}
	e := f.client.Ear.(*ear)
	said := plain(strings.Join(e.said, ""))
	e.said = nil
	return said
}

// plain is replies without what says how long each part is.
func plain(reply string) string {
	var words []string
	for _, line := range strings.Split(strings.TrimSuffix(reply, "\r\n"), "\r\n") {
		if !strings.HasPrefix(line, "$") || line == "$-1" {
			words = append(words, line)
		}
	}
	return strings.Join(words, " ")
}

func TestWhoListensHearsMessages(t *testing.T) {
	f := newFixture(t)
	for _, step := range []struct{ command, reply, heard string }{
		{"SUBSCRIBE a b", "*3 subscribe a :1 *3 subscribe b :2", ""},
		{"SUBSCRIBE a", "*3 subscribe a :2", ""},
		{"PSUBSCRIBE [ab]* x", "*3 psubscribe [ab]* :3 *3 psubscribe x :4", ""},
		{"GET a", "-ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context", ""},
		{"PING", "*2 pong ", ""},
		{"PING hello", "*2 pong hello", ""},
		{"HELLO 3", "-ERR Can't execute 'hello': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context", ""},
		{"UNSUBSCRIBE b none", "*3 unsubscribe b :3 *3 unsubscribe none :3", ""},
		{"UNSUBSCRIBE", "*3 unsubscribe a :2", ""},
		{"UNSUBSCRIBE", "*3 unsubscribe $-1 :2", ""},
		{"PUNSUBSCRIBE", "*3 punsubscribe [ab]* :1 *3 punsubscribe x :0", ""},
		{"HELLO 3", "", ""},
		{"SUBSCRIBE a", ">3 subscribe a :1", ""},
		{"PSUBSCRIBE [ab]*", ">3 psubscribe [ab]* :2", ""},
		{"PUBLISH a 1", ":2", ">3 message a 1 >4 pmessage [ab]* a 1"},
		{"PUBLISH b 2", ":1", ">4 pmessage [ab]* b 2"},
		{"PUBLISH c 3", ":0", ""},
		{"PUBSUB CHANNELS", "*1 a", ""},
		{"PUBSUB CHANNELS b*", "*0", ""},
		{"PUBSUB NUMSUB a b", "*4 a :1 b :0", ""},
		{"PUBSUB NUMPAT", ":1", ""},
		{"PING", "+PONG", ""},
		{"GET a", "_", ""},
		{"MULTI", "+OK", ""},
		{"SUBSCRIBE z", "-ERR to subscribe, or to end that, inside MULTI is not allowed", ""},
		{"PUNSUBSCRIBE", "-ERR to subscribe, or to end that, inside MULTI is not allowed", ""},
		{"PUBLISH a 4", "+QUEUED", ""},
		{"EXEC", "*1 :2", ">3 message a 4 >4 pmessage [ab]* a 4"},
		{"RESET", "+RESET", ""},
		{"PUBLISH a 5", ":0", ""},
		{"SUBSCRIBE a", "*3 subscribe a :1", ""},
	} {
		got := plain(f.do(strings.Fields(step.command)...))
		if step.reply != "" && got != step.reply {
			t.Errorf("%s: %q, want %q", step.command, got, step.reply)
		}
		if heard := f.heard(t); heard != step.heard {
			t.Errorf("%s: heard %q, want %q", step.command, heard, step.heard)
		}
	}
	f.Leave(f.client)
	if channels, patterns := f.Audience.Counts(); channels != 0 || patterns != 0 || f.client.Listens() || f.Audience.busy.Load() != 0 || f.Audience.bytes != 0 {
		t.Errorf("who has left still listens to %d channels and %d patterns", channels, patterns)
	}
}

// What PUBLISH stages is what the peers get: a record of a kind that no store takes.
func TestAMessageIsStagedForThePeers(t *testing.T) {
	f := newFixture(t)
	f.do("SET", "a", "1")
	f.do("PUBLISH", "news", "hello")
	var kinds, words []string
	for seg := range f.Stage.Segments() {
		for run := seg.Records; len(run) > 0; {
			var r codec.Record
			n, err := codec.DecodeStaged(run, &r)
			if err != nil {
				t.Fatal(err)
			}
			kinds, words = append(kinds, fmt.Sprint(r.Kind)), append(words, string(r.Key)+"="+string(r.Value))
			run = run[n:]
			if r.Kind == codec.KindMessage && (r.Stamp == 0 || r.Node == 0 || r.Flags != 0) {
				t.Errorf("a message with the version %d, %d and the flags %x", r.Stamp, r.Node, r.Flags)
			}
		}
	}
	if got := strings.Join(words, " ") + " " + strings.Join(kinds, " "); got != "a=1 news=hello 1 3" {
		t.Errorf("staged are %s", got)
	}
	if !f.client.Dirty {
		t.Error("WAIT would not wait for a message")
	}
	if got := f.Store.Len(); got != 1 {
		t.Errorf("the store has %d entries", got)
	}
}

// A delivery may be interrupted after any number of listeners. Who leaves meanwhile hears no more, and the others all.
func TestADeliveryGoesOnWhereItStopped(t *testing.T) {
	f := newFixture(t)
	var all []*Client
	for i := range 3*deliverAtOnce + 1 {
		c := &Client{ID: uint64(i), Proto: codec.RESP2, Ear: new(ear)}
		if problem := f.subscribe(c, subscription{name: "a"}); problem != "" {
			t.Fatal(problem)
		}
		all = append(all, c)
	}
	if n := f.Audience.Publish([]byte("a"), []byte("1")); n != len(all) {
		t.Fatalf("%d listen, not %d", n, len(all))
	}
	f.Audience.Publish([]byte("a"), []byte("2"))
	turns, gone := 0, all[2*deliverAtOnce]
	for f.Deliver(func() bool { return false }) {
		if turns++; turns == 1 {
			f.Leave(gone)
		}
	}
	if turns < 6 {
		t.Errorf("%d interruptions", turns)
	}
	for i, c := range all {
		want := "*3 message a 1 *3 message a 2"
		if c == gone {
			want = ""
		}
		if got := plain(strings.Join(c.Ear.(*ear).said, "")); got != want {
			t.Errorf("client %d heard %q, want %q", i, got, want)
		}
	}
}

func TestWhatIsListenedToIsBounded(t *testing.T) {
	f := newFixture(t)
	long := strings.Repeat("x", maxChannel+1)
	for _, args := range [][]string{{"SUBSCRIBE", long}, {"PSUBSCRIBE", long}, {"PUBLISH", long, "1"}, {"PUBLISH", "a", strings.Repeat("x", codec.RefValue+1)}} {
		if got := f.do(args...); !strings.HasPrefix(got, "-ERR the ") {
			t.Errorf("%.20q: %.80q", args, got)
		}
	}
	if got := f.do("PUBLISH", long[1:], strings.Repeat("x", codec.RefValue)); got != ":0\r\n" {
		t.Error("the longest message: ", got)
	}
	for i := range maxTopicPatterns {
		f.do("PSUBSCRIBE", fmt.Sprint(i, "*"))
	}
	if got := f.do("PSUBSCRIBE", "one*"); got != "-"+errListening+"\r\n" {
		t.Errorf("a pattern too many: %q", got)
	}
	if got := plain(f.do("PUNSUBSCRIBE")); !strings.HasSuffix(got, " :0") {
		t.Error(got)
	}
	for i := range maxListening {
		if problem := f.subscribe(f.client, subscription{name: fmt.Sprint(i)}); problem != "" {
			t.Fatal(i, problem)
		}
	}
	if f.subscribe(f.client, subscription{name: "one"}) != errListening || f.client.Held() < maxListening*subscriptionCost {
		t.Errorf("one connection has %d subscriptions, which take %d bytes", len(f.client.listening.to), f.client.Held())
	}
	f.Leave(f.client)
	for i := 0; ; i++ {
		c := &Client{ID: uint64(i)}
		for j := range maxListening {
			if f.subscribe(c, subscription{name: fmt.Sprint(i, "-", j)}) != "" {
				if n := f.Audience.busy.Load(); n != maxSubscriptions {
					t.Errorf("a node has %d subscriptions", n)
				}
				return
			}
		}
	}
}

func TestTheNamesOfChannelsAreBounded(t *testing.T) {
	f := newFixture(t)
	for i := 0; ; i++ {
		if problem := f.subscribe(f.client, subscription{name: fmt.Sprintf("%0*d", maxChannel, i)}); problem == errListening {
			break
		} else if problem != "" || i > maxTopicBytes/maxChannel {
			t.Fatal(i, problem, f.Audience.bytes)
		}
		if len(f.client.listening.to) == maxListening {
			f.client = &Client{Ear: new(ear)}
		}
	}
	if f.Audience.bytes != maxTopicBytes {
		t.Errorf("%d bytes of names", f.Audience.bytes)
	}
	if got := f.do("PUBSUB", "CHANNELS", strings.Repeat("*0", 500)+"x"); got != "-"+errWork+"\r\n" {
		t.Errorf("comparing them without end: %.80q", got)
	}
}

// A loop that does not come to deliver has PUBLISH wait, and then go without it: no message holds up others for ever.
func TestAMailboxThatIsFullHasPUBLISHWait(t *testing.T) {
	f := newFixture(t)
	f.do("SUBSCRIBE", "a")
	message := strings.Repeat("x", codec.RefValue)
	f.client = &Client{ID: 8, Ear: new(ear)}
	sent := 0
	for ; ; sent++ {
		reply, v := f.doVerdict("PUBLISH", "a", message)
		if v == Wait {
			break
		}
		if reply != ":1\r\n" || sent > maxMailbox/len(message) {
			t.Fatal(sent, reply)
		}
	}
	staged, patient := f.Stage.Count(), f.client
	f.client = &Client{ID: 9}
	if reply, v := f.doVerdict("PUBLISH", "b", message); reply != ":0\r\n" || v != Done {
		t.Error("a channel that nobody listens to waits: ", reply, v)
	}
	f.client = patient
	f.Now += crowdedWait
	if reply, v := f.doVerdict("PUBLISH", "a", message); reply != ":1\r\n" || v != Done || f.Audience.Lost() != 1 {
		t.Errorf("after its time: %q, %v, %d lost", reply, v, f.Audience.Lost())
	}
	if n := f.Stage.Count(); n != staged+2 {
		t.Errorf("staged %d times, not twice", n-staged)
	}
	for f.Deliver(func() bool { return true }) {
	}
	if _, v := f.doVerdict("PUBLISH", "a", message); v != Done {
		t.Error("there is room again, and PUBLISH waits")
	}
}

func TestAMessageAllocatesNothing(t *testing.T) {
	if harness.Race {
		t.Skip("the race detector allocates")
	}
	f := newFixture(t)
	f.client.Ear = deaf{}
	f.do("SUBSCRIBE", "a", "b")
	f.do("PSUBSCRIBE", "a*")
	publisher, args := &Client{ID: 8}, [][]byte{[]byte("PUBLISH"), []byte("a"), []byte("hello")}
	var out []byte
	heard := 0
	if n := testing.AllocsPerRun(1_000, func() {
		out, _ = f.RESP(publisher, args, out[:0])
		f.Stage.Reset()
		f.Deliver(func() bool { heard++; return true })
	}); n != 0 || heard == 0 {
		t.Errorf("%v allocations for a message that two hear, heard %d times", n, heard)
	}
}

// deaf keeps nothing of what it hears.
type deaf struct{}

func (deaf) Hear([]byte) {}
