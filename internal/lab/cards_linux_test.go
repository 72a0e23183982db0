package lab

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// Cards that come and go while nodes run, and machines with more than one.

// rejoin is the limit for a node to be with all others again after its network has changed.
const rejoin = 3 * time.Second

// stays fails the test if a node of the hosts has told of any death, or of another being anything but linked again.
func stays(t *testing.T, nodes []*Node, what string) {
	t.Helper()
	for _, n := range nodes {
		if n.Count("member changed", "state=dead") > 0 {
			t.Errorf("%s: %s took a member for dead", what, n.Host.Name)
		}
	}
}

// readEverywhere sets a value on one host and waits until all have it.
func readEverywhere(t *testing.T, from *Host, hosts []*Host, key string) {
	t.Helper()
	mustCovey(t, from, "set", key, "v-"+key)
	for _, h := range hosts {
		Poll(t, patience, key+" on "+h.Name, func() bool { return h.Covey("get", key).Stdout == "v-"+key+"\n" })
	}
}

func TestANodeFollowsItsCardsToOtherAddresses(t *testing.T) {
	t.Parallel()
	hosts, nodes := mesh(t, 3)
	moves := hosts[2]
	renumbered := Figure{Name: "a node whose card got another address is found there by all", Limit: rejoin}
	renewed := Figure{Name: "a node whose card lost its address for 300 ms is with all", Limit: rejoin}
	for i := range 3 {
		begin := time.Now()
		moves.Renumber(byte(77 + i))
		renumbered.Add(waitMesh(t, hosts, begin))
	}
	for range 3 {
		moves.mustIP(fmt.Sprintf("addr del %s/24 dev eth0", moves.Addr))
		<-time.After(300 * time.Millisecond)
		begin := time.Now()
		moves.mustIP(fmt.Sprintf("addr add %s/24 brd + dev eth0", moves.Addr))
		renewed.Add(waitMesh(t, hosts, begin))
	}
	readEverywhere(t, moves, hosts, "moved")
	Poll(t, patience, "one link per pair", func() bool { return linkFaults(hosts) == "" })
	stays(t, nodes, "another address")
	renumbered.Check(t)
	renewed.Check(t)
}

func TestACardThatIsPluggedInBringsItsNetworkAndTakesItAwayWithIt(t *testing.T) {
	t.Parallel()
	first, second := New(t), New(t)
	hosts := first.Hosts(2)
	far := second.Host()
	nodes := startAll(hosts)
	nodes = append(nodes, far.Start())
	waitMesh(t, hosts, time.Now())
	waitReady(t, append(hosts, far))
	added := Figure{Name: "a card plugged in while the node runs: its network's nodes are linked", Limit: rejoin}
	gone := Figure{Name: "a card pulled out while the node runs: its network's nodes are dead here", Limit: 4 * time.Second}
	for i := range 3 {
		card := fmt.Sprintf("eth%d", i+1)
		begin := time.Now()
		second.AddCard(hosts[1], card)
		added.Add(waitState(t, []*Host{hosts[1]}, far.ID(9000), "alive", begin))
		Poll(t, patience, "the other end to show it too", func() bool { return far.States()[hosts[1].ID(9000)] == "alive" })
		// The node between passes on what either side writes (R12).
		readEverywhere(t, hosts[0], []*Host{hosts[0], hosts[1], far}, fmt.Sprintf("over-%d", i))
		readEverywhere(t, far, []*Host{hosts[0], hosts[1], far}, fmt.Sprintf("back-%d", i))
		begin = time.Now()
		hosts[1].mustIP("link del " + card)
		gone.Add(waitState(t, []*Host{hosts[1]}, far.ID(9000), "dead", begin))
		waitState(t, []*Host{far}, hosts[1].ID(9000), "dead", begin)
	}
	if faults := linkFaults(hosts); faults != "" {
		t.Errorf("the network that nothing happened to: %s", faults)
	}
	stays(t, nodes[:1], "another machine's second card")
	added.Check(t)
	gone.Check(t)
}

// linkOver counts the connections of two hosts on port 9000 by the other's address.
func linkOver(h *Host, to netip.Addr) int { return h.Links(9000)[to] }

