package command

import (
	"strings"
	"testing"

	"covey/codec"
)

const loadingReply = "-LOADING covey is loading the data of its peers; try again in a moment\r\n"

// R17: a node that does not hold all the data answers no reads.
func TestR17ReadsAndWritesThatReadNeedAReadyNode(t *testing.T) {
	for _, state := range []codec.State{codec.StateSeeking, codec.StateLoading} {
		f := newFixture(t)
		f.host.state = state
		for _, c := range []string{
			"GET a", "MGET a b", "EXISTS a", "TTL a", "PTTL a", "STRLEN a", "TYPE a", "GETEX a", "GETEX a EX 1", "GETRANGE a 0 1", "TOUCH a", "EXPIRETIME a", "PEXPIRETIME a", "WATCH a", "DBSIZE", "SCAN 0", "KEYS *",
			"SET a 1 NX", "SET a 1 XX", "SET a 1 GET", "SET a 1 KEEPTTL", "SETNX a 1", "GETSET a 1",
			"EXPIRE a 1", "PEXPIRE a 1", "EXPIREAT a 1", "PEXPIREAT a 1", "PERSIST a", "INCR a", "INCRBY a 1", "DECR a", "DECRBY a 1", "INCRBYFLOAT a 1", "MSETNX a 1", "APPEND a 1", "SETRANGE a 0 1",
		} {
			if got := f.do(words(c)...); got != loadingReply {
				t.Errorf("%s while %s: %q", c, state, got)
			}
		}
		for _, c := range []string{
			"PING", "ECHO a", "INFO", "HELLO", "CLIENT ID", "COMMAND COUNT", "CONFIG GET save", "TIME", "SELECT 0", "RESET",
			"WAIT 0 0", "COVEY MEMBERS", "COVEY INFO", "COVEY VERIFY", "MULTI", "DISCARD", "UNWATCH",
		} {
			if got := f.do(words(c)...); strings.HasPrefix(got, "-") || got == "" {
				t.Errorf("%s while %s: %q", c, state, got)
			}
		}
		if got := f.do("AUTH", "x"); got != "-"+errNoPassword+"\r\n" {
			t.Errorf("AUTH while %s: %q", state, got)
		}
		if f.client.Dirty || f.Stage.Count() != 0 {
			t.Errorf("something was staged while %s", state)
		}
	}
}

func TestBlindWritesAreTakenWhileLoadingOnceTheTimeIsSettled(t *testing.T) {
	f := newFixture(t)
	f.host.state = codec.StateLoading
	runSteps(t, f, []step{
		{command: "SET a 1", want: ok}, {command: "SET a 1 EX 5", want: ok}, {command: "SETEX a 5 1", want: ok}, {command: "PSETEX a 5 1", want: ok},
		{command: "MSET b 1 c 2", want: ok}, {command: "DEL none", want: zero}, {command: "FLUSHALL", want: ok},
	})
	got := f.endTurn(t)
	if len(got) != 8 {
		t.Fatalf("%d updates, want 8", len(got))
	}
	// R3: a node that is not ready cannot know that nobody has the key: its DEL always writes.
	if r := got[6]; string(r.Key) != "none" || r.Flags&codec.RecordDeleted == 0 {
		t.Errorf("DEL of an absent key staged %q with flags %d", r.Key, r.Flags)
	}
}

func TestR8BlindWritesWaitUntilTheTimeIsSettled(t *testing.T) {
	for _, c := range []string{"SET a 1", "SETEX a 5 1", "MSET a 1", "DEL a", "UNLINK a", "FLUSHALL", "FLUSHDB"} {
		f := newFixture(t)
		f.host.state, f.host.settled = codec.StateSeeking, false
		for range 3 {
			if out, v := f.doVerdict(words(c)...); v != Wait || out != "" {
				t.Fatalf("%s: %q, verdict %d, want to wait", c, out, v)
			}
			f.advance(500)
		}
		if f.client.Deadline != startOfTime+settleWait {
			t.Errorf("%s: deadline %d", c, f.client.Deadline)
		}
		f.host.settled = true
		if out, v := f.doVerdict(words(c)...); v != Done || strings.HasPrefix(out, "-") {
			t.Errorf("%s when settled: %q, verdict %d", c, out, v)
		}
		if f.client.Deadline != 0 {
			t.Errorf("%s: the deadline stays", c)
		}
	}
}

