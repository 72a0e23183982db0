package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// load writes count entries of 100 bytes each to the node of the host; entry(i) is what the i-th is.
func load(t *testing.T, h *Host, count int) {
	t.Helper()
	c := redisClient(t, h)
	const batch = 1000
	for i := 0; i < count; i += batch {
		pairs := make([]any, 0, 2*batch)
		for j := i; j < min(i+batch, count); j++ {
			key, value := entry(j)
			pairs = append(pairs, key, value)
		}
		if err := c.MSet(context.Background(), pairs...).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

// entry is the i-th entry: a short key, a value of 100 bytes.
func entry(i int) (key, value string) {
	key = fmt.Sprintf("entry-%07d", i)
	return key, key + strings.Repeat("x", 100-len(key))
}

// A joining is what a node that starts answers until it is ready.
type joining struct {
	ready   time.Duration // since the start
	loading int           // answers that said LOADING
}

// join starts a node on the host and reads from it from its first moment on. Until it is ready every answer must be
// LOADING; its first other answer must be right, and then it must hold all count entries.
func join(t *testing.T, h *Host, count int) joining {
	t.Helper()
	node := h.Start()
	c := redisClient(t, h)
	ctx := context.Background()
	var j joining
	var wrong error
	look := 0
	Poll(t, patience, h.Name+" to answer reads", func() bool {
		key, value := entry(look * 7919 % count)
		look++
		got, err := c.Get(ctx, key).Result()
		var refused redis.Error
		switch {
		case err == nil && got == value:
			return true
		case err == nil:
			wrong = fmt.Errorf("%s is %q", key, got)
		case errors.Is(err, redis.Nil):
			wrong = fmt.Errorf("%s is absent", key)
		case errors.As(err, &refused) && strings.HasPrefix(err.Error(), "LOADING"):
			j.loading++
		case errors.As(err, &refused):
			wrong = err
		}
		return wrong != nil // any other error: it does not listen yet
	})
	j.ready = time.Since(node.Started)
	if wrong != nil {
		t.Fatalf("%s answered a read before it held all, after %v and %d times LOADING: %v", h.Name, j.ready, j.loading, wrong)
	}
	if size, err := c.DBSize(ctx).Result(); err != nil || size < int64(count) {
		t.Errorf("%s was ready with %d of %d keys: %v", h.Name, size, count, err)
	}
	if !h.Ready() {
		t.Errorf("%s answers reads but does not say that it is ready", h.Name)
	}
	return j
}

// holdsAll fails the test for each entry that the node does not have.
func holdsAll(t *testing.T, h *Host, count int) {
	t.Helper()
	c := redisClient(t, h)
	const batch = 1000
	missing := 0
	for i := 0; i < count; i += batch {
		var keys []string
		for j := i; j < min(i+batch, count); j++ {
			key, _ := entry(j)
			keys = append(keys, key)
		}
		values, err := c.MGet(context.Background(), keys...).Result()
		if err != nil {
			t.Fatal(err)
		}
		for j, got := range values {
			if _, want := entry(i + j); got != want {
				missing++
			}
		}
	}
	if missing > 0 {
		t.Errorf("%s lacks %d of %d entries", h.Name, missing, count)
	}
}

// converged waits until a node finds that all members hold the same.
func converged(t *testing.T, h *Host, members int) {
	t.Helper()
	Poll(t, patience, h.Name+" to find all members equal", func() bool {
		r, ok := h.Report("verify")
		return ok && r["converged"] == true && r["members"] == float64(members)
	})
}

func TestAFourthNodeGetsAHundredThousandKeysBeforeItAnswers(t *testing.T) {
	const count = 100_000
	hosts, _ := mesh(t, 3)
	fourth := hosts[0].net.Host()
	begin := time.Now()
	load(t, hosts[0], count)
	for _, h := range hosts[1:] {
		c := redisClient(t, h)
		Poll(t, patience, "all keys on "+h.Name, func() bool { return c.DBSize(context.Background()).Val() == count })
	}
	t.Logf("100,000 entries of 100 bytes written on one node and seen on two others: %v", time.Since(begin).Round(time.Millisecond))
	f := Figure{Name: "a fourth node has 100,000 keys of 100 bytes and answers", Limit: 5 * time.Second}
	for range 3 {
		j := join(t, fourth, count)
		f.Add(j.ready)
		t.Logf("ready after %v; before that %d answers, all LOADING", j.ready.Round(time.Millisecond), j.loading)
		if j.loading == 0 {
			t.Error("no read was answered with LOADING before the node was ready")
		}
		holdsAll(t, fourth, count)
		converged(t, fourth, 4)
		fourth.nodes[len(fourth.nodes)-1].Kill()
	}
	f.Check(t)
}

func TestARestartedNodeHoldsAllBeforeItSaysReady(t *testing.T) {
	const count = 10_000
	hosts, nodes := mesh(t, 3)
	load(t, hosts[1], count)
	f := Figure{Name: "a node killed and started again holds 10,000 keys and answers", Limit: 3 * time.Second}
	last := nodes[2]
	writer := startTraffic(t, hosts[0])
	for i := range 5 {
		if i%2 == 0 {
			last.Kill()
		} else {
			last.Term()
			last.WaitExit(patience)
		}
		j := join(t, hosts[2], count)
		f.Add(j.ready)
		last = hosts[2].nodes[len(hosts[2].nodes)-1]
		holdsAll(t, hosts[2], count)
	}
	writer.finish(t, "a neighbour restarts")
	converged(t, hosts[2], 3)
	f.Check(t)
}

func TestWhenAllNodesRestartAtOnceAllGetReady(t *testing.T) {
	t.Parallel()
	hosts, nodes := mesh(t, 4)
	for _, n := range nodes {
		n.Kill()
	}
	begin := time.Now()
	startAll(hosts)
	waitReady(t, hosts)
	t.Logf("four empty nodes started at once are ready after %v", time.Since(begin).Round(time.Millisecond))
	waitMesh(t, hosts, begin)
	mustCovey(t, hosts[3], "set", "after", "all")
	for _, h := range hosts {
		Poll(t, patience, "a value on "+h.Name, func() bool { return h.Covey("get", "after").Stdout == "all\n" })
	}
}

func TestDeletesMadeWhileANodeIsAwayAreNotUndoneByIt(t *testing.T) {
	t.Parallel()
	hosts, _ := mesh(t, 3)
	load(t, hosts[0], 1000)
	converged(t, hosts[2], 3)
	hosts[2].CableDown()
	waitState(t, hosts[:2], hosts[2].ID(9000), "dead", time.Now())
	c := redisClient(t, hosts[0])
	for i := range 500 {
		key, _ := entry(i)
		if err := c.Del(context.Background(), key).Err(); err != nil {
			t.Fatal(err)
		}
	}
	hosts[2].CableUp()
	waitMesh(t, hosts, time.Now())
	for _, h := range hosts {
		c := redisClient(t, h)
		Poll(t, patience, "500 keys on "+h.Name, func() bool { return c.DBSize(context.Background()).Val() == 500 })
	}
	converged(t, hosts[2], 3)
	for _, h := range hosts {
		if size := redisClient(t, h).DBSize(context.Background()).Val(); size != 500 {
			t.Errorf("%s holds %d keys, want 500", h.Name, size)
		}
	}
}

func TestALateNodeGetsValuesOfEverySize(t *testing.T) {
	t.Parallel()
	hosts, _ := mesh(t, 2)
	c := redisClient(t, hosts[0])
	ctx := context.Background()
	sizes := []int{0, 1, 4096, 65535, 65536, 65537, 128 << 10, 1 << 20, 16 << 20}
	for _, size := range sizes {
		if err := c.Set(ctx, fmt.Sprint("size-", size), bytes.Repeat([]byte{'v'}, size), 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	late := hosts[0].net.Host()
	late.Start()
	waitReady(t, []*Host{late})
	at := redisClient(t, late)
	for _, size := range sizes {
		got, err := at.Get(ctx, fmt.Sprint("size-", size)).Bytes()
		if err != nil || len(got) != size || bytes.Count(got, []byte{'v'}) != size {
			t.Errorf("a value of %d bytes came as %d bytes: %v", size, len(got), err)
		}
	}
}
