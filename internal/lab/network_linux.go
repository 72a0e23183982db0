package lab

import (
	"fmt"
	"net/netip"
	"os/exec"
	"testing"
)

// A Network is one LAN: a switch and the hosts plugged into it.
type Network struct {
	t      testing.TB
	name   string // begins the names of its namespaces
	number byte   // third byte of its addresses
	bridge string // the namespace of the switch
	hosts  []*Host
	extra  int      // second cards of hosts of other networks
	spaces []string // every namespace made, for the cleanup
}

// New makes an empty LAN that is gone when the test ends. It calls Need for what every lab test needs.
func New(t testing.TB) *Network {
	t.Helper()
	Need(t, basics...)
	mine, err := self()
	if err != nil {
		t.Fatal(err)
	}
	number := serial.Add(1)
	n := &Network{t: t, name: fmt.Sprintf("%s-%d", mine, number), number: byte(number%250 + 1)}
	n.bridge = n.name + "-switch"
	t.Cleanup(n.remove)
	n.addSpace(n.bridge)
	if err := ipBatch(n.bridge,
		"link add lan type bridge forward_delay 0 stp_state 0",
		fmt.Sprintf("addr add %s/24 dev lan", n.gateway()),
		"link set lan up",
	); err != nil {
		t.Fatal(err)
	}
	return n
}

// Hosts plugs in several hosts with a default route each.
func (n *Network) Hosts(count int) []*Host {
	n.t.Helper()
	all := make([]*Host, count)
	for i := range all {
		all[i] = n.Host()
	}
	return all
}

// Host plugs in a host as most LANs have them: one card, an address, a default route.
func (n *Network) Host() *Host {
	n.t.Helper()
	h := n.plug()
	h.mustIP("route add default via " + n.gateway().String())
	h.routed = true
	return h
}

// HostWithoutRoute plugs in a host that knows its own network only.
func (n *Network) HostWithoutRoute() *Host {
	n.t.Helper()
	return n.plug()
}

// Clone plugs in a host whose card has the MAC address of another, as a cloned virtual machine has. The switch becomes a
// hub for good: one that learns addresses would send each of the two what is for the other.
func (n *Network) Clone(of *Host) *Host {
	n.t.Helper()
	if err := ipBatch(n.bridge, "link set lan type bridge ageing_time 0"); err != nil {
		n.t.Fatal(err)
	}
	h := n.plug()
	h.MAC = of.MAC
	h.mustIP("link set eth0 down", "link set eth0 address "+of.MAC)
	h.routed = true
	h.CardUp()
	return h
}

func (n *Network) gateway() netip.Addr { return netip.AddrFrom4([4]byte{10, 77, n.number, 254}) }

func (n *Network) plug() *Host {
	n.t.Helper()
	number := len(n.hosts) + 1
	if number > maxHosts {
		n.t.Fatalf("a network has at most %d hosts", maxHosts)
	}
	h := &Host{
		Name: fmt.Sprintf("h%d", number),
		Addr: netip.AddrFrom4([4]byte{10, 77, n.number, byte(number)}),
		MAC:  fmt.Sprintf("02:fc:00:00:%02x:%02x", n.number, number),
		net:  n, port: fmt.Sprintf("port%d", number),
	}
	name := n.name + "-" + h.Name
	n.addSpace(name)
	inside, err := enterNamespace(name)
	if err != nil {
		n.t.Fatal(err)
	}
	h.inside = inside
	n.hosts = append(n.hosts, h)
	if err := ipBatch(n.bridge,
		fmt.Sprintf("link add %s type veth peer name eth0 netns %s address %s", h.port, name, h.MAC),
		fmt.Sprintf("link set %s master lan up", h.port),
	); err != nil {
		n.t.Fatal(err)
	}
	h.mustIP("link set lo up", fmt.Sprintf("addr add %s/24 brd + dev eth0", h.Addr), "link set eth0 up")
	h.waitCarrier("eth0")
	return h
}

