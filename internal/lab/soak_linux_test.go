package lab

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

var (
	soakTime = flag.Duration("soak", 15*time.Second, "how long TestSoak breaks things")
	soakSeed = flag.Uint64("soak-seed", 0, "what TestSoak breaks when; 0: another at each run")
)

const (
	soakHosts = 4
	soakKeys  = 400
)

// TestSoak writes to four nodes all the time while one machine after the other crashes, freezes or loses its network. When
// it is over all nodes must hold the same.
func TestSoak(t *testing.T) {
	t.Parallel()
	seed := *soakSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("make soak SOAK=%v SEED=%d breaks the same things in the same order", *soakTime, seed)
	hosts, nodes := mesh(t, soakHosts)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var writers sync.WaitGroup
	for i, h := range hosts {
		random := rand.New(rand.NewPCG(seed, uint64(i)))
		c := redisClient(t, h)
		writers.Go(func() { scribble(ctx, c, random) })
	}
	random := rand.New(rand.NewPCG(seed, soakHosts))
	for end := time.Now().Add(*soakTime); time.Now().Before(end); {
		// One machine in trouble, or two at once.
		victims := random.Perm(soakHosts)[:1+random.IntN(2)]
		var mends []func()
		for _, victim := range victims {
			mends = append(mends, harm(t, &nodes[victim], random.IntN(harms)))
		}
		// Short of the 3 s after which a silent member is dead, and beyond.
		<-time.After(time.Duration(random.IntN(4000)) * time.Millisecond)
		for _, mend := range mends {
			mend()
		}
	}
	stop()
	writers.Wait()
	waitMesh(t, hosts, time.Now())
	waitReady(t, hosts)
	// Keys with a time to live go at the same cluster time everywhere; contents are compared when a look finds no change.
	var differs string
	took, ok := Watch(patience, func() bool { differs = difference(t, hosts); return differs == "" })
	if !ok {
		t.Fatalf("%v after the last write the nodes differ: %s", took.Round(time.Second), differs)
	}
	t.Logf("all %d nodes hold the same %d keys %v after the last write", soakHosts, len(contents(t, hosts[0])), took.Round(time.Millisecond))
	converged(t, hosts[0], soakHosts)
	if faults := linkFaults(hosts); faults != "" {
		t.Errorf("not one link per pair: %s", faults)
	}
}

// harms is how many kinds of harm there are.
const harms = 6

// harm does one kind of harm to a node's machine and returns what mends it; *node is the one that runs then.
func harm(t *testing.T, node **Node, kind int) (mend func()) {
	t.Helper()
	n := *node
	h := n.Host
	began := time.Now()
	say := func(what string) { t.Logf("%s: %s for %v", h.Name, what, time.Since(began).Round(time.Millisecond)) }
	switch kind {
	case 0:
		n.Kill()
		return func() { *node = h.Start(); say("kill -9") }
	case 1:
		n.Term()
		n.WaitExit(patience)
		return func() { *node = h.Start(); say("SIGTERM") }
	case 2:
		n.Stop()
		return func() { n.Continue(); say("SIGSTOP") }
	case 3:
		h.CableDown()
		return func() { h.CableUp(); say("cable") }
	case 4:
		h.CardDown()
		return func() { h.CardUp(); say("card") }
	default: // it hears the others and they do not hear it
		h.Rules("table inet lab { chain out { type filter hook output priority 0; oifname eth0 drop; }; }")
		return func() { h.Rules(""); say("one-way") }
	}
}

// scribble writes at random until ctx is done; what a node in trouble answers is its own business here.
func scribble(ctx context.Context, c *redis.Client, random *rand.Rand) {
	for i := 0; ctx.Err() == nil; i++ {
		key := fmt.Sprintf("k%d", random.IntN(soakKeys))
		switch what := random.IntN(10); {
		case what < 5:
			c.Set(ctx, key, random.Uint64(), 0)
		case what < 6:
			c.Set(ctx, key, random.Uint64(), time.Duration(1+random.IntN(3000))*time.Millisecond)
		case what < 7:
			c.PExpire(ctx, key, time.Duration(1+random.IntN(60_000))*time.Millisecond)
		case what < 8:
			c.Incr(ctx, fmt.Sprintf("n%d", random.IntN(20)))
		case what < 9:
			c.Del(ctx, key)
		default:
			c.Persist(ctx, key)
		}
		<-time.After(time.Millisecond)
	}
}

// An item is what a node has under a key.
type item struct {
	value string
	ends  time.Time // zero: lives for good
}

// contents is all that a node holds.
func contents(t *testing.T, h *Host) map[string]item {
	t.Helper()
	c := redisClient(t, h)
	defer c.Close()
	ctx := context.Background()
	var keys []string
	walk := c.Scan(ctx, 0, "*", 1000).Iterator()
	for walk.Next(ctx) {
		keys = append(keys, walk.Val())
	}
	if err := walk.Err(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(keys)
	items := map[string]item{}
	for _, key := range slices.Compact(keys) {
		pipe := c.Pipeline()
		value, ttl := pipe.Get(ctx, key), pipe.PTTL(ctx, key)
		pipe.Exec(ctx)
		if value.Err() != nil {
			continue // it expired meanwhile
		}
		one := item{value: value.Val()}
		if left := ttl.Val(); left > 0 {
			one.ends = time.Now().Add(left)
		}
		items[key] = one
	}
	return items
}

// difference tells one key in which two nodes differ; "" when there is none. Of keys that are about to end nothing is said.
func difference(t *testing.T, hosts []*Host) string {
	t.Helper()
	const soon = 2 * time.Second // longer than one look at all nodes
	const apart = 250 * time.Millisecond
	all := make([]map[string]item, len(hosts))
	for i, h := range hosts {
		all[i] = contents(t, h)
	}
	for i := range hosts {
		for j := range hosts {
			for key, here := range all[i] {
				if !here.ends.IsZero() && time.Until(here.ends) < soon {
					continue
				}
				there, ok := all[j][key]
				gap := here.ends.Sub(there.ends).Abs()
				if !ok || here.value != there.value || here.ends.IsZero() != there.ends.IsZero() || gap > apart {
					return fmt.Sprintf("%s is %q until %v on %s and %q until %v on %s",
						key, here.value, here.ends.Format("05.000"), hosts[i].Name, there.value, there.ends.Format("05.000"), hosts[j].Name)
				}
			}
		}
	}
	return ""
}
