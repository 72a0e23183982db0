package command

import (
	"fmt"
	"strings"
	"testing"

	"covey/codec"
	"covey/store"
)

// What cannot be carried out while the node loads is not queued, and EXEC refuses then.
func TestATransactionOnALoadingNodeIsRefused(t *testing.T) {
	f := newFixture(t)
	f.host.state = codec.StateLoading
	const abort = "-EXECABORT Transaction discarded because of previous errors.\r\n"
	runSteps(t, f, []step{
		{command: "MULTI", want: ok}, {command: "GET a", want: loadingReply}, {command: "SET a 1", want: "+QUEUED\r\n"}, {command: "EXEC", want: abort},
		{command: "MULTI", want: ok}, {command: "SET a 1", want: "+QUEUED\r\n"}, {command: "SET a 1 NX", want: "+QUEUED\r\n"},
		{command: "EXEC", want: "*2\r\n" + ok + loadingReply},
	})
	f.host.state = codec.StateReady
	runSteps(t, f, []step{{command: "MULTI", want: ok}, {command: "GET a", want: "+QUEUED\r\n"}})
	f.host.state = codec.StateLoading // between the two
	runSteps(t, f, []step{{command: "EXEC", want: "*1\r\n" + loadingReply}, {command: "EXEC", want: "-ERR EXEC without MULTI\r\n"}})
}

// A command that has to ask the peers (R17) has EXEC wait, and those before it are not carried out again.
func TestEXECGoesOnWhereACommandWaited(t *testing.T) {
	f := newFixture(t)
	key, _ := f.evicted(t)
	f.host.answers = map[string]Answer{key: AnswerPending}
	runSteps(t, f, []step{
		{command: "MULTI", want: ok}, {command: "INCR hits", want: "+QUEUED\r\n"}, {command: "INCR " + key, want: "+QUEUED\r\n"}, {command: "INCR hits", want: "+QUEUED\r\n"},
	})
	for range 3 {
		if out, v := f.doVerdict("EXEC"); out != "" || v != Wait {
			t.Fatalf("%q, verdict %d", out, v)
		}
	}
	f.host.answers[key] = AnswerLate
	want := "*3\r\n:1\r\n-" + errTryAgain + "\r\n:2\r\n"
	if got := f.do("EXEC"); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if f.client.Held() != 0 || f.client.Deadline != 0 {
		t.Errorf("%d bytes are held, deadline %d", f.client.Held(), f.client.Deadline)
	}
}

// Many commands take several turns, and so does one that is long by itself.
func TestALongTransactionLetsOthersThrough(t *testing.T) {
	const n = 3*listArgs + 5
	f := newFixture(t)
	buf, want := request("MULTI"), "+OK\r\n"
	words, reply := []string{"MGET"}, fmt.Sprintf("*%d\r\n", n)
	for i := range n {
		key := fmt.Sprint("key:", i)
		buf = append(buf, request("SET", key, "v")...)
		words, reply = append(words, key), reply+bulk("v")
	}
	buf = append(append(buf, request(words...)...), request("EXEC")...)
	want += strings.Repeat("+QUEUED\r\n", n+1) + fmt.Sprintf("*%d\r\n", n+1) + strings.Repeat(ok, n) + reply
	others := 0
	out, _ := f.wire(t, buf, func(int) {
		others++
		if held := f.client.Held(); held < len(f.client.tx.queue) || held == 0 {
			t.Errorf("%d bytes are held", held)
		}
	})
	if string(out) != want || others != 11 {
		t.Errorf("%d turns of others, %d bytes of replies, want %d", others, len(out), len(want))
	}
	if f.client.Held() != 0 {
		t.Errorf("%d bytes are held", f.client.Held())
	}
}

