package command

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"covey/internal/harness"
	"covey/store"
)

// Scripts of limiters in the layout in which their libraries send them.
const (
	textOfLimits = "local current\nlocal amount = tonumber(ARGV[2])\ncurrent = redis.call(\"incrby\", KEYS[1], amount)\n\nif tonumber(current) == amount then\n" +
		"    redis.call(\"expire\", KEYS[1], ARGV[1])\nend\n\nreturn current\n"
	textOfFlexible = "redis.call('set', KEYS[1], 0, 'EX', ARGV[2], 'NX') local consumed = redis.call('incrby', KEYS[1], ARGV[1]) local ttl = redis.call('pttl', KEYS[1]) " +
		"if ttl == -1 then   redis.call('expire', KEYS[1], ARGV[2])   ttl = 1000 * ARGV[2] end return {consumed, ttl} "
	textOfRateLimitRedis6 = "local windowMs = tonumber(ARGV[1])\nlocal timeToExpire = redis.call(\"PTTL\", KEYS[1])\nif timeToExpire <= 0 then\nredis.call(\"SET\", KEYS[1], 1, \"PX\", windowMs)\n" +
		"return { 1, windowMs }\nend\nlocal totalHits = redis.call(\"INCR\", KEYS[1])        \nreturn { totalHits, timeToExpire }"
	textOfRateLimitRedis4 = "local totalHits = redis.call(\"INCR\", KEYS[1])\nlocal timeToExpire = redis.call(\"PTTL\", KEYS[1])\nif timeToExpire < 0 or ARGV[1] == \"1\"\nthen\n" +
		"redis.call(\"PEXPIRE\", KEYS[1], tonumber(ARGV[2]))\ntimeToExpire = tonumber(ARGV[2])\nend\nreturn { totalHits, timeToExpire }"
	textOfHits = "local totalHits = redis.call(\"GET\", KEYS[1])\nlocal timeToExpire = redis.call(\"PTTL\", KEYS[1])\nreturn { totalHits, timeToExpire }"
)

// TestOracleRandomLimiters has redis-server run the very texts that are recognised here, in any layout, over keys that are there or not,
// with a time to live or without, numbers or not. None is so large that it is another in the floating point of Lua.
func TestOracleRandomLimiters(t *testing.T) {
	t.Logf("repeat with -oracle.seed=%d", *oracleSeed)
	forBothProtocols(t, func(t *testing.T, p *pair) {
		g := &generator{Rand: rand.New(rand.NewPCG(*oracleSeed, 13)), base: time.Now().Unix()}
		did := make([]int, len(limiterScripts))
		for i := 0; i < often(5_000) && !t.Failed(); i++ {
			if g.IntN(3) == 0 {
				p.same(g.other(func() string { return g.pick("", "0", "7", "-3", "x", "9007199254740000", "9223372036854775808") })...)
				continue
			}
			row := g.IntN(len(limiterScripts))
			text := limiterScripts[row].text
			args := append([]string{"EVAL", g.layOut(text), "1", g.key()}, g.limiterArguments(text)...)
			if g.IntN(3) == 0 {
				p.same("SCRIPT", "LOAD", args[1])
				args[0], args[1] = "EVALSHA", sumOf(args[1])
			}
			if p.counted(args) {
				did[row]++
			}
			p.same("GET", args[3])
			p.same("TTL", args[3])
		}
		for row, n := range did {
			if n == 0 && !harness.Race {
				t.Errorf("never did anything: %s", limiterScripts[row].text)
			}
		}
	})
}

// limiterArguments are what a script is called with: a window, and what its library puts before or behind it.
func (g *generator) limiterArguments(text string) []string {
	span := g.seconds()
	if !strings.Contains(text, `"expire"`) {
		span *= 1000
	}
	switch by := g.pick("1", "1", "5", "-2", "0"); {
	case strings.Contains(text, "amount"):
		return []string{fmt.Sprint(span), by}
	case strings.Contains(text, "consumed"):
		return []string{by, fmt.Sprint(span), "10", "60"}
	case strings.Contains(text, "ARGV[2]"):
		return []string{g.pick("0", "0", "1"), fmt.Sprint(span)}
	case g.IntN(10) == 0 && !strings.Contains(text, "windowMs"):
		return []string{g.pick("0", "-1000")}
	}
	return []string{fmt.Sprint(span)}
}

// counted compares the replies to a script, in which the time that is left may differ a little, and an error may go on to say where in the
// script it is, and reports whether it was none.
func (p *pair) counted(args []string) bool {
	p.t.Helper()
	theirs, mine := p.both(args...)
	if strings.HasPrefix(mine, "-") {
		if begin := strings.TrimSuffix(mine, "\r\n"); !strings.HasPrefix(theirs, begin) {
			p.t.Errorf("%.300q:\n redis %.300q\n covey %.300q", args, theirs, mine)
		}
		return false
	}
	a, b := strings.SplitAfter(theirs, "\r\n"), strings.SplitAfter(mine, "\r\n")
	last := len(a) - 2
	if len(a) != len(b) || !slices.Equal(a[:last], b[:last]) || a[last] != b[last] && !near(a[last], b[last], 2000) {
		p.t.Errorf("%.300q:\n redis %.300q\n covey %.300q", args, theirs, mine)
	}
	return true
}

