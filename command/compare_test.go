package command

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestConditionsOnTheValue(t *testing.T) {
	const noWords = "-ERR wrong number of arguments for 'delex' command\r\n"
	for _, c := range []struct {
		name  string
		steps []step
	}{
		{"set", []step{{command: "SET a 1 IFEQ 0", want: null}, {command: "EXISTS a", want: zero}, {command: "SET a 1 IFNE 0", want: ok}, {command: "SET a 2 IFNE 1", want: null},
			{command: "SET a 2 IFEQ 2", want: null}, {command: "SET a 2 ifeq 1", want: ok}, {command: "GET a", want: bulk("2")}, {command: "SET a 3 IFEQ 2 GET", want: bulk("2")},
			{command: "SET a 4 IFEQ 2 GET", want: bulk("3")}, {command: "SET a 4 GET IFNE 3", want: bulk("3")}, {command: "GET a", want: bulk("3")}, {command: "SET none 1 IFEQ 1 GET", want: null},
			{command: "SET none 1 IFNE 1 GET", want: null}, {command: "GET none", want: bulk("1")}, {command: "SET a '' IFEQ 3", want: ok}, {command: "SET a x IFEQ ''", want: ok}}},
		{"set with an expiry", []step{{command: "SET a 1 EX 10", want: ok}, {command: "SET a 2 IFEQ 1 KEEPTTL", want: ok}, {command: "PTTL a", want: ":10000\r\n"}, {command: "SET a 3 EX 20 IFEQ 2", want: ok},
			{command: "PTTL a", want: ":20000\r\n"}, {command: "SET a 4 EX 5 IFEQ 2", want: null}, {command: "PTTL a", want: ":20000\r\n"}, {after: 20000, command: "SET a 4 IFEQ 3", want: null},
			{command: "SET a 4 IFNE 3", want: ok}, {command: "PTTL a", want: ":-1\r\n"}, {command: "SET a 5 EX 0 IFEQ 4", want: "-ERR invalid expire time in 'set' command\r\n"}}},
		{"syntax", []step{{command: "SET a 1 IFEQ", want: noSyn}, {command: "SET a 1 IFEQ 1 IFEQ 1", want: noSyn}, {command: "SET a 1 IFEQ 1 IFNE 2", want: noSyn}, {command: "SET a 1 NX IFEQ 1", want: noSyn},
			{command: "SET a 1 IFEQ 1 NX", want: noSyn}, {command: "SET a 1 XX IFNE 1", want: noSyn}, {command: "SET a 1 IFNE 1 XX", want: noSyn}, {command: "DELEX a IFEQ", want: noWords},
			{command: "DELEX a NX 1", want: noSyn}, {command: "DELEX a IFEQ 1 2", want: noWords}, {command: "DELEX", want: noWords},
			{command: "DELIFEQ a", want: "-ERR wrong number of arguments for 'delifeq' command\r\n"}, {command: "EXISTS a", want: zero}}},
		{"delete", []step{{command: "DELEX a", want: zero}, {command: "DELEX a IFEQ 1", want: zero}, {command: "DELEX a IFNE 1", want: zero}, {command: "SET a 1", want: ok}, {command: "DELEX a IFEQ 2", want: zero},
			{command: "DELEX a IFNE 1", want: zero}, {command: "GET a", want: bulk("1")}, {command: "DELEX a ifeq 1", want: one1}, {command: "GET a", want: null}, {command: "SET a 1", want: ok},
			{command: "DELEX a IFNE 2", want: one1}, {command: "SET a 1", want: ok}, {command: "DELEX a", want: one1}, {command: "SET a 1", want: ok}, {command: "DELIFEQ a 2", want: zero}, {command: "DELIFEQ a 1", want: one1},
			{command: "EXISTS a", want: zero}, {command: "SET a 1 PX 5", want: ok}, {after: 5, command: "DELIFEQ a 1", want: zero}}},
		{"counters are compared as they are read", []step{{command: "INCRBY n 41", want: ":41\r\n"}, {command: "SET n 7 IFEQ 041", want: null}, {command: "DELEX n IFEQ 4", want: zero}, {command: "SET n 7 IFEQ 41", want: ok},
			{command: "INCR n", want: ":8\r\n"}, {command: "DELIFEQ n 8", want: one1}}},
		{"a lock", []step{{command: "SET lock mine NX PX 1000", want: ok}, {command: "SET lock theirs NX PX 1000", want: null}, {command: "DELEX lock IFEQ theirs", want: zero},
			{command: "DELEX lock IFEQ mine", want: one1}, {command: "SET lock theirs NX PX 1000", want: ok}, {command: "DELEX lock IFEQ mine", want: zero}}},
	} {
		t.Run(c.name, func(t *testing.T) { runSteps(t, newFixture(t), c.steps) })
	}
}

