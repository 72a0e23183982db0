package lab

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// Who is who, when MAC and IP addresses are not what they should be, and links that are there and carry nothing.

// twins is a mesh of two nodes with one MAC address and a third: which both can be used, and both say what happened.
func twins(t *testing.T, what string, old, other, clone *Host, args func(*Host) []string) {
	t.Helper()
	f := Figure{Name: what + ": both are used under two names", Limit: 5 * time.Second}
	hosts := []*Host{old, other, clone}
	clone.Name = "clone" // it may be the first host of another network
	first := old.Start(args(old)...)
	other.Start(args(other)...)
	waitReady(t, hosts[:2])
	mustCovey(t, old, "set", "before", "old")
	var writers []*writer // from before the clone is there until after all is settled
	for _, h := range hosts {
		w := newWriter(t, h, 200)
		w.pause = 50 * time.Millisecond
		writers = append(writers, w)
	}
	writers[0].start()
	writers[1].start()
	second := clone.Start(args(clone)...)
	Poll(t, patience, "the clone to take clients", func() bool { // one that was refused would not try again for a second
		conn, err := clone.Dial(context.Background(), "tcp4", "127.0.0.1:9000")
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	writers[2].start()
	for _, h := range []*Host{old, clone} {
		Poll(t, patience, h.Name+" to list another of its MAC address", func() bool { return len(alive(h)) >= 2 })
	}
	for key, from := range map[string]*Host{"from": clone, "to": old} {
		readEverywhere(t, from, hosts, key)
	}
	f.Add(time.Since(second.Started))
	for _, h := range hosts {
		Poll(t, patience, "what was written before, on "+h.Name, func() bool { return h.Covey("get", "before").Stdout == "old\n" })
	}
	nothingLost(t, what, hosts, writers)
	if ids := alive(old); !strings.HasSuffix(ids[old.ID(9000)], ":9000") {
		t.Errorf("the older node did not keep its name: %v", ids)
	}
	if second.Count("another node had id", "taking a new one") != 1 || first.Count("another node had id") != 0 {
		t.Errorf("%s: not the younger one alone took another id", what)
	}
	if first.Count("another node has this id and is younger") == 0 {
		t.Errorf("%s: the older one does not say so", what)
	}
	f.Check(t)
}

// nothingLost ends the writers, of nodes that all live, and holds what all nodes come to have against what they were told.
func nothingLost(t *testing.T, what string, hosts []*Host, writers []*writer) {
	t.Helper()
	acked := 0
	for _, w := range writers {
		w.stop()
		w.done.Wait()
		w.lives()
		if acked += w.acked; w.acked == 0 {
			t.Errorf("%s: %s did none of %d writes", what, w.host.Name, w.ops)
		}
	}
	var all []map[string]string
	Poll(t, patience, "all to hold the same", func() bool {
		held, differs := look(hosts)
		all = held
		return differs == ""
	})
	faults := audit(writers, all[0])
	t.Logf("%s: of %d writes that were done meanwhile %d are lost", what, acked, len(faults))
	if len(faults) > 0 {
		t.Errorf("%s", strings.Join(faults[:min(len(faults), shownFaults)], "\n\t"))
	}
}

func TestOfTwoNodesWithOneMACOnAHubTheYoungerTakesAnotherName(t *testing.T) {
	t.Parallel()
	n := New(t)
	old, other := n.Host(), n.Host()
	twins(t, "two nodes with one MAC address on a hub", old, other, n.Clone(old), func(*Host) []string { return nil })
}

func TestOfTwoNodesWithOneMACAcrossARouterTheYoungerTakesAnotherName(t *testing.T) {
	t.Parallel()
	near, away := New(t), New(t)
	near.Route(away)
	old, other, clone := near.Host(), near.Host(), away.Host()
	clone.mustIP("link set eth0 down", "link set eth0 address "+old.MAC)
	clone.CardUp()
	twins(t, "two nodes with one MAC address, a router between", old, other, clone, func(h *Host) []string {
		return map[*Host][]string{old: {"--peer", clone.Addr.String()}, clone: {"--peer", old.Addr.String()}}[h]
	})
}

func TestAMachineThatComesBackUnderAnotherAddressOrMACIsOneMember(t *testing.T) {
	t.Parallel()
	hosts, nodes := mesh(t, 3)
	moves, others := hosts[2], hosts[:2]
	restarted := Figure{Name: "a node that was killed and comes back at another address is the same member", Limit: rejoin}
	last := nodes[2]
	for i := range 2 {
		last.Kill()
		moves.Renumber(byte(60 + i))
		last = moves.Start()
		restarted.Add(waitMesh(t, hosts, last.Started))
		if last.Count("taking a new one") != 0 {
			t.Error("it took itself for a clone")
		}
	}
	// Another MAC while it runs: the same member.
	changed := Figure{Name: "a node whose card got another MAC address is the same member", Limit: rejoin}
	was := moves.MAC
	moves.mustIP("link set eth0 down", "link set eth0 address 02:fc:00:77:77:77")
	begin := time.Now()
	moves.CardUp()
	changed.Add(waitMesh(t, hosts, begin))
	// After a restart it is a new one, and the old one is dead: never two at once.
	last.Kill()
	moves.MAC = "02:fc:00:77:77:77"
	moves.Start()
	gone := strings.ReplaceAll(was, ":", "") + "-9000"
	for _, h := range others {
		Poll(t, patience, h.Name+" to list the new name and no longer the old", func() bool {
			ids := alive(h)
			return ids[moves.ID(9000)] != "" && ids[gone] == "" && len(ids) == 3
		})
	}
	restarted.Check(t)
	changed.Check(t)
}

func TestAnAddressThatAnotherMachineTakesOverIsNotMixedUp(t *testing.T) {
	t.Parallel()
	hosts, _ := mesh(t, 3)
	gives, takes := hosts[1], hosts[2]
	free := gives.Addr.As4()[3]
	begin := time.Now()
	gives.Renumber(90)
	takes.Renumber(free)
	f := Figure{Name: "a running node takes over the address of another: each is listed where it is", Limit: 4 * time.Second}
	f.Add(waitMesh(t, hosts, begin))
	f.Check(t)
	for i, h := range hosts {
		readEverywhere(t, h, hosts, fmt.Sprintf("taken-%d", i))
	}
	Poll(t, patience, "one link per pair", func() bool { return linkFaults(hosts) == "" })
}

func TestALinkThatCarriesNothingAnyMoreIsDeadThoughAnnouncesPass(t *testing.T) {
	t.Parallel()
	Need(t, "nft")
	hosts, nodes := mesh(t, 3)
	apart, others := hosts[2], hosts[:2]
	const dropTCP = `table inet lab {
		chain in { type filter hook input priority 0; iifname eth0 meta l4proto tcp drop; }
		chain out { type filter hook output priority 0; oifname eth0 meta l4proto tcp drop; }
	}`
	dead := Figure{Name: "all TCP packets of a node are dropped: dead for the others", Limit: 4 * time.Second}
	back := Figure{Name: "they pass again: all list each other", Limit: 6 * time.Second}
	begin := time.Now()
	apart.Rules(dropTCP)
	dead.Add(waitState(t, others, apart.ID(9000), "dead", begin))
	Poll(t, patience, "the node to have logged what it shows", func() bool { return nodes[0].Count("member changed", apart.ID(9000), "state=dead") > 0 })
	before := nodes[0].Count("member changed", apart.ID(9000))
	if took, flaps := Watch(4*time.Second, func() bool { return others[0].States()[apart.ID(9000)] != "dead" }); flaps {
		t.Errorf("after %v it is not dead any more, though nothing passes", took)
	}
	if after := nodes[0].Count("member changed", apart.ID(9000)); after != before {
		t.Errorf("%d changes of state while nothing passes", after-before)
	}
	begin = time.Now()
	apart.Rules("")
	back.Add(waitMesh(t, hosts, begin))
	dead.Check(t)
	back.Check(t)
}

// TestANodeThatRestartsAgainAndAgainDisturbsNobody: every 2 s for 20 s; with -long for 2 min, alone on its machine, and a hundred times
// in all.
func TestANodeThatRestartsAgainAndAgainDisturbsNobody(t *testing.T) {
	span, restarts, slack := 20*time.Second, 0, 10*time.Millisecond
	if *long {
		span, restarts, slack = 2*time.Minute, 100, 0
	} else {
		t.Parallel()
	}
	hosts, nodes := mesh(t, 3)
	calm := pace(t, hosts[0], 4*time.Second)
	before := []int{residentMiB(t, nodes[0]), residentMiB(t, nodes[1])}
	ended := make(chan time.Duration)
	go func() { ended <- pace(t, hosts[0], span) }()
	last, count := nodes[2], 0
	again := func(wait time.Duration) {
		pass(wait)
		last.Kill()
		last = hosts[2].Start()
		count++
	}
	for end := time.Now().Add(span); time.Now().Before(end); {
		again(2 * time.Second)
	}
	disturbed := <-ended
	waitMesh(t, hosts, time.Now())
	after := pace(t, hosts[0], 4*time.Second)
	for count < restarts {
		again(100 * time.Millisecond)
	}
	waitMesh(t, hosts, time.Now())
	t.Logf("p99 of a set and a get: %v before and %v after, and %v while a neighbour restarts every 2 s", calm, after, disturbed)
	if alone := *long; alone == (after < calm) { // else the machine may be busy with other tests: the higher of the two
		calm = after
	}
	if disturbed > max(3*calm, slack) {
		t.Errorf("the p99 is %v, %v without the neighbour's restarts: %.1fx; limit 3x, or %v", disturbed, calm, float64(disturbed)/float64(calm), slack)
	}
	for i, n := range nodes[:2] {
		after := residentMiB(t, n)
		if t.Logf("%s: %d MiB before %d restarts, %d after", n.Host.Name, before[i], count, after); after > before[i]+8 {
			t.Errorf("%s went from %d to %d MiB", n.Host.Name, before[i], after)
		}
	}
	if states := hosts[0].States(); len(states) != 3 {
		t.Errorf("the restarts have left members: %v", states)
	}
}

// pace sets and gets for a while, 500 times a second, and returns the 99th percentile of a pair.
func pace(t *testing.T, h *Host, span time.Duration) time.Duration {
	c := redisClient(t, h)
	var took []time.Duration
	beat := time.NewTicker(pollPause)
	defer beat.Stop()
	for end := time.Now().Add(span); time.Now().Before(end); <-beat.C {
		begin := time.Now()
		if err := c.Set(context.Background(), "pace", "x", 0).Err(); err != nil {
			t.Error(err)
			return 0
		}
		if err := c.Get(context.Background(), "pace").Err(); err != nil {
			t.Error(err)
			return 0
		}
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	return took[len(took)*99/100]
}