func TestTwoNodesThatShareTwoNetworksHaveOneLinkAndUseTheOtherWhenItFails(t *testing.T) {
	t.Parallel()
	Need(t, "nft")
	n, second := New(t), New(t)
	hosts := n.Hosts(2)
	var cards []*Card
	for _, h := range hosts {
		cards = append(cards, second.AddCard(h, "eth1"))
	}
	nodes := startAll(hosts)
	waitReady(t, hosts)
	one := func() bool {
		return hosts[0].LinkCount(9000) == 1 && hosts[1].LinkCount(9000) == 1
	}
	Poll(t, patience, "one link over either network", one)
	pulled := Figure{Name: "two shared networks, a cable of the link's is pulled: linked over the other", Limit: rejoin}
	silent := Figure{Name: "two shared networks, the link's goes silent: linked over the other", Limit: rejoin}
	removed := Figure{Name: "two shared networks, a card of the link's is removed: linked over the other", Limit: rejoin}
	// onFirst tells which of the networks the link goes over at the moment.
	onFirst := func() bool { return linkOver(hosts[0], hosts[1].Addr) == 1 }
	onSecond := func() bool { return linkOver(hosts[0], cards[1].Addr) == 1 }
	for i := range 5 {
		Poll(t, patience, "one link", func() bool { return one() && onFirst() != onSecond() })
		// Both have heard the other over both networks by then: an announce goes at every change of the cards.
		card, down, up, other := "eth0", hosts[i%2].CableDown, hosts[i%2].CableUp, onSecond
		if onSecond() {
			card, down, up, other = "eth1", cards[i%2].CableDown, cards[i%2].CableUp, onFirst
		}
		figure := &pulled
		switch i {
		case 2, 3:
			figure = &silent
			down = func() {
				hosts[i%2].Rules("table inet lab { chain in { type filter hook input priority 0; iifname " + card + " drop; }; chain out { type filter hook output priority 0; oifname " + card + " drop; }; }")
			}
			up = func() { hosts[i%2].Rules("") }
		case 4: // for good
			figure = &removed
			down, up = func() { hosts[0].mustIP("link del " + card) }, func() {}
		}
		begin := time.Now()
		down()
		for _, h := range hosts {
			Poll(t, patience, "a link over the network that is left", func() bool {
				links := h.Links(9000)
				return links[cards[0].Addr]+links[cards[1].Addr]+links[hosts[0].Addr]+links[hosts[1].Addr] > 0 && other()
			})
		}
		mustCovey(t, hosts[0], "set", "turn", fmt.Sprint(i))
		Poll(t, patience, "a value over the network that is left", func() bool { return hosts[1].Covey("get", "turn").Stdout == fmt.Sprintf("%d\n", i) })
		figure.Add(time.Since(begin))
		if up(); figure != &removed {
			<-time.After(2 * time.Second) // announces on both networks again, those of a card that came back
		}
	}
	stays(t, nodes, "the other network was there")
	pulled.Check(t)
	silent.Check(t)
	removed.Check(t)
}

func TestContainersOfAMachineAreNotTakenForItsNetwork(t *testing.T) {
	t.Parallel()
	hosts := New(t).Hosts(4)
	docker, bridged, alone, plain := hosts[0], hosts[1], hosts[2], hosts[3]
	// A machine that runs containers: a bridge with an address, and a port of it.
	docker.mustIP("link add docker0 type bridge", "addr add 172.17.0.1/16 brd + dev docker0", "link set docker0 up",
		"link add veth1234567 type veth peer name inner", "link set veth1234567 master docker0 up", "addr add 172.18.0.1/16 brd + dev inner", "link set inner name veth7654321", "link set veth7654321 up")
	docker.waitCarrier("docker0")
	// One whose bridge has the machine's own card as a port: virtual machines share the LAN that way.
	bridged.mustIP("link add virbr0 type bridge forward_delay 0 stp_state 0", "link set virbr0 address "+bridged.MAC, fmt.Sprintf("addr del %s/24 dev eth0", bridged.Addr),
		"link set eth0 master virbr0", fmt.Sprintf("addr add %s/24 brd + dev virbr0", bridged.Addr), "link set virbr0 up")
	bridged.waitCarrier("virbr0")
	// One that has nothing else: a container.
	alone.mustIP("link set eth0 down", "link set eth0 name veth0", "link set veth0 up")
	alone.waitCarrier("veth0")
	f := Figure{Name: "machines with a Docker bridge, a bridged card, a veth alone list each other", Limit: time.Second}
	nodes := startAll(hosts)
	f.Add(waitMesh(t, hosts, nodes[3].Started))
	f.Check(t)
	for _, want := range []struct {
		node  *Node
		words []string
	}{
		{nodes[0], []string{"card docker0: skipped, a Docker bridge, going by its name; --interfaces docker0 would use it"}},
		{nodes[0], []string{"card veth7654321: skipped, a container port"}},
		{nodes[0], []string{"card eth0: used"}},
		{nodes[1], []string{"card virbr0: used"}},
		{nodes[1], []string{"card eth0: skipped, a port of virbr0, which has the address"}},
		{nodes[2], []string{"card veth0: used"}},
		{nodes[3], []string{"card eth0: used"}},
	} {
		if want.node.Count(want.words...) != 1 {
			t.Errorf("%s does not say %q:\n%s", want.node.Host.Name, want.words, strings.Join(want.node.Lines(), "\n"))
		}
	}
	// And what the user says counts more than what the names say.
	nodes[0].Term()
	nodes[0].WaitExit(patience)
	named := docker.Start("--interfaces", "docker*,!veth*,eth0")
	waitMesh(t, hosts, named.Started)
	if named.Count("card docker0: used") != 1 || named.Count("card veth7654321: skipped, excluded by --interfaces") != 1 {
		t.Errorf("--interfaces does not decide:\n%s", strings.Join(named.Lines(), "\n"))
	}
	readEverywhere(t, plain, hosts, "bridged")
}

func TestACardThatIsDownForTenSecondsIsBackWithoutARestart(t *testing.T) {
	t.Parallel()
	hosts, nodes := mesh(t, 3)
	f := Figure{Name: "a card that was down for 10 s: all list each other", Limit: rejoin}
	hosts[2].CardDown()
	mustCovey(t, hosts[0], "set", "meanwhile", "x")
	<-time.After(10 * time.Second)
	begin := time.Now()
	hosts[2].CardUp()
	f.Add(waitMesh(t, hosts, begin))
	Poll(t, patience, "what was written meanwhile", func() bool { return hosts[2].Covey("get", "meanwhile").Stdout == "x\n" })
	if !nodes[2].Running() {
		t.Error("the node ended")
	}
	f.Check(t)
}
