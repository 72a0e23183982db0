package loop

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"net"
	"runtime/metrics"
	"testing"

	"covey/codec"
)

var operations = flag.Int("operations", 32_000, "how many operations of each kind TestFromSocketToSocketNothingIsAllocated counts in")

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

	const keys, batches = 64, 5
	rounds := *operations / keys / batches // of one batch
	value := bytes.Repeat([]byte("v"), 64)
	var sets, gets, setsAndDels, incrs, expires, mgets, setFrames, getFrames []byte
	many := []string{"MGET"}
	for i := range 16 {
		many = append(many, fmt.Sprintf("key-%03d", i))
	}
	for i := range keys {
		k := []byte(fmt.Sprintf("key-%03d", i))
		sets = append(sets, respCommand("SET", string(k), string(value))...)
		gets = append(gets, respCommand("GET", string(k))...)
		setsAndDels = append(setsAndDels, respCommand("SET", "gone", string(value))...)
		setsAndDels = append(setsAndDels, respCommand("DEL", "gone")...)
		incrs = append(incrs, respCommand("INCRBY", "count", "0")...)
		expires = append(expires, respCommand("EXPIRE", string(k), "1000")...)
		mgets = append(mgets, respCommand(many...)...)
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
		{"RESP SET and DEL", setsAndDels, keys * len("+OK\r\n:1\r\n")},
		{"RESP INCRBY", incrs, keys * len(":0\r\n")},
		{"RESP EXPIRE", expires, keys * len(":1\r\n")},
		{"RESP MGET of 16", mgets, keys * (len("*16\r\n") + 16*(len("$64\r\n\r\n")+64))},
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
			for range batches {
				before := heapAllocs()
				for range rounds {
					round()
				}
				per = min(per, float64(heapAllocs()-before)/float64(keys*rounds))
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