func TestWhatATransactionHoldsIsBounded(t *testing.T) {
	f := newFixture(t)
	f.do("MULTI")
	for i := range maxQueued {
		if got := f.do("GET", "a"); got != "+QUEUED\r\n" {
			t.Fatalf("command %d: %q", i, got)
		}
	}
	abort := "-EXECABORT Transaction discarded because of previous errors.\r\n"
	runSteps(t, f, []step{{command: "GET a", want: "-" + errQueue + "\r\n"}, {command: "EXEC", want: abort}})
	large := strings.Repeat("v", 1<<20)
	f.do("MULTI")
	for range 15 {
		f.do("SET", "a", large)
	}
	if got := f.do("SET", "a", large); got != "-"+errQueue+"\r\n" {
		t.Errorf("%.80q", got)
	}
	held := f.client.Held()
	if got := f.do("SET", "a", "v"); got != "+QUEUED\r\n" || f.client.Held() != held {
		t.Errorf("%q, and %d bytes more: what fails keeps nothing", got, f.client.Held()-held)
	}
	runSteps(t, f, []step{{command: "EXEC", want: abort}, {command: "GET a", want: null}})
	words := append([]string{"EXISTS"}, strings.Split(strings.Repeat("k ", maxQueuedWords-2)+"k", " ")...)
	f.do("MULTI")
	if got := f.do(words...); got != "+QUEUED\r\n" {
		t.Errorf("%q", got)
	}
	if got := f.do(append(words, "k")...); got != "-"+errQueueWords+"\r\n" {
		t.Errorf("%q", got)
	}
	runSteps(t, f, []step{{command: "EXEC", want: abort}})
	keys := []string{"WATCH"}
	for i := range maxWatched {
		keys = append(keys, fmt.Sprint(i))
	}
	if got := f.do(keys...); got != ok {
		t.Errorf("%q", got)
	}
	if held := f.client.Held(); held < maxWatched*watchCost {
		t.Errorf("%d bytes are held for %d keys", held, maxWatched)
	}
	if got := f.do("WATCH", "7", "7"); got != ok {
		t.Errorf("%q for a key that is watched already", got)
	}
	if got := f.do("WATCH", "more"); got != "-"+errWatch+"\r\n" {
		t.Errorf("%q", got)
	}
	f.do("UNWATCH")
	for i := range 4 {
		f.do("WATCH", strings.Repeat(fmt.Sprint(i), codec.MaxKey))
	}
	if got := f.do("WATCH", "k"); got != "-"+errWatch+"\r\n" {
		t.Errorf("%q", got)
	}
	f.do("RESET")
	if f.client.Held() != 0 {
		t.Errorf("%d bytes are held", f.client.Held())
	}
}

// What came and went between WATCH and EXEC has changed the key, also where nothing is left of it.
func TestWATCHSeesWhatWasFlushed(t *testing.T) {
	f := newFixture(t)
	const queued = "+QUEUED\r\n"
	runSteps(t, f, []step{
		{command: "WATCH a", want: ok}, {command: "SET a 1", want: ok}, {command: "FLUSHALL", want: ok},
		{command: "MULTI", want: ok}, {command: "GET a", want: queued}, {command: "EXEC", want: "*-1\r\n"},
		{command: "WATCH a", want: ok}, {command: "MULTI", want: ok}, {command: "GET a", want: queued}, {command: "EXEC", want: "*1\r\n" + null},
	})
}

// What a WATCH of very many words costs does not grow with the keys that are watched: it is refused before one is looked at.
func TestALongWATCHLooksAtNothing(t *testing.T) {
	f := newFixture(t)
	words := []string{"WATCH"}
	for range maxWatched + 1 {
		words = append(words, "a")
	}
	if got := f.do(words...); got != "-"+errWatch+"\r\n" || len(f.client.tx.watched) > 0 {
		t.Errorf("%q, %d keys are watched", got, len(f.client.tx.watched))
	}
	long := []string{"WATCH"}
	for range maxWatchedBytes/codec.MaxKey + 1 {
		long = append(long, strings.Repeat("k", codec.MaxKey))
	}
	if got := f.do(long...); got != "-"+errWatch+"\r\n" || len(f.client.tx.watched) > 0 {
		t.Errorf("%.60q, %d long keys are watched", got, len(f.client.tx.watched))
	}
	if got := f.do(words[:maxWatched+1]...); got != ok || len(f.client.tx.watched) != 1 {
		t.Errorf("%q, %d keys are watched", got, len(f.client.tx.watched))
	}
}

// Of the words of a command without bounds on them each turn does a part: the rest is refused.
func TestNoListIsDoneInOneTurn(t *testing.T) {
	for i := range commands {
		e := &commands[i]
		if e.last >= 0 {
			continue
		}
		f := newFixture(t)
		words := []string{e.name}
		for range 4 * listArgs {
			words = append(words, "k")
		}
		if out, turns := f.wire(t, request(words...), func(int) {}); turns < 4 && out[0] != '-' {
			t.Errorf("%s of %d words takes %d turns: %.60q", e.name, len(words), turns, out)
		}
	}
}

