package lab

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// ports are those that three nodes of one machine take.
var ports = []int{9000, 9001, 9002}

// seesPorts says whether the node on the port lists exactly the nodes of all ports.
func seesPorts(h *Host, port int, mac string) bool {
	h.net.t.Helper()
	members, ok := h.Members("--addr", fmt.Sprintf("127.0.0.1:%d", port))
	if !ok || len(members) != len(ports) {
		return false
	}
	for _, m := range members {
		known := false
		for _, p := range ports {
			state := "alive"
			if p == port {
				state = "self"
			}
			known = known || strings.HasSuffix(m.Addr, fmt.Sprintf(":%d", p)) && m.State == state &&
				strings.HasSuffix(m.ID, fmt.Sprintf("-%d", p)) && (mac == "" || m.MAC == mac)
		}
		if !known {
			return false
		}
	}
	return true
}

// threeOnOne starts three nodes without an argument on one host and waits until they share values.
func threeOnOne(t *testing.T, h *Host, mac, what string) {
	t.Helper()
	nodes := []*Node{h.Start(), h.Start(), h.Start()}
	begin := nodes[2].Started
	for _, port := range ports {
		Poll(t, patience, fmt.Sprintf("the node on port %d to list three", port), func() bool { return seesPorts(h, port, mac) })
	}
	f := Figure{Name: what + " list each other", Limit: time.Second}
	f.Add(time.Since(begin))
	f.Check(t)
	mustCovey(t, h, "set", "k", "v", "--addr", "127.0.0.1:9000")
	for _, port := range ports {
		Poll(t, patience, "the value", func() bool {
			return h.Covey("get", "k", "--addr", fmt.Sprintf("127.0.0.1:%d", port)).Stdout == "v\n"
		})
	}
	moved := 0
	for _, n := range nodes {
		moved += min(1, n.Count("taken", "9001")) + min(1, n.Count("taken", "9002"))
	}
	if moved != 2 {
		t.Errorf("%d of 2 nodes that moved to another port said so", moved)
	}
}

func TestThreeNodesOnOneMachineTakeThreePortsAndFindEachOther(t *testing.T) {
	h := New(t).Host()
	threeOnOne(t, h, h.MAC, "three nodes on one machine")
}

func TestThreeNodesOnAMachineWithoutANetworkFindEachOther(t *testing.T) {
	h := New(t).Host()
	h.CardDown()
	threeOnOne(t, h, "", "three nodes on a machine without a network")
}

func TestTwoMachinesWithTwoNodesEachAreOneCluster(t *testing.T) {
	t.Parallel()
	hosts := New(t).Hosts(2)
	for _, h := range hosts {
		h.Start()
		h.Start()
	}
	for _, h := range hosts {
		for _, port := range ports[:2] {
			Poll(t, patience, fmt.Sprintf("%s port %d to list four", h.Name, port), func() bool {
				alive := 0
				for _, state := range h.States("--addr", fmt.Sprintf("127.0.0.1:%d", port)) {
					if state == "alive" || state == "self" {
						alive++
					}
				}
				return alive == 4
			})
		}
	}
}

func TestATakenPortIsAnErrorWhenItWasNamed(t *testing.T) {
	t.Parallel()
	h := New(t).Host()
	h.Listen("0.0.0.0:9000")
	n := h.Start("--listen", "0.0.0.0:9000")
	code, when := n.WaitExit(patience)
	if code != 1 && code != 2 {
		t.Errorf("the exit status is %d, want a failure", code)
	}
	f := Figure{Name: "a node whose named port is taken ends", Limit: 2 * time.Second}
	f.Add(when.Sub(n.Started))
	f.Check(t)
	if n.Count("9000", "taken", "--listen") == 0 {
		t.Errorf("no sentence says that the port is taken and what to do:\n%v", n.Lines())
	}
}

func TestATakenPortIsPassedOverWhenNoneWasNamed(t *testing.T) {
	t.Parallel()
	hosts := New(t).Hosts(2)
	hosts[0].Listen("127.0.0.1:9000") // on one address alone: still taken
	n := hosts[0].Start()
	hosts[1].Start()
	Poll(t, patience, "the other machine's node to list the moved one", func() bool {
		return hosts[1].States()[hosts[0].ID(9001)] == "alive"
	})
	if n.Count("taken", "9001") == 0 {
		t.Errorf("the node does not say that it took another port:\n%v", n.Lines())
	}
}

func TestASecondNodeOnANamedPortIsAnError(t *testing.T) {
	t.Parallel()
	h := New(t).Host()
	h.Start()
	waitReady(t, []*Host{h})
	n := h.Start("--listen", "0.0.0.0:9000")
	if code, _ := n.WaitExit(patience); code == 0 || n.Count("9000", "taken") == 0 {
		t.Errorf("status %d, said %v", code, n.Lines())
	}
	if !h.Ready() {
		t.Error("the first node no longer answers")
	}
}

func TestTheFirstLinesTellWhereTheNodeIsAndHowToTryIt(t *testing.T) {
	t.Parallel()
	hosts, nodes := mesh(t, 2)
	for i, n := range nodes {
		Poll(t, patience, "how to try it", func() bool { return n.Count("covey set") > 0 })
		for _, words := range [][]string{
			{hosts[i].ID(9000)}, {"9000"}, {"eth0", "used", hosts[i].Addr.String()}, {"lo", "skipped"}, {"cluster default", "already here"},
		} {
			if n.Count(words...) == 0 {
				t.Errorf("no line holds %q:\n%s", words, strings.Join(n.Lines(), "\n"))
			}
		}
	}
}

func TestANodeThatListensOnLoopbackIsForItsMachineAlone(t *testing.T) {
	t.Parallel()
	hosts := New(t).Hosts(2)
	hosts[0].Start("--listen", "127.0.0.1:9000")
	hosts[0].Start("--listen", "127.0.0.1:9001")
	hosts[1].Start()
	Poll(t, patience, "the two of one machine to see each other", func() bool { return len(hosts[0].States()) == 2 })
	waitReady(t, hosts)
	// The node next door has announced itself and had the time to be found.
	if states := hosts[1].States(); len(states) != 1 {
		t.Errorf("the other machine lists %v, want itself alone", states)
	}
	if states := hosts[0].States(); len(states) != 2 {
		t.Errorf("a node on loopback lists %v, want its own machine's two", states)
	}
}