// A Card is a second card of a host, plugged into another network than its first.
type Card struct {
	Addr netip.Addr
	net  *Network
	port string
}

// CableDown pulls the card's cable out of its switch; CableUp plugs it in again.
func (c *Card) CableDown() { c.net.t.Helper(); c.net.mustSwitch("link set " + c.port + " down") }

// CableUp plugs the cable in again.
func (c *Card) CableUp() { c.net.t.Helper(); c.net.mustSwitch("link set " + c.port + " up") }

// AddCard plugs a host of another network into this one too, by a second card.
func (n *Network) AddCard(h *Host, card string) *Card {
	n.t.Helper()
	n.extra++
	if len(n.hosts)+n.extra > maxHosts {
		n.t.Fatalf("a network has at most %d cards", maxHosts)
	}
	number := maxHosts + n.extra
	port := fmt.Sprintf("port%d", number)
	if err := ipBatch(n.bridge,
		fmt.Sprintf("link add %s type veth peer name %s netns %s address 02:fc:00:01:%02x:%02x", port, card, h.inside.name, n.number, number),
		fmt.Sprintf("link set %s master lan up", port),
	); err != nil {
		n.t.Fatal(err)
	}
	addr := netip.AddrFrom4([4]byte{10, 77, n.number, byte(number)})
	h.mustIP(fmt.Sprintf("addr add %s/24 brd + dev %s", addr, card), "link set "+card+" up")
	h.waitCarrier(card)
	return &Card{Addr: addr, net: n, port: port}
}

// Split moves the cables of the hosts to a second switch, as when the cable between two switches is cut: every card keeps
// its carrier. Heal moves them back.
func (n *Network) Split(away []*Host) {
	n.t.Helper()
	lines := []string{"link add far type bridge forward_delay 0 stp_state 0", "link set far up"}
	for _, h := range away {
		lines = append(lines, fmt.Sprintf("link set %s master far", h.port))
	}
	if err := ipBatch(n.bridge, lines...); err != nil {
		n.t.Fatal(err)
	}
}

// Heal ends a Split.
func (n *Network) Heal() {
	n.t.Helper()
	var lines []string
	for _, h := range n.hosts {
		lines = append(lines, fmt.Sprintf("link set %s master lan", h.port))
	}
	if err := ipBatch(n.bridge, append(lines, "link del far")...); err != nil {
		n.t.Fatal(err)
	}
}

// Limit has every cable carry no more than a rate, "1gbit", each way, for good. It needs tc.
func (n *Network) Limit(rate string) {
	n.t.Helper()
	for _, h := range n.hosts {
		for _, card := range [][2]string{{n.bridge, h.port}, {h.inside.name, "eth0"}} {
			out, err := exec.Command("tc", "-n", card[0], "qdisc", "replace", "dev", card[1], "root", "tbf", "rate", rate, "burst", limitBurst, "limit", limitQueue).CombinedOutput()
			if err != nil {
				n.t.Fatalf("tc: %v: %s", err, out)
			}
		}
	}
}

func (n *Network) mustSwitch(lines ...string) {
	n.t.Helper()
	if err := ipBatch(n.bridge, lines...); err != nil {
		n.t.Fatal(err)
	}
}

// addSpace makes a namespace that the cleanup will delete.
func (n *Network) addSpace(name string) {
	n.t.Helper()
	if err := ipBatch("", "netns add "+name); err != nil {
		n.t.Fatal(err)
	}
	n.spaces = append(n.spaces, name)
}

// remove ends the nodes and deletes the namespaces. A failed test first sees what its nodes said.
func (n *Network) remove() {
	for _, h := range n.hosts {
		for _, node := range h.nodes {
			node.end()
		}
	}
	for _, h := range n.hosts {
		h.inside.close()
	}
	if err := deleteNamespaces(n.spaces); err != nil {
		n.t.Errorf("the lab leaves something behind: %v", err)
	}
}