func TestEachScriptOfALimiterIsRecognised(t *testing.T) {
	if n := len(lockScripts) + len(limiterScripts); len(scriptOf) != n {
		t.Errorf("%d scripts have %d forms", n, len(scriptOf))
	}
	f := newFixture(t)
	for i, s := range []struct {
		after uint64
		args  []string
		want  string
	}{
		{0, []string{textOfLimits, "1", "a", "60", "2"}, ":2\r\n"}, {0, []string{textOfLimits, "1", "a", "90", "3"}, ":5\r\n"}, {500, []string{textOfHits, "1", "a"}, "*2\r\n$1\r\n5\r\n:59500\r\n"},
		{0, []string{textOfFlexible, "1", "b", "1", "10", "5", "10"}, "*2\r\n:1\r\n:10000\r\n"}, {500, []string{textOfFlexible, "1", "b", "2", "99", "5", "10"}, "*2\r\n:3\r\n:9500\r\n"},
		{0, []string{textOfRateLimitRedis6, "1", "c", "1000"}, "*2\r\n:1\r\n:1000\r\n"}, {400, []string{textOfRateLimitRedis6, "1", "c", "1000"}, "*2\r\n:2\r\n:600\r\n"},
		{600, []string{textOfRateLimitRedis6, "1", "c", "1000"}, "*2\r\n:1\r\n:1000\r\n"}, {1000, []string{textOfHits, "1", "c"}, "*2\r\n$-1\r\n:-2\r\n"},
		{0, []string{textOfRateLimitRedis4, "1", "d", "0", "1000"}, "*2\r\n:1\r\n:1000\r\n"}, {100, []string{textOfRateLimitRedis4, "1", "d", "0", "1000"}, "*2\r\n:2\r\n:900\r\n"},
		{100, []string{textOfRateLimitRedis4, "1", "d", "1", "1000"}, "*2\r\n:3\r\n:1000\r\n"},
		{0, []string{textOfLimits, "1", "a", "x", "1"}, noInt}, {0, []string{textOfLimits, "1", "a", "60", "x"}, noInt}, {0, []string{textOfFlexible, "1", "e", "1", "0"}, "-ERR invalid expire time in 'set' command\r\n"},
		{0, []string{textOfLimits, "1", "a", "9223372036854775807", "1"}, "-ERR invalid expire time in 'expire' command\r\n"}, {0, []string{textOfRateLimitRedis4, "1", "a", "0", "9223372036854775807"}, "-ERR invalid expire time in 'pexpire' command\r\n"},
		{0, []string{textOfLimits, "1", "a", "60"}, "-" + errScriptWords + "\r\n"}, {0, []string{textOfLimits, "2", "a", "b", "60", "1"}, "-" + errScriptWords + "\r\n"},
	} {
		f.advance(s.after)
		if got := f.do(append([]string{"EVAL"}, s.args...)...); got != s.want {
			t.Errorf("step %d: %q: %q, want %q", i, s.args, got, s.want)
		}
	}
}

// No update that begins a window leaves a counter without its end, here or at a peer: what comes between two writes, an eviction say, would
// leave it so for good.
func TestAWindowNeverIsWithoutItsEnd(t *testing.T) {
	begins := map[string]func(f *fixture){"Increment": func(f *fixture) { f.send(t, incrementFrame("k", 1, 1000)) }}
	for _, s := range limiterScripts {
		if args := append([]string{"EVAL", s.text, "1", "k"}, (&generator{Rand: rand.New(rand.NewPCG(1, 1))}).limiterArguments(s.text)...); s.argc > 0 {
			begins[s.text] = func(f *fixture) { f.do(args...) }
		}
	}
	for name, begin := range begins {
		f, peer := newFixture(t), newFixture(t)
		begin(f)
		all := f.endTurn(t)
		if len(all) == 0 || f.do("PTTL", "k") == ":-1\r\n" {
			t.Errorf("%s: %d updates, %q left", name, len(all), f.do("PTTL", "k"))
		}
		for i, r := range all {
			peer.Store.Merge((*store.Record)(&r), peer.Store.Hash(r.Key), peer.Now)
			if got, want := peer.do("PTTL", "k"), f.do("PTTL", "k"); got != want {
				t.Errorf("%s: after %d of %d updates a peer has %q left, want %q", name, i+1, len(all), got, want)
			}
		}
	}
}

// What two nodes count in one window adds up, whichever of the scripts begins it: both begin it before they have heard of each other.
func TestR27HitsOfTwoNodesAddUp(t *testing.T) {
	for i, s := range limiterScripts {
		if s.argc == 0 {
			continue
		}
		args := append([]string{"EVAL", s.text, "1", "k"}, (&generator{Rand: rand.New(rand.NewPCG(1, 1))}).limiterArguments(s.text)...)
		f, g := newFixture(t), newFixture(t)
		var err error
		if g.Store, err = store.New(store.Options{Shards: 16, Node: 2, MaxBytes: 64 << 20}); err != nil {
			t.Fatal(err)
		}
		for _, x := range []*fixture{f, g} {
			for range 3 {
				if reply := x.do(args...); strings.HasPrefix(reply, "-") {
					t.Fatalf("%q: %q", args, reply)
				}
			}
		}
		one := f.do("GET", "k")
		ours, theirs := f.endTurn(t), g.endTurn(t)
		for _, r := range ours {
			g.Store.Merge((*store.Record)(&r), g.Store.Hash(r.Key), g.Now)
		}
		for _, r := range theirs {
			f.Store.Merge((*store.Record)(&r), f.Store.Hash(r.Key), f.Now)
		}
		var n int
		if _, err := fmt.Sscanf(one, "$%d\r\n%d", new(int), &n); err != nil {
			t.Fatal(one, err)
		}
		want := bulk(fmt.Sprint(2 * n))
		if a, b := f.do("GET", "k"), g.do("GET", "k"); a != want || b != want || f.do("PTTL", "k") != g.do("PTTL", "k") || f.do("TTL", "k") == ":-1\r\n" {
			t.Errorf("script %d: %q and %q, want %q; %q and %q left", i, a, b, want, f.do("PTTL", "k"), g.do("PTTL", "k"))
		}
	}
}