func TestR8AWriteThatWaitedLongEnoughIsRefused(t *testing.T) {
	f := newFixture(t)
	f.host.state, f.host.settled = codec.StateSeeking, false
	if _, v := f.doVerdict("SET", "a", "1"); v != Wait {
		t.Fatal("no wait")
	}
	f.advance(settleWait - 1)
	if _, v := f.doVerdict("SET", "a", "1"); v != Wait {
		t.Fatal("not waited to the end")
	}
	f.advance(1)
	if out, v := f.doVerdict("SET", "a", "1"); out != loadingReply || v != Done {
		t.Errorf("%q, verdict %d", out, v)
	}
	if _, v := f.doVerdict("SET", "a", "1"); v != Wait {
		t.Error("the next command does not wait anew")
	}
}

func TestAWaitGetsNoLongerWhenTheClockStepsBack(t *testing.T) {
	f := newFixture(t)
	f.host.settled = false
	f.doVerdict("SET", "a", "1")
	f.Now -= 1_000_000
	if _, v := f.doVerdict("SET", "a", "1"); v != Wait {
		t.Fatal("no wait")
	}
	f.advance(settleWait)
	if out := f.do("SET", "a", "1"); out != loadingReply {
		t.Errorf("%q", out)
	}
}

func TestWaitCountsThePeersThatAcknowledged(t *testing.T) {
	f := newFixture(t)
	f.host.acks = []uint64{0, 0, 0}
	if out := f.do("WAIT", "2", "100"); out != ":3\r\n" {
		t.Errorf("a client that wrote nothing: %q", out)
	}
	f.do("SET", "a", "1")
	if out, v := f.doVerdict("WAIT", "0", "0"); v != Wait || out != "" {
		t.Errorf("in the turn of its write: %q, verdict %d, want to wait", out, v)
	}
	f.endTurn(t)
	if out := f.do("WAIT", "0", "0"); out != zero {
		t.Errorf("WAIT 0: %q", out)
	}
	if _, v := f.doVerdict("WAIT", "2", "100"); v != Wait {
		t.Error("no wait for two")
	}
	f.host.acks = []uint64{1, 0, 0}
	f.advance(99)
	if _, v := f.doVerdict("WAIT", "2", "100"); v != Wait {
		t.Error("no wait with one of two")
	}
	f.host.acks = []uint64{1, 0, 1}
	if out, v := f.doVerdict("WAIT", "2", "100"); out != ":2\r\n" || v != Done {
		t.Errorf("with two: %q, verdict %d", out, v)
	}
}

func TestWaitEndsAtItsTimeoutWithHowManyThereAre(t *testing.T) {
	f := newFixture(t)
	f.host.acks = []uint64{1, 0}
	f.do("SET", "a", "1")
	f.endTurn(t)
	if _, v := f.doVerdict("WAIT", "2", "100"); v != Wait {
		t.Fatal("no wait")
	}
	f.advance(100)
	if out := f.do("WAIT", "2", "100"); out != one1 {
		t.Errorf("%q", out)
	}
	if _, v := f.doVerdict("WAIT", "2", "0"); v != Wait {
		t.Fatal("timeout 0 is for ever")
	}
	f.advance(1 << 40)
	if _, v := f.doVerdict("WAIT", "2", "0"); v != Wait {
		t.Fatal("timeout 0 is for ever")
	}
	runSteps(t, f, []step{
		{command: "WAIT x 0", want: noInt}, {command: "WAIT 1 x", want: "-ERR timeout is not an integer or out of range\r\n"},
		{command: "WAIT 1 -1", want: "-ERR timeout is negative\r\n"},
	})
}

// Nothing of a turn may pin the buffer of commands that are done, or point at memory that was given back.
func TestArgumentsAreLetGoOf(t *testing.T) {
	f := newFixture(t)
	var p codec.Parser
	stream := codec.AppendCommand(codec.AppendCommand(nil, "SET", "a", "1"), "MGET", "a", "b")
	if n, _, err := f.GatherRESP(&p, stream); n != 2 || err != nil {
		t.Fatal(n, err)
	}
	for range 2 {
		f.NextRESP(f.client, nil)
	}
	f.Forget()
	if n, _, _, err := f.GatherFrames(setFrame("a", "1", 0, 0)); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	f.NextFrame(f.client, nil)
	f.Forget()
	for _, a := range f.ahead.args[:cap(f.ahead.args)] {
		if a != nil {
			t.Errorf("argument %q is still there", a)
		}
	}
	for i := range f.ahead.items {
		if f.ahead.items[i].body != nil {
			t.Errorf("the body of item %d is still there", i)
		}
	}
	for i := range f.ahead.keys {
		if f.ahead.keys[i] != nil {
			t.Errorf("key %d is still there", i)
		}
	}
}