// Replies beyond what one may be are errors, of each command alone; all are carried out.
func TestTheReplyOfEXECIsBounded(t *testing.T) {
	oneGoroutine(t)
	f := newFixture(t)
	f.do("SET", "a", strings.Repeat("v", 5<<20))
	f.do("MULTI")
	for range 20 {
		f.do("GET", "a")
	}
	f.do("MGET", "a", "a", "a")
	f.do("INCR", "n")
	out, v := f.RESP(f.client, [][]byte{[]byte("EXEC")}, nil)
	turns := 1
	for ; v == Again; turns++ {
		out, v = f.RESP(f.client, [][]byte{[]byte("EXEC")}, out)
	}
	if want := 20 + 2; turns != want { // what is dropped was read, too: each has a turn of its own
		t.Errorf("%d turns, want %d", turns, want)
	}
	r, _, err := codec.ParseReply(out)
	if err != nil || len(r.Elements) != 22 {
		t.Fatalf("%d replies, %v", len(r.Elements), err)
	}
	size := 0
	for i, e := range r.Elements {
		size += len(e.Str)
		if i < 21 && len(e.Str) != 5<<20 && string(e.Str) != strings.TrimPrefix(errReplyExec, "-") {
			t.Errorf("reply %d is %.80q", i, e.Str)
		}
	}
	if size > maxReply || r.Elements[21].Int != 1 {
		t.Errorf("%d bytes, and the last is %v", size, r.Elements[21])
	}
	if got := f.do("MGET", "n", "none"); got != "*2\r\n"+bulk("1")+null {
		t.Errorf("afterwards: %q", got)
	}
}

// On a node with little memory they are bounded by that.
func TestTheRepliesOfASmallNodeAreSmall(t *testing.T) {
	f := newFixture(t)
	f.Budget = 16 << 20
	f.do("SET", "a", strings.Repeat("v", 3<<20))
	f.do("MULTI")
	f.do("GET", "a")
	f.do("GET", "a")
	f.do("SET", "b", "1")
	r, _, err := codec.ParseReply([]byte(f.do("EXEC")))
	if err != nil || len(r.Elements) != 3 || len(r.Elements[0].Str) != 3<<20 || string(r.Elements[1].Str) != strings.TrimPrefix(errReplyExec, "-") || string(r.Elements[2].Str) != "OK" {
		t.Errorf("%.300v, %v", r.Elements, err)
	}
	f.client.long.body = make([]byte, 5<<20) // of the turns before
	if got := f.do("KEYS", "*"); got != "-"+errReplyKeys+"\r\n" {
		t.Errorf("%.80q", got)
	}
}

// The large value that a SET would otherwise hand over as a draft, and that a GET would pin, goes through a transaction as any other.
func TestATransactionPinsNothing(t *testing.T) {
	f := newFixture(t)
	large := strings.Repeat("v", codec.RefValue*4)
	f.Pin = new(store.Pin)
	if f.client.Queues() {
		t.Error("a new client queues")
	}
	f.do("MULTI")
	if !f.client.Queues() {
		t.Error("after MULTI nothing is queued")
	}
	f.do("SET", "a", large)
	f.do("GET", "a")
	if got, want := f.do("EXEC"), "*2\r\n"+ok+bulk(large); got != want || f.Pin.Begun() {
		t.Errorf("%d bytes, want %d; pinned: %v", len(got), len(want), f.Pin.Begun())
	}
}

// A client that shows its knowledge of the secret within a transaction, and gets it wrong too often, is closed after its replies.
func TestAWrongPasswordWithinATransactionCloses(t *testing.T) {
	f := newFixture(t)
	f.Door = fakeDoor{word: "open sesame"}
	f.do("AUTH", "open sesame")
	f.do("MULTI")
	for range maxWrong {
		f.do("AUTH", "wrong")
	}
	f.do("GETRANGE", "none", "0", "0") // behind which others have their turn
	f.do("PING")
	out, v := f.doVerdict("EXEC")
	want := fmt.Sprintf("*%d\r\n", maxWrong+2) + strings.Repeat("-"+errWrongUser+"\r\n", maxWrong) + bulk("") + "+PONG\r\n"
	if out != want || v != Close {
		t.Errorf("%q, verdict %d", out, v)
	}
}

