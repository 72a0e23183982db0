package lab

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"covey/client"
)

// patience bounds waits that are a step of a test and not what it measures.
const patience = 30 * time.Second

// startAll starts a node without an argument on each host.
func startAll(hosts []*Host) []*Node {
	nodes := make([]*Node, len(hosts))
	for i, h := range hosts {
		nodes[i] = h.Start()
	}
	return nodes
}

// seesAll says whether the node on port 9000 of h lists exactly the nodes of the hosts, each with its right id, MAC and
// address, itself as self and the others alive.
func seesAll(h *Host, hosts []*Host) bool {
	h.net.t.Helper()
	states := map[string]string{}
	for _, other := range hosts {
		states[other.ID(9000)] = "alive"
	}
	states[h.ID(9000)] = "self"
	return h.mayHave(states, len(states)) && lacks(h, hosts) == ""
}

// lacks says what keeps seesAll from being true.
func lacks(h *Host, hosts []*Host) string {
	h.net.t.Helper()
	members, ok := h.Members()
	if !ok {
		return "no answer to covey members"
	}
	want := map[string]string{}
	for _, other := range hosts {
		state := "alive"
		if other == h {
			state = "self"
		}
		want[other.ID(9000)] = fmt.Sprintf("%s %s:9000 %s", other.MAC, other.Addr, state)
	}
	have := map[string]string{}
	for _, m := range members {
		have[m.ID] = m.MAC + " " + m.Addr + " " + m.State
	}
	if maps.Equal(have, want) {
		return ""
	}
	return fmt.Sprintf("%s lists %v, want %v", h.Name, have, want)
}

// waitMesh waits until every node sees all, and returns the time since begin.
func waitMesh(t *testing.T, hosts []*Host, begin time.Time) time.Duration {
	t.Helper()
	for _, h := range hosts {
		if _, ok := Watch(patience, func() bool { return seesAll(h, hosts) }); !ok {
			t.Fatalf("no mesh within %v: %s", patience, lacks(h, hosts))
		}
	}
	return time.Since(begin)
}

// waitReady waits until every node is ready.
func waitReady(t *testing.T, hosts []*Host) {
	t.Helper()
	for _, h := range hosts {
		Poll(t, patience, h.Name+" to be ready", func() bool { return h.Ready() })
	}
}

// mesh is a network of ready nodes that see each other.
func mesh(t *testing.T, count int) ([]*Host, []*Node) {
	t.Helper()
	hosts := New(t).Hosts(count)
	nodes := startAll(hosts)
	waitMesh(t, hosts, time.Now())
	waitReady(t, hosts)
	return hosts, nodes
}

// waitState waits until each of the hosts shows the member in the state, and returns the time since begin.
func waitState(t *testing.T, hosts []*Host, id, state string, begin time.Time) time.Duration {
	t.Helper()
	for _, h := range hosts {
		Poll(t, patience, fmt.Sprintf("%s to show %s %s", h.Name, id, state), func() bool {
			return h.mayHave(map[string]string{id: state}, 0) && h.States()[id] == state
		})
	}
	return time.Since(begin)
}

// linkFaults lists the pairs of hosts that do not have exactly one TCP connection.
func linkFaults(hosts []*Host) string {
	var faults []string
	for _, h := range hosts {
		links := h.Links(9000)
		for _, other := range hosts {
			if other != h && links[other.Addr] != 1 {
				faults = append(faults, fmt.Sprintf("%s has %d with %s", h.Name, links[other.Addr], other.Name))
			}
		}
	}
	return strings.Join(faults, ", ")
}

// goClient is a covey client of the node on the host, closed with the test.
func goClient(t *testing.T, h *Host) *client.Client {
	t.Helper()
	conn, err := h.Dial(context.Background(), "tcp4", "127.0.0.1:9000")
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// redisClient is a go-redis client of the node on the host that never tries anything twice, closed with the test. It
// authenticates where there is a password.
func redisClient(t *testing.T, h *Host, password ...string) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: "127.0.0.1:9000", Dialer: h.Dial, MaxRetries: -1, DialTimeout: dialLimit, Password: strings.Join(password, "")})
	t.Cleanup(func() { c.Close() })
	return c
}

// A traffic is a client that writes and reads one node all the time.
type traffic struct {
	stop    context.CancelFunc
	ended   chan struct{}
	err     error // the first
	errors  int
	done    int
	slowest time.Duration
}

// startTraffic begins writing and reading; finish ends it.
func startTraffic(t *testing.T, h *Host, password ...string) *traffic {
	t.Helper()
	c := redisClient(t, h, password...)
	ctx, cancel := context.WithCancel(context.Background())
	tr := &traffic{stop: cancel, ended: make(chan struct{})}
	t.Cleanup(cancel)
	go func() {
		defer close(tr.ended)
		pace := time.NewTicker(trafficPace)
		defer pace.Stop()
		for ; ctx.Err() == nil; <-pace.C {
			key, value := fmt.Sprintf("traffic-%s-%d", h.Name, tr.done%100), fmt.Sprint(tr.done)
			began := time.Now()
			err := c.Set(context.Background(), key, value, 0).Err()
			if err == nil {
				var got string
				if got, err = c.Get(context.Background(), key).Result(); err == nil && got != value {
					err = fmt.Errorf("read %q after writing %q", got, value)
				}
			}
			tr.note(err, time.Since(began))
		}
	}()
	return tr
}

func (tr *traffic) note(err error, took time.Duration) {
	tr.done++
	tr.slowest = max(tr.slowest, took)
	if err != nil {
		tr.errors++
		if tr.err == nil {
			tr.err = err
		}
	}
}

// finish ends the traffic and fails the test if a request failed, or if none was made.
func (tr *traffic) finish(t *testing.T, what string) {
	t.Helper()
	tr.stop()
	<-tr.ended
	t.Logf("%s: a client's %d writes and reads, %d failed, the slowest pair took %v",
		what, tr.done, tr.errors, tr.slowest.Round(100*time.Microsecond))
	if tr.err != nil {
		t.Errorf("%s: %d of %d requests of a client of another node failed: %v", what, tr.errors, tr.done, tr.err)
	}
	if tr.done == 0 {
		t.Errorf("%s: the client got nothing done", what)
	}
}
