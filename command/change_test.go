package command

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"covey/codec"
	"covey/store"
)

// TestOracleChanges compares changes of parts of values, and what reads parts, with redis-server: values that grow from a few bytes into
// pages, counters, times to live.
func TestOracleChanges(t *testing.T) {
	t.Logf("repeat with -oracle.seed=%d", *oracleSeed)
	forBothProtocols(t, func(t *testing.T, p *pair) {
		g := &generator{Rand: rand.New(rand.NewPCG(*oracleSeed, 11)), base: time.Now().Unix()}
		for i := 0; i < often(4_000) && !t.Failed(); i++ {
			args := g.change()
			p.same(args...)
			if len(args) > 1 {
				p.same("STRLEN", args[1])
				p.same("TTL", args[1])
				p.same("GETRANGE", args[1], g.number(), g.number())
			}
		}
		for _, key := range g.keys() {
			p.same("GET", key)
		}
	})
}

// change is a command that changes a part of a value, or changes what such a command finds.
func (g *generator) change() []string {
	key := g.key()
	switch g.IntN(12) {
	case 0, 1, 2, 3:
		return []string{"APPEND", key, g.pick(g.value(), g.value(), strings.Repeat("ab", g.IntN(40_000)))}
	case 4, 5, 6:
		at := fmt.Sprint(g.IntN(1 << g.IntN(18)))
		return []string{"SETRANGE", key, g.pick(at, at, at, at, g.number()), g.value()}
	case 7:
		return []string{"INCRBY", key, g.number()}
	case 8:
		return []string{"EXPIRE", key, fmt.Sprint(g.seconds())}
	case 9:
		return []string{g.pick("DEL", "PERSIST", "GETDEL", "INCR"), key}
	case 10:
		return []string{"SET", key, g.value(), "EX", fmt.Sprint(g.seconds())}
	}
	return []string{g.pick("SUBSTR", "GETRANGE"), key, g.number(), g.number()}
}

// A value has 16 MiB at most, however it grows, and the error is the one that Redis gives where its limit is the same.
func TestAValueThatWouldGrowTooLongIsRefused(t *testing.T) {
	p := newPair(t, startOracle(t), codec.RESP2)
	p.theirs("CONFIG", "SET", "proto-max-bulk-len", fmt.Sprint(codec.MaxValue))
	most := fmt.Sprint(codec.MaxValue)
	for _, c := range [][]string{
		{"SETRANGE", "a", most, ""}, {"SETRANGE", "a", most, "x"}, {"SETRANGE", "a", "9223372036854775807", "x"}, {"SETRANGE", "a", "9223372036854775807", ""}, {"EXISTS", "a"},
		{"SETRANGE", "a", fmt.Sprint(codec.MaxValue - 1), "x"}, {"STRLEN", "a"}, {"SETRANGE", "a", fmt.Sprint(codec.MaxValue - 1), "xy"}, {"APPEND", "a", "x"}, {"APPEND", "a", ""}, {"STRLEN", "a"},
		{"SETRANGE", "a", "0", "begin"}, {"GETRANGE", "a", "0", "9"}, {"GETRANGE", "a", "-3", "-1"}, {"SETRANGE", "b", "-1", ""}, {"SETRANGE", "b", "x", "y"}, {"SETRANGE", "b", "1.0", "y"},
	} {
		p.same(c...)
	}
	if got := p.mine.do("APPEND", "a", "x"); got != "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n" {
		t.Errorf("%q", got)
	}
}

// A change goes to the peers as the value that it leaves, with the time to live that the key has.
func TestAChangeIsSentAsTheWholeValue(t *testing.T) {
	f := newFixture(t)
	f.do("SET", "a", "one", "PX", "1000")
	f.do("INCRBY", "n", "12")
	f.endTurn(t)
	for _, c := range [][]string{{"APPEND", "a", " two"}, {"SETRANGE", "a", "0", "O"}, {"SETRANGE", "a", "0", ""}, {"SETRANGE", "none", "5", ""}, {"SETRANGE", "a", "99999999", "x"}, {"APPEND", "n", "0"}, {"INCR", "n"}} {
		f.do(c...)
	}
	all := f.endTurn(t)
	want := []string{"one two", "One two", "120", ""} // the last is a counter
	if len(all) != len(want) {
		t.Fatalf("%d updates: %+v", len(all), all)
	}
	for i, r := range all[:3] {
		if string(r.Value) != want[i] || r.Kind != store.KindString || r.Flags != store.Keeps || i < 2 && r.ExpireAt != f.Now+1000 {
			t.Errorf("update %d: %+v", i, r)
		}
	}
	if got := f.do("GET", "n"); got != bulk("121") {
		t.Errorf("%q", got)
	}
	f.advance(1000)
	if got := f.do("EXISTS", "a"); got != zero {
		t.Errorf("after its time: %q", got)
	}
}

// Small commands that leave large values take a turn each: a turn stages a bounded number of them.
func TestAChangeMayTakeLong(t *testing.T) {
	f := newFixture(t)
	for _, c := range []string{"APPEND a x", "SETRANGE a 0 x", "INCRBYFLOAT n 1"} {
		var p codec.Parser
		buf := request(words(c)...)
		if n, _, err := f.GatherRESP(&p, buf); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		if f.NextRESP(f.client, nil); !f.Long() {
			t.Errorf("%s does not count as a command that may take long", c)
		}
	}
}