// Behind a command that may take long others have their turn, and behind as many words, or bytes, as a list has in one.
func TestATurnOfEXECIsBoundedByItsWork(t *testing.T) {
	large := []string{"SET", "a", strings.Repeat("v", listBytes)}
	list := append([]string{"MGET"}, strings.Fields(strings.Repeat("n ", listArgs/2))...)
	for _, c := range []struct {
		commands [][]string
		turns    int
	}{
		{[][]string{{"GET", "a"}, {"SET", "b", "1"}, {"GET", "b"}, {"PING"}}, 1},
		{[][]string{{"GETRANGE", "a", "0", "0"}, {"SUBSTR", "a", "0", "0"}, {"KEYS", "x*"}, {"SCAN", "0", "MATCH", "x*"}, {"PING"}}, 5},
		{[][]string{{"PING"}, {"INFO", "clients"}, {"COMMAND", "COUNT"}, {"FLUSHALL"}}, 3},
		{[][]string{large, large, large, {"PING"}}, 4},
		{[][]string{list, list, list, list, {"PING"}}, 3},
	} {
		f := newFixture(t)
		f.do("MULTI")
		for _, command := range c.commands {
			if got := f.do(command...); got != "+QUEUED\r\n" {
				t.Fatalf("%.40q: %q", command, got)
			}
		}
		out, turns := f.wire(t, request("EXEC"), func(int) {})
		r, _, err := codec.ParseReply(out)
		if err != nil || len(r.Elements) != len(c.commands) || turns != c.turns {
			t.Errorf("%.60q: %d turns, want %d; %d replies, %v", c.commands, turns, c.turns, len(r.Elements), err)
		}
	}
}

// What another node has added to a counter changes it, though it is older than what was counted here, and the version stays.
func TestWATCHSeesWhatAnotherNodeHasAdded(t *testing.T) {
	f := newFixture(t)
	other, err := store.New(store.Options{Shards: 16, Node: 2, MaxBytes: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	key := []byte("n")
	_, _, r, err := other.Increment(nil, key, other.Hash(key), f.Now, 5, true)
	if err != nil {
		t.Fatal(err)
	}
	f.advance(10)
	runSteps(t, f, []step{{command: "INCR n", want: ":1\r\n"}, {command: "WATCH n", want: ok}})
	before, _, _ := f.Store.Meta(key, f.Store.Hash(key), f.Now)
	f.Store.Merge(&r, f.Store.Hash(key), f.Now)
	if after, _, _ := f.Store.Meta(key, f.Store.Hash(key), f.Now); after != before {
		t.Fatalf("the version has changed from %v to %v: this tests nothing", before, after)
	}
	runSteps(t, f, []step{{command: "MULTI", want: ok}, {command: "GET n", want: "+QUEUED\r\n"}, {command: "EXEC", want: "*-1\r\n"}, {command: "GET n", want: bulk("6")}})
}

// Of what a transaction itself has written nobody knows yet; of what was written before it peers may.
func TestWAITWithinEXECCountsNobodyForItsOwnWrites(t *testing.T) {
	f := newFixture(t)
	f.host.acks = []uint64{100, 100}
	f.do("SET", "a", "1")
	f.endTurn(t)
	const queued = "+QUEUED\r\n"
	runSteps(t, f, []step{
		{command: "MULTI", want: ok}, {command: "WAIT 2 0", want: queued}, {command: "SET a 2", want: queued}, {command: "WAIT 2 0", want: queued},
		{command: "EXEC", want: "*3\r\n:2\r\n" + ok + ":0\r\n"},
	})
}

// A key that goes while GETEX looks at it is not an empty value.
func TestGETEXOfAKeyThatComesAndGoes(t *testing.T) {
	f := newFixture(t)
	writer := &Turn{Store: f.Store, Host: &fakeHost{state: codec.StateReady, settled: true}, Now: f.Now, Stage: new(codec.Stage)}
	end := make(chan struct{})
	go func() {
		defer close(end)
		c, list := new(Client), [][][]byte{{[]byte("SET"), []byte("a"), []byte("v")}, {[]byte("DEL"), []byte("a")}}
		for i := range 40_000 {
			writer.RESP(c, list[i%2], nil)
			writer.Stage.Reset()
		}
	}()
	got := make(map[string]int)
	for going := true; going; {
		for _, command := range [][]string{{"GETEX", "a"}, {"GETEX", "a", "EX", "100"}, {"GETEX", "a", "PERSIST"}} {
			got[f.do(command...)]++
			f.Stage.Reset()
		}
		select {
		case <-end:
			going = false
		default:
		}
	}
	delete(got, bulk("v"))
	delete(got, null)
	if len(got) > 0 {
		t.Errorf("other replies: %v", got)
	}
}
