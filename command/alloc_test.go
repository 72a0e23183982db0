package command

import (
	"fmt"
	"strings"
	"testing"

	"covey/codec"
	"covey/internal/harness"
)

// From the parsed command to the reply and the encoded update nothing is allocated.
func TestCommandsDoNotAllocate(t *testing.T) {
	if harness.Race {
		t.Skip("the race detector allocates")
	}
	f := newFixture(t)
	value := strings.Repeat("v", 100)
	mget := []string{"MGET"}
	for i := range 16 {
		key := fmt.Sprint("key:", i)
		f.do("SET", key, value)
		mget = append(mget, key)
	}
	f.do("SET", "n", "1")
	f.do("SET", "large", strings.Repeat("v", 5<<20)) // more than the scratch that is kept
	f.endTurn(t)
	out := make([]byte, 0, 64<<10)
	for _, c := range [][]string{
		{"GET", "key:3"}, {"get", "none"}, {"SET", "key:4", value}, {"SET", "key:4", value, "EX", "100"}, {"SET", "key:4", value, "GET"}, {"SET", "key:4", value, "IFEQ", value}, {"DELEX", "key:4", "IFNE", value},
		{"DEL", "none"}, {"INCR", "n"}, {"INCRBY", "n", "17"}, {"EXPIRE", "key:5", "100"}, {"PERSIST", "key:5"}, {"TTL", "key:5"}, {"EXISTS", "key:5"}, mget,
		{"MSET", "key:1", "a", "key:2", "b"}, {"PING"}, {"TIME"}, {"SETNX", "key:1", "x"}, {"GETSET", "key:1", "x"},
		{"GETEX", "key:5", "EX", "100"}, {"GETEX", "key:5", "PERSIST"}, {"GETRANGE", "key:5", "1", "5"}, {"GETRANGE", "large", "5000000", "5000100"}, {"SUBSTR", "large", "-1", "-1"}, {"TOUCH", "key:5"}, {"EXPIRETIME", "key:5"},
		{"APPEND", "key:6", "x"}, {"SETRANGE", "key:6", "3", "x"},
	} {
		args := make([][]byte, len(c))
		for i, a := range c {
			args[i] = []byte(a)
		}
		parsed := make([][]byte, len(args))
		if got := testing.AllocsPerRun(500, func() {
			copy(parsed, args)
			if reply, _ := f.RESP(f.client, parsed, out[:0]); len(reply) == 0 {
				t.Fatal("no reply")
			}
			f.Stage.Reset()
		}); got != 0 {
			t.Errorf("%.40v: %v allocations, want 0", c, got)
		}
	}
}

// A DEL needs a key to delete: it takes turns with the SET of one.
func TestSetAndDelDoNotAllocate(t *testing.T) {
	if harness.Race {
		t.Skip("the race detector allocates")
	}
	f := newFixture(t)
	set := [][]byte{[]byte("SET"), []byte("key"), []byte("some value")}
	del := [][]byte{[]byte("DEL"), []byte("key")}
	out := make([]byte, 0, 1024)
	parsed := make([][]byte, 3)
	if got := testing.AllocsPerRun(500, func() {
		reply, _ := f.RESP(f.client, parsed[:copy(parsed, set)], out[:0])
		reply, _ = f.RESP(f.client, parsed[:copy(parsed, del)], reply)
		if string(reply) != "+OK\r\n:1\r\n" {
			t.Fatalf("%q", reply)
		}
		f.Stage.Reset()
	}); got != 0 {
		t.Errorf("%v allocations, want 0", got)
	}
}

func TestFramesDoNotAllocate(t *testing.T) {
	if harness.Race {
		t.Skip("the race detector allocates")
	}
	f := newFixture(t)
	out := make([]byte, 0, 1024)
	for _, frame := range [][]byte{setFrame("a", "1", 0, 1000), getFrame("a"), getFrame("none"), deleteFrame("none"), incrementFrame("n", 1, 1000), expireFrame("a", 1000), expireFrame("a", 0), ttlFrame("a")} {
		h, _, err := codec.DecodeHeader(frame)
		if err != nil {
			t.Fatal(err)
		}
		if got := testing.AllocsPerRun(500, func() {
			if reply, v := f.Frame(f.client, h, frame[codec.HeaderLen:], out[:0]); len(reply) == 0 || v != Done {
				t.Fatal("no reply")
			}
			f.Stage.Reset()
		}); got != 0 {
			t.Errorf("%s: %v allocations, want 0", h.Kind, got)
		}
	}
}
