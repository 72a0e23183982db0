package command

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"covey/codec"
)

// wire runs the commands in buf as the loop does, part by part, and returns the replies and how many turns they took. between is
// called when others have theirs.
func (f *fixture) wire(t *testing.T, buf []byte, between func(turn int)) (out []byte, turns int) {
	t.Helper()
	var p codec.Parser
	for len(buf) > 0 {
		var v Verdict
		var used int
		turns++
		before := len(out)
		if f.GoesOn(f.client, buf) {
			out, used, v = f.GoOn(f.client, buf, out)
		} else {
			n, _, err := f.GatherRESP(&p, buf)
			if n == 0 || err != nil {
				t.Fatalf("%.40q: %d commands, %v", buf, n, err)
			}
			out, used, v = f.NextRESP(f.client, out)
			p.Forget()
		}
		if len(out)-before > 2*listBytes && v == Again {
			t.Fatalf("%d bytes of replies in one turn", len(out)-before)
		}
		f.endTurn(t)
		f.Forget()
		switch v {
		case Again:
			between(turns)
		case Done:
			buf = buf[used:]
		default:
			t.Fatalf("verdict %d", v)
		}
	}
	return out, turns
}

// request is a command as an array of bulks.
func request(words ...string) []byte {
	b := fmt.Appendf(nil, "*%d\r\n", len(words))
	for _, w := range words {
		b = fmt.Appendf(b, "$%d\r\n%s\r\n", len(w), w)
	}
	return b
}

// Lists of very many keys take as many turns as they have parts, and give what they would give in one.
func TestListsOfVeryManyKeysLetOthersThrough(t *testing.T) {
	const keys = 10*listArgs + 7
	f := newFixture(t)
	pairs, list, reply := []string{"MSET"}, []string{"-"}, fmt.Appendf(nil, "*%d\r\n", keys)
	for i := range keys {
		key := fmt.Sprint("key:", i)
		pairs, list = append(pairs, key, strconv.Itoa(i)), append(list, key)
		reply = append(reply, bulk(strconv.Itoa(i))...)
	}
	for _, c := range []struct {
		words []string
		want  string
		turns int
	}{
		{pairs, "+OK\r\n", 21}, {append([]string{"EXISTS"}, list[1:]...), fmt.Sprintf(":%d\r\n", keys), 11}, {append([]string{"MGET"}, list[1:]...), string(reply), 11},
		{append([]string{"del"}, list[1:keys]...), fmt.Sprintf(":%d\r\n", keys-1), 11}, {append([]string{"UNLINK"}, list[1:]...), ":1\r\n", 11}, {append([]string{"MGET"}, list[1:3]...), "*2\r\n$-1\r\n$-1\r\n", 1},
	} {
		others := 0
		buf := append(request(c.words...), request("PING")...)
		out, turns := f.wire(t, buf, func(int) { others++ })
		if string(out) != c.want+"+PONG\r\n" || turns != c.turns+1 || others != c.turns-1 {
			t.Errorf("%s of %d: %d turns, %d of others, %.60q", c.words[0], len(c.words)-1, turns, others, out)
		}
		if f.client.long.total != 0 || f.client.Held() != 0 {
			t.Errorf("%s leaves something: %+v", c.words[0], f.client.long)
		}
	}
	line := "EXISTS" + strings.Repeat(" x", 2000) + "\r\n" // a line is parsed anew each time: it is short
	if out, turns := f.wire(t, []byte(line), func(int) {}); string(out) != ":0\r\n" || turns != 2 {
		t.Errorf("a line: %d turns, %q", turns, out)
	}
}

// Large values end a turn sooner, in and out; and what is wrong in the middle of a list ends it.
func TestAListOfLargeValuesTakesMoreTurns(t *testing.T) {
	f := newFixture(t)
	large := strings.Repeat("x", listBytes/2)
	words, list := []string{"MSET"}, []string{"MGET"}
	for i := range 16 {
		words, list = append(words, fmt.Sprint(i), large), append(list, fmt.Sprint(i))
	}
	if out, turns := f.wire(t, request(words...), func(int) {}); string(out) != "+OK\r\n" || turns != 8 {
		t.Errorf("%d turns, %.40q", turns, out)
	}
	out, turns := f.wire(t, request(list...), func(int) {})
	if want := "*16\r\n" + strings.Repeat(bulk(large), 16); string(out) != want || turns != 8 {
		t.Errorf("%d turns, %d bytes", turns, len(out))
	}
	wrong := append(words, strings.Repeat("k", codec.MaxKey+1), "v")
	if out, _ := f.wire(t, append(request(wrong...), request("PING")...), func(int) {}); string(out) != "-"+errKeyLength+"\r\n+PONG\r\n" {
		t.Errorf("%.60q", out)
	}
	out, _ = f.wire(t, append(request(append(words, "more")...), request("PING")...), func(int) {})
	if !bytes.HasPrefix(out, []byte("-ERR wrong number")) || !bytes.HasSuffix(out, []byte("+PONG\r\n")) || f.client.long.total != 0 {
		t.Errorf("%.60q", out)
	}
}

