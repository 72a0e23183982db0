package loop

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"runtime/metrics"
	"testing"

	"covey/codec"
)

// heapAllocs is the count of heap objects allocated since the process started.
func heapAllocs() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:objects"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// TestFromSocketToSocketNothingIsAllocated drives a node, with a peer that takes every write, by a
// client that allocates nothing itself, and counts what the whole process allocates meanwhile.
func TestFromSocketToSocketNothingIsAllocated(t *testing.T) {
	t.Run("open", func(t *testing.T) { countAllocations(t) })
	t.Run("keyed", func(t *testing.T) { countAllocations(t, 1) })
}

// countAllocations does so with a secret, or without.
func countAllocations(t *testing.T, secret ...byte) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	discovery := freePort(t)
	start := func() *testNode { return startNode(t, testConfig(t, discovery)) }
	if len(secret) > 0 {
		start = func() *testNode { return startKeyed(t, discovery, secret...) }
	}
	a, b := start(), start()
	eventually(t, "ready and linked", func() bool { return a.ready() && b.ready() && len(a.n.mind.Links()) == 1 })

	const keys, rounds = 64, 300
	value := bytes.Repeat([]byte("v"), 64)
	var sets, gets, setFrames, getFrames []byte
	for i := range keys {
		k := []byte(fmt.Sprintf("key-%03d", i))
		sets = append(sets, respCommand("SET", string(k), string(value))...)
		gets = append(gets, respCommand("GET", string(k))...)
		setFrames = codec.AppendSetValue(setFrames, uint32(i), codec.SetValue{Key: k, Value: value})
		getFrames = codec.AppendGetValue(getFrames, uint32(i), codec.GetValue{Key: k})
	}
	responses := func(status codec.Status, v []byte) int {
		return keys * len(codec.AppendValueResponse(nil, 1, codec.ValueResponse{Status: status, Value: v}))
	}
	for _, c := range []struct {
		name    string
		request []byte
		reply   int // bytes
	}{
		{"RESP SET", sets, keys * len("+OK\r\n")},
		{"RESP GET", gets, keys * (len("$64\r\n\r\n") + 64)},
		{"binary SET", setFrames, responses(codec.StatusOK, nil)},
		{"binary GET", getFrames, responses(codec.StatusOK, value)},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn, err := net.Dial("tcp4", a.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if len(secret) > 0 {
				enter(t, conn, c.request[0] == codec.Magic)
			}
			reply := make([]byte, c.reply)
			round := func() {
				if _, err := conn.Write(c.request); err != nil {
					t.Fatal(err)
				}
				if _, err := io.ReadFull(conn, reply); err != nil {
					t.Fatal(err)
				}
			}
			for range 50 {
				round() // buffers reach their size
			}
			// The least of several batches: on a busy machine the ticker and the heartbeats allocate meanwhile.
			per := 1.0
			for range 5 {
				before := heapAllocs()
				for range rounds / 3 {
					round()
				}
				per = min(per, float64(heapAllocs()-before)/(keys*(rounds/3)))
			}
			t.Logf("%.4f allocations an operation", per)
			if per > 0.01 {
				t.Errorf("%.4f allocations an operation, want at most 0.01", per)
			}
		})
	}
}

// enter authenticates a client of either protocol under secret 1.
func enter(t *testing.T, conn net.Conn, binary bool) {
	t.Helper()
	request, reply := respCommand("AUTH", secretText(t, 1)), []byte("+OK\r\n")
	if binary {
		request = codec.AppendAuth(nil, 1, codec.Auth{Password: []byte(secretText(t, 1))})
		reply = codec.AppendValueResponse(nil, 1, codec.ValueResponse{Status: codec.StatusOK})
	}
	if _, err := conn.Write(request); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(reply))
	if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, reply) {
		t.Fatalf("authentication is answered %q, %v", got, err)
	}
}
