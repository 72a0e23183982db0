package lab

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	detectRival = flag.String("detect-rival", "", "the path of bench/rivals/cmd/gossip, built: TestDetection measures it too")
	detectRuns  = flag.Int("detect-runs", 1, "how often TestDetection breaks a node in each way")
	detectTime  = flag.Duration("detect-time", 30*time.Second, "how long TestDetectionTakesNobodyForDead runs")
)

const (
	detectHosts = 4
	detectSeed  = 3
	// detectPatience is what the slowest is given: memberlist's suspicion lasts 24 s at most on so few nodes, after a probe of 1 s.
	detectPatience = 40 * time.Second
	// detectSettle passes between all having met and a fault.
	detectSettle = 2 * time.Second
	// detectCrowd is what the limits are longer by where other tests run beside this one.
	detectCrowd = time.Second
)

// A detector is a program whose nodes print "member changed", id= and state= when they think otherwise of a member.
type detector struct {
	name   string
	id     func(h *Host) string
	launch func(h *Host, first *Host) *Node
}

// detectors are covey, and memberlist where it was built.
func detectors() []detector {
	all := []detector{{"covey", func(h *Host) string { return h.ID(9000) }, func(h, _ *Host) *Node { return h.Start("--http", "off") }}}
	if *detectRival != "" {
		all = append(all, detector{"memberlist", func(h *Host) string { return h.Name }, func(h, first *Host) *Node {
			return h.Launch(Launch{Else: *detectRival, Args: []string{"-name", h.Name, "-bind", h.Addr.String(), "-join", first.Addr.String()}})
		}})
	}
	return all
}

// meet starts a node on each host and waits until each has said that all others are alive.
func (d *detector) meet(t *testing.T, hosts []*Host) (nodes []*Node) {
	t.Helper()
	begin := time.Now()
	for _, h := range hosts {
		nodes = append(nodes, d.launch(h, hosts[0]))
	}
	for i, n := range nodes {
		for j, h := range hosts {
			if i != j {
				d.await(t, n, h, "alive", begin)
			}
		}
	}
	return nodes
}

// await waits until a node has said after begin that the member on a host is in a state, and returns how long after.
func (d *detector) await(t *testing.T, n *Node, of *Host, state string, begin time.Time) time.Duration {
	t.Helper()
	var when time.Time
	Poll(t, detectPatience, fmt.Sprintf("%s on %s to say that %s is %s", d.name, n.Host.Name, of.Name, state), func() (ok bool) {
		when, ok = n.Said(begin, "member changed", "id="+d.id(of)+" ", "state="+state)
		return ok
	})
	return when.Sub(begin)
}

// breaks are the ways in which a node is lost, and how soon all others are to show that.
var breaks = []struct {
	name  string
	limit time.Duration
	do    func(n *Network, hosts []*Host, victim *Node)
}{
	{"kill -9", 100 * time.Millisecond, func(_ *Network, _ []*Host, v *Node) { v.Kill() }},
	{"SIGSTOP", 3500 * time.Millisecond, func(_ *Network, _ []*Host, v *Node) { v.Stop() }},
	{"cut cable", 3500 * time.Millisecond, func(_ *Network, _ []*Host, v *Node) { v.Host.CableDown() }},
	{"one-way cut", 3500 * time.Millisecond, func(n *Network, hosts []*Host, v *Node) {
		for _, h := range without(hosts, v.Host) {
			n.OneWay(v.Host, h, true)
		}
	}},
}

// TestDetection loses one of four nodes: how long until all others have said that it is dead. Of the rival it only measures.
func TestDetection(t *testing.T) {
	t.Parallel()
	for _, b := range breaks {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			for _, d := range detectors() {
				f := Figure{Name: d.name + ", " + b.name + ": dead for all others", Limit: b.limit}
				if *detectRival == "" {
					f.Limit += detectCrowd
				}
				for range *detectRuns {
					n := NewChaos(t, detectSeed)
					hosts := n.Hosts(detectHosts)
					nodes := d.meet(t, hosts)
					pass(detectSettle)
					victim := nodes[detectHosts-1]
					begin := time.Now()
					b.do(n, hosts, victim)
					var took time.Duration
					for _, other := range nodes[:detectHosts-1] {
						took = max(took, d.await(t, other, victim.Host, "dead", begin))
					}
					f.Add(took)
					n.stop()
				}
				t.Logf("ROW | %s | %s | %.3f | %.3f | %d", b.name, d.name, f.Median().Seconds(), slices.Max(f.runs).Seconds(), len(f.runs))
				if d.name == "covey" {
					f.Check(t)
				}
			}
		})
	}
}

// TestDetectionTakesNobodyForDead: on a bad network, where a node is stopped for 200 ms every 5 s, nobody dies.
func TestDetectionTakesNobodyForDead(t *testing.T) {
	t.Parallel()
	var all sync.WaitGroup
	defer all.Wait()
	for _, d := range detectors() {
		n := NewChaos(t, detectSeed)
		hosts := n.Hosts(detectHosts)
		nodes := d.meet(t, hosts)
		n.Faults(Faults{Loss: 0.05, Twice: 0.02, Delay: 2 * time.Millisecond, Jitter: 6 * time.Millisecond})
		begin := time.Now()
		all.Go(func() {
			for turn := 0; time.Since(begin) < *detectTime; turn++ {
				pass(4800 * time.Millisecond)
				one := nodes[turn%len(nodes)]
				one.Stop()
				pass(200 * time.Millisecond)
				one.Continue()
			}
			var suspects, deaths int
			for _, node := range nodes {
				s, dead := node.Count("member changed", "state=suspect"), node.Count("member changed", "state=dead")
				suspects, deaths = suspects+s, deaths+dead
			}
			t.Logf("ROW | false, in %v | %s | %d suspicions | %d deaths | 1", *detectTime, d.name, suspects, deaths)
			if d.name == "covey" && deaths > 0 {
				t.Errorf("%d deaths of nodes that live:\n%s", deaths, strings.Join(said(nodes, "member changed"), "\n"))
			}
		})
	}
}

// said are the lines of all nodes that hold a word.
func said(nodes []*Node, word string) (lines []string) {
	for _, n := range nodes {
		for _, line := range n.Lines() {
			if strings.Contains(line, word) {
				lines = append(lines, n.Host.Name+": "+line)
			}
		}
	}
	return lines
}