// KEYS lets others through after so many keys, gives each that is there all the while once, and holds what it says it holds.
func TestKEYSLetsOthersThrough(t *testing.T) {
	f := newFixture(t)
	const count = 20_000
	for i := range count {
		f.do("SET", fmt.Sprint("key:", i), "v")
	}
	f.endTurn(t)
	n, held := 0, 0
	out, turns := f.wire(t, request("KEYS", "key:*"), func(turn int) {
		for range 50 { // by others, of keys that match and are not the first ones
			f.do("SET", fmt.Sprint("key:new", n), "v")
			n++
		}
		held = f.client.Held()
		if room := cap(f.client.long.body); held < room {
			t.Errorf("of %d bytes that the reply so far takes %d are counted", room, held)
		}
	})
	if least := count * keyWork / walkWork; turns < least || turns > 4*least || held < 10*count/2 {
		t.Errorf("%d turns, at least %d wanted; %d bytes held", turns, least, held)
	}
	r, _, err := codec.ParseReply(out)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, e := range r.Elements {
		seen[string(e.Str)]++
	}
	for i := range count {
		if seen[fmt.Sprint("key:", i)] != 1 {
			t.Fatalf("key:%d comes %d times", i, seen[fmt.Sprint("key:", i)])
		}
	}
	if f.client.Held() != 0 {
		t.Error("it holds on")
	}
	// SCAN does the same work a call, whatever COUNT says; and finds all.
	calls, found, cursor := 0, map[string]bool{}, "0"
	for begun := false; !begun || cursor != "0"; begun = true {
		r, _, _ := codec.ParseReply([]byte(f.do("SCAN", cursor, "COUNT", "1000000", "MATCH", "*1")))
		cursor = string(r.Elements[0].Str)
		for _, e := range r.Elements[1].Elements {
			found[string(e.Str)] = true
		}
		calls++
	}
	if calls < count/maxScanCount || len(found) < count/10 {
		t.Errorf("%d calls, %d keys", calls, len(found))
	}
}

// Long keys end a look into the store sooner.
func TestSCANOfLongKeysIsBoundedByTheirBytes(t *testing.T) {
	f := newFixture(t)
	const count = 100
	for i := range count {
		f.do("SET", strconv.Itoa(i)+strings.Repeat("k", 60_000), "v")
	}
	cursor, found := "0", 0
	for begun := false; !begun || cursor != "0"; begun = true {
		out := f.do("SCAN", cursor, "COUNT", "1000")
		if len(out) > 6*60_000 {
			t.Fatalf("%d bytes", len(out))
		}
		r, _, _ := codec.ParseReply([]byte(out))
		cursor = string(r.Elements[0].Str)
		found += len(r.Elements[1].Elements)
	}
	if found != count {
		t.Errorf("%d keys", found)
	}
}

func TestKEYSEndsAReplyThatGrowsTooLarge(t *testing.T) {
	oneGoroutine(t)
	f := newFixture(t)
	f.do("SET", "a", "v")
	f.client.long.body = make([]byte, maxReply) // of the turns before
	if got := f.do("KEYS", "*"); got != "-"+errReplyKeys+"\r\n" || f.client.Held() != 0 {
		t.Errorf("%d bytes of reply, %d held", len(got), f.client.Held())
	}
}

// Each command without a list of keys takes so many words and no more: what each costs is small then.
func TestManyWordsAreRefused(t *testing.T) {
	f := newFixture(t)
	var all []*entry
	for i := range commands {
		all = append(all, &commands[i])
		for j := range commands[i].subs {
			all = append(all, &commands[i].subs[j])
		}
	}
	refused := 0
	for _, e := range all {
		words := strings.Split(e.full, "|")
		for len(words) <= maxWords {
			words = append(words, "x")
		}
		got := f.do(words...)
		if got == "-"+errWords+"\r\n" {
			refused++
		} else if e.arity < 0 && e.last >= 0 && len(e.subs) == 0 {
			t.Errorf("%s of %d words: %.80q", e.full, len(words), got)
		}
		if e.last < 0 && strings.Contains(got, errWords) {
			t.Errorf("%s has a list of keys", e.full)
		}
		f.client = &Client{ID: 7, From: f.client.From}
	}
	if refused < 10 {
		t.Errorf("%d commands refuse", refused)
	}
}

// What COMMAND INFO says is much more than it is asked: the names have a bound of their own.
func TestWhatCOMMANDINFODescribesIsBounded(t *testing.T) {
	f := newFixture(t)
	words := []string{"COMMAND", "INFO"}
	for range maxDescribed {
		words = append(words, "client")
	}
	r, _, err := codec.ParseReply([]byte(f.do(words...)))
	if err != nil || len(r.Elements) != maxDescribed {
		t.Errorf("%d commands, %v", len(r.Elements), err)
	}
	if got := f.do(append(words, "get")...); got != "-"+errDescribed+"\r\n" {
		t.Errorf("%.80q", got)
	}
}
