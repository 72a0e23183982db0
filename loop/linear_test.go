package loop

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"covey/client"
)

var linearTime = flag.Duration("linear-time", time.Second, "for how long each part of TestCommandsOfOneNodeAreLinearizable writes")

const (
	linearKeys  = 6  // of a round: few, so that clients meet
	linearRESP  = 8  // connections that speak RESP, each with a pipeline
	linearPipe  = 6  // commands of a pipeline at most
	linearLinks = 2  // connections that speak the binary protocol
	linearEach  = 3  // goroutines that share one of these: a pipeline too
	linearRound = 60 // turns of a client in a round; keys begin anew with the next
)

// historian keeps the history of a round.
type historian struct {
	begin time.Time
	mu    sync.Mutex
	all   []porcupine.Operation
}

func (h *historian) now() int64 { return int64(time.Since(h.begin)) }

// done notes what a client was told.
func (h *historian) done(client int, r request, call int64, reply string) {
	o := porcupine.Operation{ClientId: client, Input: r, Call: call, Output: reply, Return: h.now()}
	h.mu.Lock()
	h.all = append(h.all, o)
	h.mu.Unlock()
}

// TestCommandsOfOneNodeAreLinearizable has clients of both protocols, each with a pipeline, write and read few keys through four
// event loops: there is an order of all commands on a key, each between its call and its return, that explains every reply. Once the
// node is alone, once another is linked, which hears of every write. Nothing expires and nothing is evicted.
func TestCommandsOfOneNodeAreLinearizable(t *testing.T) {
	for _, nodes := range []int{1, 2} {
		t.Run(fmt.Sprint(nodes, " nodes"), func(t *testing.T) {
			discovery := freePort(t)
			cfg := testConfig(t, discovery)
			cfg.Loops = 4
			n := startNode(t, cfg)
			if nodes > 1 {
				other := startNode(t, testConfig(t, discovery))
				eventually(t, "both are linked", func() bool { return other.ready() && len(n.n.mind.Links()) == 1 })
			}
			eventually(t, "ready", n.ready)
			crowd := newCrowd(t, n)
			rounds, commands := 0, 0
			for end := time.Now().Add(*linearTime); rounds < 2 || time.Now().Before(end); rounds++ {
				all := crowd.round(rounds)
				commands += len(all)
				if r := linear(all); r != porcupine.Ok {
					t.Fatalf("round %d: %s\n%v", rounds, r, broken(all))
				}
				if stale := withStaleRead(all); linear(stale) != porcupine.Illegal {
					t.Fatal("a stale read makes no difference")
				}
			}
			if c := n.n.store.Counts(); c.Evictions != 0 || c.Expired != 0 {
				t.Errorf("the histories are of a store that forgets: %+v", c)
			}
			t.Logf("%d commands in %d rounds", commands, rounds)
		})
	}
}

// crowd is the clients of a node.
type crowd struct {
	t      *testing.T
	raw    []*rawClient
	shared []*client.Client
}

func newCrowd(t *testing.T, n *testNode) *crowd {
	c := &crowd{t: t}
	for range linearRESP {
		r := dialRaw(t, n.addr)
		_ = r.SetDeadline(time.Now().Add(*linearTime + time.Minute))
		c.raw = append(c.raw, r)
	}
	for range linearLinks {
		b, err := client.Dial(t.Context(), n.addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = b.Close() })
		c.shared = append(c.shared, b)
	}
	return c
}

// round has all clients take their turns on keys that nobody has used before, and returns what happened.
func (c *crowd) round(number int) []porcupine.Operation {
	h := &historian{begin: time.Now()}
	var all sync.WaitGroup
	for i, raw := range c.raw {
		all.Go(func() { pipelines(raw, h, i, newCaller(number, i, respNames)) })
	}
	for i := range linearLinks * linearEach {
		id := len(c.raw) + i
		all.Go(func() { frames(c.t, c.shared[i/linearEach], h, id, newCaller(number, id, frameNames)) })
	}
	all.Wait()
	if c.t.Failed() {
		c.t.FailNow()
	}
	return h.all
}

var (
	respNames = []string{"GET", "GET", "EXISTS", "STRLEN", "SET", "SET NX", "SETNX", "SET XX", "SET GET", "GETSET", "GETSET", "DEL", "GETDEL",
		"INCR", "INCR", "DECR", "INCRBY", "SET IFEQ", "SET IFEQ", "SET IFEQ", "SET IFNE", "DELEX IFEQ", "DELEX IFNE"}
	frameNames = []string{"GET", "SET", "SET NX", "SET XX", "DEL", "INCRBY"}
)

