package codec

import (
	"bytes"
	"fmt"
	"testing"
)

// A write with a large value is found as soon as the value's head has come, from no fewer bytes, and its stub is the same write
// with an empty value.
func TestALargeWriteIsFoundByItsHead(t *testing.T) {
	value := bytes.Repeat([]byte("v"), RefValue+1)
	resp := func(args ...string) []byte { return AppendCommand(nil, args...) }
	set := func(m SetValue) []byte { return AppendSetValue(nil, 77, m) }
	for _, c := range []struct {
		name        string
		find        func([]byte) (Large, bool)
		whole, stub []byte
	}{
		{"SET", LargeSet, resp("SET", "key", string(value)), resp("SET", "key", "")},
		{"options", LargeSet, resp("sEt", "key", string(value), "EX", "10"), resp("sEt", "key", "", "EX", "10")},
		{"SETNX", LargeSet, resp("setnx", "key", string(value)), resp("setnx", "key", "")},
		{"GETSET", LargeSet, resp("GETSET", "key", string(value)), resp("GETSET", "key", "")},
		{"SETEX", LargeSet, resp("SetEx", "key", "100", string(value)), resp("SetEx", "key", "100", "")},
		{"PSETEX", LargeSet, resp("PSETEX", "key", "", string(value)), resp("PSETEX", "key", "", "")},
		{"MSET", LargeSet, resp("MSET", "key", string(value)), resp("MSET", "key", "")},
		{"long key", LargeSet, resp("set", string(value[:MaxKey]), string(value)), resp("set", string(value[:MaxKey]), "")},
		{"SetValue", LargeSetValue, set(SetValue{Flags: SetNX, TTL: 9, Key: []byte("key"), Value: value}), set(SetValue{Flags: SetNX, TTL: 9, Key: []byte("key")})},
	} {
		from := bytes.Index(c.whole, value)
		if c.name == "long key" {
			from = len(c.whole) - len(value) - 2
		}
		for n := range from {
			if n > 40 && n < from-40 {
				continue
			}
			if m, ok := c.find(c.whole[:n]); ok {
				t.Fatalf("%s: found in %d of %d bytes: %+v", c.name, n, from, m)
			}
		}
		m, ok := c.find(c.whole[:from])
		if !ok || m.From != from || m.Size != len(value) || len(m.Key) == 0 {
			t.Fatalf("%s: %t, from %d, size %d", c.name, ok, m.From, m.Size)
		}
		got := append(m.Stub(bytes.Clone(c.whole[:from])), c.whole[from+len(value):]...)
		if !bytes.Equal(got, c.stub) {
			t.Errorf("%s: the stub is %.60q, want %.60q", c.name, got, c.stub)
		}
	}
}

func TestOtherWritesAreNotFound(t *testing.T) {
	for _, in := range []string{
		"", "*", "*3\r\n", "SET key value\r\n", "*3\r\n$3\r\nGET\r\n$1\r\nk\r\n$70000\r\n", "*2\r\n$3\r\nSET\r\n$5\r\n70000\r\n",
		fmt.Sprintf("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n", RefValue), fmt.Sprintf("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n", MaxValue+1),
		"*3\r\n$3\r\nSET\r\n$0\r\n\r\n$70000\r\n", "*3\r\n$3\r\nSET\r\n$-1\r\n$70000\r\n", "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n:70000\r\n",
		"*3\r\n$3\r\nSET\r\n$70000\r\n", "*4\r\n$5\r\nSETEX\r\n$1\r\nk\r\n$70000\r\n", "*4\r\n$5\r\nSETEX\r\n$1\r\nk\r\n$2\r\n10\r\n", "*4\r\n$7\r\nPSETEX2\r\n$1\r\nk\r\n$1\r\n1\r\n$70000\r\n",
		"*5\r\n$4\r\nMSET\r\n$1\r\nk\r\n$70000\r\n", "*3\r\n$6\r\nAPPEND\r\n$1\r\nk\r\n$70000\r\n", "*x\r\n", "*3\r\n$x\r\n",
	} {
		if m, ok := LargeSet([]byte(in)); ok {
			t.Errorf("%q: %+v", in, m)
		}
	}
	for _, m := range []SetValue{{Key: []byte("k"), Value: make([]byte, RefValue)}, {Value: make([]byte, RefValue+1)}} {
		if m, ok := LargeSetValue(AppendSetValue(nil, 1, m)); ok {
			t.Errorf("%+v", m)
		}
	}
	if _, ok := LargeSetValue(AppendGetValue(nil, 1, GetValue{Key: make([]byte, MaxKey)})); ok {
		t.Error("a GetValue")
	}
}

// Whatever comes, what is found lies within what came.
func FuzzLarge(f *testing.F) {
	f.Add([]byte("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$70000\r\n"))
	f.Add([]byte("*4\r\n$5\r\nSETEX\r\n$1\r\nk\r\n$1\r\n9\r\n$70000\r\n"))
	f.Add(AppendSetValue(nil, 1, SetValue{Key: []byte("k"), Value: make([]byte, RefValue+1)})[:HeaderLen+setValueFixed+1])
	f.Fuzz(func(t *testing.T, in []byte) {
		for _, find := range []func([]byte) (Large, bool){LargeSet, LargeSetValue} {
			m, ok := find(in)
			if !ok {
				continue
			}
			if m.From > len(in) || m.Size <= RefValue || m.Size > MaxValue || len(m.Key) == 0 || len(m.Key) > MaxKey {
				t.Fatalf("%q: %+v", in, m)
			}
			if stub := m.Stub(bytes.Clone(in[:m.From])); len(stub) > m.From {
				t.Fatalf("%q became longer: %q", in, stub)
			}
		}
	})
}
