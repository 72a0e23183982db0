package loop

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"net"
	"runtime"
	"runtime/metrics"
	"testing"

	"covey/codec"
	"covey/internal/harness"
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
	if harness.Race {
		t.Skip("the race detector allocates")
	}
	a, b := lingering(t, secret...)
	eventually(t, "ready and linked", func() bool { return a.ready() && b.ready() && len(a.n.mind.Links()) == 1 })

	const keys = 64
	rounds := *operations/keys + 1
	value := bytes.Repeat([]byte("v"), 64)
	var sets, gets, setsAndDels, incrs, expires, mgets, setFrames, getFrames, setAndDelFrames, incrementFrames, expireFrames, ttlFrames []byte
	const counted = "1000000000" // at first: the replies of a counter have one length all the while
	first := dialRaw(t, a.addr)
	if len(secret) > 0 {
		enter(t, first, false)
	}
	if got := first.do("SET", "count", counted); got != "+OK" {
		t.Fatalf("SET is answered %q", got)
	}
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
		incrs = append(incrs, respCommand("INCR", "count")...)
		expires = append(expires, respCommand("EXPIRE", string(k), "1000")...)
		mgets = append(mgets, respCommand(many...)...)
		setFrames = codec.AppendSetValue(setFrames, uint32(i), codec.SetValue{Key: k, Value: value})
		incrementFrames = codec.AppendIncrement(incrementFrames, uint32(i), codec.Increment{Delta: 1, TTL: 1 << 40, Key: []byte("frames")})
		expireFrames = codec.AppendExpire(expireFrames, uint32(i), codec.Expire{TTL: 1 << 40, Key: k})
		ttlFrames = codec.AppendTimeToLive(ttlFrames, uint32(i), codec.TimeToLive{Key: k})
		getFrames = codec.AppendGetValue(getFrames, uint32(i), codec.GetValue{Key: k})
		setAndDelFrames = codec.AppendSetValue(setAndDelFrames, uint32(i), codec.SetValue{Key: []byte("gone"), Value: value})
		setAndDelFrames = codec.AppendDelete(setAndDelFrames, uint32(i), codec.Delete{Key: []byte("gone")})
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
		{"RESP INCR", incrs, keys * len(":"+counted+"\r\n")},
		{"RESP EXPIRE", expires, keys * len(":1\r\n")},
		{"RESP MGET of 16", mgets, keys * (len("*16\r\n") + 16*(len("$64\r\n\r\n")+64))},
		{"binary SET", setFrames, responses(codec.StatusOK, nil)},
		{"binary GET", getFrames, responses(codec.StatusOK, value)},
		{"binary SET and DEL", setAndDelFrames, 2 * responses(codec.StatusOK, nil)},
		{"binary Increment", incrementFrames, responses(codec.StatusOK, make([]byte, 8))},
		{"binary Expire", expireFrames, responses(codec.StatusOK, nil)},
		{"binary TimeToLive", ttlFrames, responses(codec.StatusOK, make([]byte, 8))},
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
			atMostOneIn100(t, keys*rounds, func() {
				for range rounds {
					round()
				}
			})
		})
	}
}

// lingering starts two nodes that linger, as one does that is all of a process. The scheduler has a processor for each of their
// loops meanwhile, and as many for the test.
func lingering(t *testing.T, secret ...byte) (a, b *testNode) {
	cfg := testConfig(t, freePort(t))
	cfg.Linger = true
	if len(secret) > 0 {
		cfg.Secrets = secretsOf(t, secret...)
	}
	was := runtime.GOMAXPROCS(4 * cfg.Loops)
	t.Cleanup(func() { runtime.GOMAXPROCS(was) })
	other := cfg
	other.Listen = testConfig(t, cfg.DiscoveryPort).Listen
	return startNode(t, cfg), startNode(t, other)
}

// atMostOneIn100 counts what the process allocates in n operations. Where they are few, what the ticker, the collector and the
// runtime allocate beside them would count: they have some tries then.
func atMostOneIn100(t *testing.T, n int, run func()) {
	t.Helper()
	const tries, most = 5, 0.01
	per := 0.0
	for range tries {
		before := heapAllocs()
		run()
		if per = float64(heapAllocs()-before) / float64(n); per <= most {
			t.Logf("%.6f allocations an operation, of %d", per, n)
			return
		}
	}
	t.Errorf("%.4f allocations an operation, of %d, want at most %v", per, n, most)
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
