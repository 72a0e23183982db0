package lab

import (
	"testing"
	"time"
)

// Links that are half dead, and machines that sleep.

// changesOf are the times at which a node printed that its mind about a member changed, after begin.
func changesOf(n *Node, id string, begin time.Time) (times []time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for i, line := range n.lines {
		if n.came[i].After(begin) && holds(line, "member changed", "id="+id+" ") {
			times = append(times, n.came[i])
		}
	}
	return times
}

func TestAnAsymmetricCutDoesNotFlap(t *testing.T) {
	t.Parallel()
	const lasts, window = 12 * time.Second, 5 * time.Second
	n := NewChaos(t, 11)
	hosts := n.Hosts(3)
	nodes := startAll(hosts)
	waitMesh(t, hosts, time.Now())
	waitReady(t, hosts)
	begin := time.Now()
	n.OneWay(hosts[0], hosts[1], true)
	mustCovey(t, hosts[0], "set", "k", "x")
	Poll(t, patience, "a write to come by the third node", func() bool { return hosts[1].Covey("get", "k").Stdout == "x\n" })
	if took := time.Since(begin); took < lasts {
		pass(lasts - took)
	}
	for i, node := range nodes {
		for j, of := range hosts {
			times := changesOf(node, of.ID(9000), begin)
			if i == 2 && len(times) > 0 || i < 2 && j == 2 && len(times) > 0 {
				t.Errorf("%s changed its mind about %s, whom it hears", hosts[i].Name, of.Name)
			}
			for k := 1; k < len(times); k++ {
				if gap := times[k].Sub(times[k-1]); gap < window {
					t.Errorf("%s changed its mind about %s twice within %v", hosts[i].Name, of.Name, gap)
				}
			}
		}
		if dead := node.Count("member changed", "state=dead"); dead > 0 {
			t.Errorf("%s takes somebody for dead:\n%v", hosts[i].Name, said(nodes, "member changed"))
		}
	}
	n.OneWay(hosts[0], hosts[1], false)
	Poll(t, patience, "one link per pair again", func() bool { return linkFaults(hosts) == "" })
}

func TestMachinesThatSleptTenSecondsAreThereAtOnce(t *testing.T) {
	t.Parallel()
	const nap = 10 * time.Second
	hosts, nodes := mesh(t, 3)
	back := Figure{Name: "one that slept for 10 s is back", Limit: 3 * time.Second}
	nodes[2].Stop()
	pass(nap)
	mustCovey(t, hosts[0], "set", "k", "x")
	begin := time.Now()
	nodes[2].Continue()
	waitMesh(t, hosts, begin)
	waitReady(t, hosts)
	Poll(t, patience, "what was written meanwhile", func() bool { return hosts[2].Covey("get", "k").Stdout == "x\n" })
	back.Add(time.Since(begin))
	back.Check(t)
	begin = time.Now()
	for _, n := range nodes {
		n.Stop()
	}
	pass(nap)
	woke := time.Now()
	for _, n := range nodes {
		n.Continue()
	}
	waitMesh(t, hosts, woke)
	t.Logf("all slept for 10 s: they list each other %v after they woke", time.Since(woke).Round(time.Millisecond))
	pass(time.Second)
	for i, n := range nodes {
		for _, of := range hosts {
			if times := changesOf(n, of.ID(9000), begin); len(times) > 0 {
				t.Errorf("%s changed its mind about %s though all slept at a time:\n%v", hosts[i].Name, of.Name, said(nodes, "member changed"))
			}
		}
	}
}