// caller makes up the requests of one client.
type caller struct {
	r      *rand.Rand
	names  []string
	prefix string
	values int
	client int
	read   map[string]string // what the client read last, by key
}

func newCaller(round, client int, names []string) *caller {
	return &caller{r: rand.New(rand.NewPCG(uint64(round), uint64(client))), names: names, prefix: fmt.Sprint("round", round, ":"), client: client, read: map[string]string{}}
}

// next is a request with a value that nobody else writes: most are numbers, so that INCR finds some.
func (c *caller) next() request {
	c.values++
	value := strconv.Itoa((c.values*100 + c.client) * 1000)
	if c.r.IntN(10) == 0 {
		value = "v" + value
	}
	r := request{name: c.names[c.r.IntN(len(c.names))], key: c.prefix + strconv.Itoa(c.r.IntN(linearKeys)), arg: value}
	if r.name == "INCRBY" {
		r.arg = strconv.Itoa(c.r.IntN(2000) - 1000)
	}
	r.was = c.read[r.key]
	return r
}

// saw notes what a reply tells of the value that a key has, for conditions that are met now and then.
func (c *caller) saw(r request, reply string) {
	switch {
	case r.name == "GET" && reply != null:
		c.read[r.key] = reply
	case r.name[:3] == "SET" && reply == "+OK":
		c.read[r.key] = r.arg
	}
}

// pipelines sends one batch of commands after another, and reads the replies of each.
func pipelines(conn *rawClient, h *historian, id int, c *caller) {
	for range linearRound {
		batch := make([]request, 1+c.r.IntN(linearPipe))
		var b []byte
		for i := range batch {
			batch[i] = c.next()
			b = append(b, respCommand(batch[i].words()...)...)
		}
		call := h.now()
		if _, err := conn.Write(b); err != nil {
			conn.t.Error(err)
			return
		}
		for _, r := range batch {
			line, err := conn.answer()
			if err != nil {
				conn.t.Error(err)
				return
			}
			h.done(id, r, call, line)
			c.saw(r, line)
		}
	}
}

// frames makes one request after another, in the binary protocol.
func frames(t *testing.T, conn *client.Client, h *historian, id int, c *caller) {
	for range 2 * linearRound {
		r := c.next()
		call := h.now()
		reply, err := ask(t, conn, r)
		if err != nil {
			t.Error(err)
			return
		}
		h.done(id, r, call, reply)
	}
}

// ask makes a request and gives the reply as RESP has it.
func ask(t *testing.T, conn *client.Client, r request) (string, error) {
	key, value := []byte(r.key), []byte(r.arg)
	switch r.name {
	case "GET":
		got, err := conn.Get(t.Context(), key)
		if errors.Is(err, client.ErrNotFound) {
			return null, nil
		}
		return string(got), err
	case "DEL":
		existed, err := conn.Delete(t.Context(), key)
		if existed {
			return ":1", err
		}
		return ":0", err
	case "INCRBY":
		delta, _ := strconv.ParseInt(r.arg, 10, 64)
		sum, err := conn.Increment(t.Context(), key, delta, 0)
		if refused := new(client.ServerError); errors.As(err, &refused) {
			return "-ERR " + refused.Text, nil
		}
		return ":" + strconv.FormatInt(sum, 10), err
	}
	err := conn.Set(t.Context(), key, value, client.SetOptions{NX: r.name == "SET NX", XX: r.name == "SET XX"})
	if errors.Is(err, client.ErrCondition) {
		return null, nil
	}
	return "+OK", err
}

// withStaleRead is a history with one reply more: after all is over a client reads a value that the key had before its last one.
func withStaleRead(all []porcupine.Operation) []porcupine.Operation {
	part := oneKey.Partition(all)[0]
	key, last := part[0].Input.(request).key, int64(0)
	for _, o := range part {
		last = max(last, o.Return)
	}
	over := porcupine.Operation{Input: request{name: "SET", key: key, arg: "the last"}, Call: last + 1, Output: "+OK", Return: last + 2}
	stale := porcupine.Operation{Input: request{name: "GET", key: key}, Call: last + 3, Output: "7000", Return: last + 4}
	for _, o := range part {
		if r := o.Input.(request); r.name == "SET" {
			stale.Output = r.arg
		}
	}
	return append(append([]porcupine.Operation(nil), all...), over, stale)
}

