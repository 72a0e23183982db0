package command

import (
	"strings"
	"testing"
)

func TestConditionsOnTheValue(t *testing.T) {
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
			{command: "SET a 1 IFEQ 1 NX", want: noSyn}, {command: "SET a 1 XX IFNE 1", want: noSyn}, {command: "SET a 1 IFNE 1 XX", want: noSyn}, {command: "DELEX a IFEQ", want: noSyn},
			{command: "DELEX a NX 1", want: noSyn}, {command: "DELEX a IFEQ 1 2", want: noSyn}, {command: "DELEX", want: "-ERR wrong number of arguments for 'delex' command\r\n"},
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
