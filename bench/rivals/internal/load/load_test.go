package load

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"covey/codec"
)

// fake answers RESP requests: a SET with +OK, a GET with what get says.
type fake struct {
	addr       string
	gets, sets atomic.Int64
	get        string
	stall      func(n int64) // before the n-th reply
}

func serve(t *testing.T, f *fake) *fake {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	f.addr = ln.Addr().String()
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go f.answer(conn)
		}
	}()
	return f
}

func (f *fake) answer(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	for {
		var words []string
		var n int
		if _, err := fmt.Fscanf(in, "*%d\r\n", &n); err != nil {
			return
		}
		for range n {
			var length int
			if _, err := fmt.Fscanf(in, "$%d\r\n", &length); err != nil {
				return
			}
			word := make([]byte, length+2)
			if _, err := io.ReadFull(in, word); err != nil {
				return
			}
			words = append(words, string(word[:length]))
		}
		reply := "+OK\r\n"
		if words[0] == "GET" {
			f.gets.Add(1)
			reply = f.get
		} else {
			f.sets.Add(1)
		}
		if f.stall != nil {
			f.stall(f.gets.Load() + f.sets.Load())
		}
		if _, err := io.WriteString(conn, reply); err != nil {
			return
		}
	}
}

func plan(addr string, change func(*Group)) *Plan {
	g := Group{Name: "test", Addr: addr, Wire: "resp", Connections: 3, Pipeline: 4, Sets: 50, ValueBytes: 8, Keys: 100}
	change(&g)
	return &Plan{Groups: []Group{g}, Warm: 20 * time.Millisecond, Window: 100 * time.Millisecond, Pids: []int{os.Getpid()}, Seed: 1}
}

const goodValue = "$8\r\nxxxxxxxx\r\n"

func TestRequestsAreCountedWithinTheWindow(t *testing.T) {
	f := serve(t, &fake{get: goodValue})
	r, err := drive(plan(f.addr, func(*Group) {}))
	if err != nil {
		t.Fatal(err)
	}
	g, all := r.Groups[0], f.gets.Load()+f.sets.Load()
	if g.Requests == 0 || g.Requests >= all {
		t.Errorf("%d requests counted of %d, some of which were before the window", g.Requests, all)
	}
	if sets := float64(f.sets.Load()) / float64(all); all > 500 && (sets < 0.4 || sets > 0.6) {
		t.Errorf("%.2f of the requests were sets, not a half", sets)
	}
	if r.Seconds < 0.1 || r.CPU() <= 0 || r.Generator <= 0 || r.RSS[0] <= 0 || g.P50 <= 0 || g.P50 > g.P999 || g.P999 > g.Max {
		t.Errorf("figures that cannot be: %+v", r)
	}
}

func TestAFillSetsEveryKeyOnce(t *testing.T) {
	f := serve(t, &fake{get: goodValue})
	if _, err := drive(plan(f.addr, func(g *Group) { g.Fill, g.Keys = true, 1001 })); err != nil {
		t.Fatal(err)
	}
	if f.sets.Load() != 1001 || f.gets.Load() != 0 {
		t.Errorf("%d sets and %d gets for 1001 keys", f.sets.Load(), f.gets.Load())
	}
}

func TestAWrongReplyEndsTheRun(t *testing.T) {
	for _, reply := range []string{"-ERR no\r\n", "$8\r\nxxxxxxxy\r\n", "$9\r\nxxxxxxxxx\r\n", goodValue + goodValue} {
		f := serve(t, &fake{get: reply})
		if r, err := drive(plan(f.addr, func(g *Group) { g.Sets = 0 })); err == nil {
			t.Errorf("%q is accepted: %+v", reply, r)
		}
	}
}

func TestMissesAreCounted(t *testing.T) {
	f := serve(t, &fake{get: "$-1\r\n"})
	r, err := drive(plan(f.addr, func(g *Group) { g.Sets = 0 }))
	if err != nil {
		t.Fatal(err)
	}
	if g := r.Groups[0]; g.Misses != g.Requests || g.Requests == 0 {
		t.Errorf("%d misses of %d requests, all of which missed", g.Misses, g.Requests)
	}
}