// TestTheCheckOfHistoriesRefusesWhatIsNotLinear: by hand, what a cache may get wrong is refused, and the same without the fault is not.
func TestTheCheckOfHistoriesRefusesWhatIsNotLinear(t *testing.T) {
	op := func(call, back int64, name, arg, reply string) porcupine.Operation {
		return porcupine.Operation{Input: request{name: name, key: "k", arg: arg}, Call: call, Output: reply, Return: back}
	}
	compare := func(call, back int64, name, arg, was, reply string) porcupine.Operation {
		o := op(call, back, name, arg, reply)
		o.Input = request{name: name, key: "k", arg: arg, was: was}
		return o
	}
	for _, c := range []struct {
		what        string
		right, slip []porcupine.Operation // the last one of slip takes the place of the last one of right
	}{
		{"a stale read", []porcupine.Operation{op(0, 1, "SET", "a", "+OK"), op(2, 5, "SET", "b", "+OK"), op(6, 7, "GET", "", "b")},
			[]porcupine.Operation{op(6, 7, "GET", "", "a")}},
		{"a read that goes back, during the write", []porcupine.Operation{op(0, 1, "SET", "a", "+OK"), op(2, 9, "SET", "b", "+OK"), op(3, 4, "GET", "", "b"), op(5, 6, "GET", "", "b")},
			[]porcupine.Operation{op(5, 6, "GET", "", "a")}},
		{"two that both were first", []porcupine.Operation{op(0, 9, "SET NX", "a", "+OK"), op(0, 9, "SET NX", "b", null)},
			[]porcupine.Operation{op(0, 9, "SETNX", "b", ":1")}},
		{"an increment that is lost", []porcupine.Operation{op(0, 9, "INCR", "", ":1"), op(0, 9, "INCR", "", ":2")},
			[]porcupine.Operation{op(0, 9, "INCR", "", ":1")}},
		{"a value taken twice", []porcupine.Operation{op(0, 1, "SET", "a", "+OK"), op(2, 9, "GETDEL", "", "a"), op(2, 9, "GETDEL", "", null)},
			[]porcupine.Operation{op(2, 9, "GETDEL", "", "a")}},
		{"a value that two have replaced", []porcupine.Operation{op(0, 1, "SET", "a", "+OK"), op(2, 9, "GETSET", "b", "a"), op(2, 9, "GETSET", "c", "b")},
			[]porcupine.Operation{op(2, 9, "GETSET", "c", "a")}},
		{"a value that two have compared and replaced", []porcupine.Operation{op(0, 1, "SET", "a", "+OK"), compare(2, 9, "SET IFEQ", "b", "a", "+OK"), compare(2, 9, "SET IFEQ", "c", "a", null)},
			[]porcupine.Operation{compare(2, 9, "SET IFEQ", "c", "a", "+OK")}},
		{"a lock released by another", []porcupine.Operation{op(0, 1, "SET", "a", "+OK"), compare(2, 3, "DELEX IFEQ", "", "b", ":0"), op(4, 5, "GET", "", "a")},
			[]porcupine.Operation{op(4, 5, "GET", "", null)}},
		{"a deletion of nothing", []porcupine.Operation{op(0, 1, "SET", "a", "+OK"), op(2, 9, "DEL", "", ":1"), op(2, 9, "DEL", "", ":0")},
			[]porcupine.Operation{op(2, 9, "DEL", "", ":1")}},
	} {
		if r := linear(c.right); r != porcupine.Ok {
			t.Errorf("without %s: %s", c.what, r)
		}
		if r := linear(append(c.right[:len(c.right)-1:len(c.right)-1], c.slip...)); r != porcupine.Illegal {
			t.Errorf("%s: %s", c.what, r)
		}
	}
}

// TestAnIncrementOfTwoCommandsIsRefused: against a real node, two clients that count by GET and SET lose an increment, and the check sees it.
func TestAnIncrementOfTwoCommandsIsRefused(t *testing.T) {
	n := readyNode(t)
	for _, atomic := range []bool{true, false} {
		h := &historian{begin: time.Now()}
		key := fmt.Sprint("count", atomic)
		var read, all sync.WaitGroup
		read.Add(2)
		for i := range 2 {
			c := dialRaw(t, n.addr)
			all.Go(func() {
				call := h.now()
				reply := ""
				if atomic {
					reply, _ = c.answerTo("INCR", key)
				} else {
					was, _ := c.answerTo("GET", key)
					read.Done()
					read.Wait()
					sum, _ := strconv.Atoi(was)
					_, _ = c.answerTo("SET", key, strconv.Itoa(sum+1))
					reply = ":" + strconv.Itoa(sum+1)
				}
				h.done(i, request{name: "INCR", key: key}, call, reply)
			})
		}
		all.Wait()
		if want := map[bool]porcupine.CheckResult{true: porcupine.Ok, false: porcupine.Illegal}[atomic]; linear(h.all) != want {
			t.Errorf("one command %v: not %s: %v", atomic, want, h.all)
		}
	}
}