// A value that lies in pages is compared to its last byte.
func TestAConditionOnALargeValue(t *testing.T) {
	f := newFixture(t)
	value := strings.Repeat("v", 1<<20)
	other := value[1:] + "w"
	f.do("SET", "a", value)
	for _, c := range []struct {
		want string
		args []string
	}{
		{zero, []string{"DELEX", "a", "IFEQ", other}}, {zero, []string{"DELEX", "a", "IFNE", value}}, {null, []string{"SET", "a", other, "IFEQ", other}},
		{ok, []string{"SET", "a", other, "IFEQ", value}}, {zero, []string{"DELIFEQ", "a", value}}, {one1, []string{"DELIFEQ", "a", other}},
	} {
		if got := f.do(c.args...); got != c.want {
			t.Errorf("%.20q: %q, want %q", c.args, got, c.want)
		}
	}
}

// The condition of SET and DELEX as a script for a Redis that has none: KEYS[1], the condition, what it compares with, the new value and
// SET's further options; no new value: the key is to be deleted.
const compareScript = `local was, met = redis.call('GET', KEYS[1]), false
if ARGV[1] == 'IFEQ' then met = was == ARGV[2] else met = was ~= ARGV[2] end
if ARGV[3] == nil then
  if was and met then return redis.call('DEL', KEYS[1]) end
  return 0
end
local set, get = {'SET', KEYS[1], ARGV[3]}, false
for i = 4, #ARGV do if ARGV[i] == 'GET' then get = true else table.insert(set, ARGV[i]) end end
if met then redis.call(unpack(set)) end
if get then return was end
if met then return {ok = 'OK'} end
return false`

// TestOracleRandomConditions compares conditions on the value with a script of redis-server that does the same.
func TestOracleRandomConditions(t *testing.T) {
	t.Logf("repeat with -oracle.seed=%d", *oracleSeed)
	forBothProtocols(t, func(t *testing.T, p *pair) {
		g := &generator{Rand: rand.New(rand.NewPCG(*oracleSeed, 8)), base: time.Now().Unix()}
		value := func() string { return g.pick("", "1", "2", "10", "a", "A", "\x00\r\n", strings.Repeat("v", 70_000)) }
		for i := 0; i < often(6_000) && !t.Failed(); i++ {
			key, cond, other := g.key(), g.pick("IFEQ", "IFNE"), value()
			mine, theirs := []string{"DELEX", key, cond, other}, []string{"EVAL", compareScript, "1", key, cond, other}
			switch g.IntN(8) {
			case 0, 1:
				p.same("INCRBY", key, g.pick("1", "9", "-1"))
			case 2:
				if cond == "IFEQ" {
					mine = []string{"DELIFEQ", key, other}
				}
			case 3:
			default:
				options := slices.Concat([][]string{{"GET"}, {"KEEPTTL"}}[:g.IntN(3)], [][]string{{"EX", fmt.Sprint(g.seconds())}}[:g.IntN(2)])
				if len(options) == 3 { // KEEPTTL and EX exclude each other
					options = options[:1]
				}
				set := value()
				theirs = slices.Concat(theirs, []string{set}, slices.Concat(options...))
				options = append(options, []string{g.pick(cond, strings.ToLower(cond)), other})
				g.Shuffle(len(options), func(i, j int) { options[i], options[j] = options[j], options[i] })
				mine = slices.Concat([]string{"SET", key, set}, slices.Concat(options...))
			}
			p.mine.Now = uint64(time.Now().UnixMilli())
			p.mine.host.wall = p.mine.Now * 1000
			if want, got := p.theirs(theirs...), p.mine.do(mine...); want != got {
				t.Errorf("%.200q:\n redis %.300q\n covey %.300q", mine, want, got)
			}
			p.mine.endTurn(t)
			p.same("TTL", key)
		}
	})
}