// A server that stands still once makes all wait that came meanwhile, although only one request was with it.
func TestARateCountsWhatHadToWait(t *testing.T) {
	const stall = 60 * time.Millisecond
	f := serve(t, &fake{get: goodValue, stall: func(n int64) {
		if n == 30 {
			<-time.After(stall)
		}
	}})
	r, err := drive(plan(f.addr, func(g *Group) { g.Connections, g.Pipeline, g.Rate = 1, 1, 1000 }))
	if err != nil {
		t.Fatal(err)
	}
	if g := r.Groups[0]; g.P50 < 5_000 {
		t.Errorf("p50 is %v us: a third of the requests came while the server stood still for %v, and the rest right after", g.P50, stall)
	}
}

func TestIdleConnectionsSayOneThing(t *testing.T) {
	f := serve(t, &fake{get: goodValue})
	p := plan(f.addr, func(*Group) {})
	idle := p.Groups[0]
	idle.Idle, idle.Connections = true, 20
	p.Groups = append(p.Groups, idle)
	r, err := drive(p)
	if err != nil {
		t.Fatal(err)
	}
	if r.Groups[0].Requests == 0 || r.Groups[1].Requests != 0 {
		t.Errorf("figures of the busy and of the idle: %+v", r.Groups)
	}
}

// Every protocol's replies are found at every place where a read may end.
func TestRepliesMayBeCutAnywhere(t *testing.T) {
	const value = 5000 // longer than what is compared
	for _, name := range []string{"resp", "memcached", "frames"} {
		for _, length := range []int{3, value} {
			w, err := newWire(name, length)
			if err != nil {
				t.Fatal(err)
			}
			whole := bytes.Repeat([]byte{'x'}, length)
			reply := map[string]string{
				"resp": fmt.Sprintf("$%d\r\n%s\r\n", length, whole), "memcached": fmt.Sprintf("VA %d\r\n%s\r\n", length, whole),
				"frames": string(codec.AppendValueResponse(nil, 0, codec.ValueResponse{Status: codec.StatusOK, Value: whole})),
			}[name]
			text := string(w.stored) + reply + string(w.miss) + reply
			for cut := range text {
				s := &session{group: &group{Group: &Group{}, wire: w}, due: 4}
				first, misses, err := s.take([]byte(text[:cut]))
				if err != nil {
					t.Fatalf("%s cut at %d: %v", name, cut, err)
				}
				second, more, err := s.take(append(s.rest, text[cut:]...))
				if err != nil || first+second != 4 || misses+more != 1 || s.due != 0 {
					t.Fatalf("%s cut at %d: %d replies, %d misses, %v", name, cut, first+second, misses+more, err)
				}
			}
		}
	}
}

func TestTheHistogramIsExactToOneInAHundred(t *testing.T) {
	var h histogram
	for n := int64(1); n <= 100_000; n++ {
		h.add(n*37, 1)
	}
	for _, q := range []float64{1, 50, 99, 99.9, 100} {
		want := q / 100 * 100_000 * 37
		if got := float64(h.quantile(q)); got < 0.99*want || got > 1.01*want {
			t.Errorf("quantile %v is %v, not %v", q, got, want)
		}
	}
	for _, ns := range []int64{0, 1, 127, 128, 255, 256, 1000, 1 << 36, 1<<topBits - 1} {
		if top(bucket(ns)) < ns || bucket(top(bucket(ns))) != bucket(ns) {
			t.Errorf("%d is in bucket %d, whose largest is %d", ns, bucket(ns), top(bucket(ns)))
		}
	}
}

func TestPlansAreChecked(t *testing.T) {
	for _, change := range []func(*Group){
		func(g *Group) { g.Connections = 0 }, func(g *Group) { g.Connections = MaxConnections + 1 }, func(g *Group) { g.Pipeline = MaxPipeline + 1 },
		func(g *Group) { g.Sets = 101 }, func(g *Group) { g.ValueBytes = 0 }, func(g *Group) { g.Keys = 0 }, func(g *Group) { g.First = -1 },
		func(g *Group) { g.Rate = 10 }, func(g *Group) { g.Wire = "http" },
	} {
		p := plan("127.0.0.1:1", change)
		if err := p.Check(); err == nil {
			t.Errorf("%+v is accepted", p.Groups[0])
		}
	}
	if _, err := drive(plan("localhost:1", func(*Group) {})); err == nil || !strings.Contains(err.Error(), "IPv4") {
		t.Errorf("a name for an address: %v", err)
	}
}
