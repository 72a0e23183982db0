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
	if string(out) != want || others != 6 {
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
	keys := []string{"WATCH"}
	for i := range maxWatched {
		keys = append(keys, fmt.Sprint(i))
	}
	if got := f.do(keys...); got != ok {
		t.Errorf("%q", got)
	}
	if got := f.do("WATCH", "more"); got != "-"+errWatch+"\r\n" {
		t.Errorf("%q", got)
	}
	f.do("UNWATCH")
	for range 4 {
		f.do("WATCH", strings.Repeat("k", codec.MaxKey))
	}
	if got := f.do("WATCH", "k"); got != "-"+errWatch+"\r\n" {
		t.Errorf("%q", got)
	}
	f.do("RESET")
	if f.client.Held() != 0 {
		t.Errorf("%d bytes are held", f.client.Held())
	}
}

// Replies beyond what one may be are errors, of each command alone; all are carried out.
func TestTheReplyOfEXECIsBounded(t *testing.T) {
	f := newFixture(t)
	f.do("SET", "a", strings.Repeat("v", 5<<20))
	f.do("MULTI")
	for range 20 {
		f.do("GET", "a")
	}
	f.do("MGET", "a", "a", "a")
	f.do("INCR", "n")
	r, _, err := codec.ParseReply([]byte(f.do("EXEC")))
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
	out, v := f.doVerdict("EXEC")
	if want := fmt.Sprintf("*%d\r\n", maxWrong) + strings.Repeat("-"+errWrongUser+"\r\n", maxWrong); out != want || v != Close {
		t.Errorf("%q, verdict %d", out, v)
	}
}
