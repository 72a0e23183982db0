package lab

import (
	"fmt"
	"net/netip"
	"os/exec"
	"slices"
	"testing"
)

// A Network is one LAN: a switch and the hosts plugged into it.
type Network struct {
	t      testing.TB
	name   string // begins the names of its namespaces
	number byte   // third byte of its addresses
	driver driver
	chaos  *chaos // the driver, if it is that one
	hosts  []*Host
	extra  int      // second cards of hosts of other networks
	spaces []string // every namespace made, for the cleanup

	removed bool
}

// New makes an empty LAN that is gone when the test ends. It calls Need for what every lab test needs.
func New(t testing.TB) *Network {
	t.Helper()
	n := newNetwork(t)
	space := n.name + "-switch"
	n.addSpace(space)
	driver, err := newFast(space, n.gateway().String())
	if err != nil {
		t.Fatal(err)
	}
	n.driver = driver
	return n
}

// NewChaos makes an empty LAN whose switch does to frames what Faults says, by a seed: the same frames in the same order on
// a way from one port to another meet the same fate. At first it does nothing to them.
func NewChaos(t testing.TB, seed uint64) *Network {
	t.Helper()
	Need(t, Tun)
	n := newNetwork(t)
	n.chaos = newChaos(seed)
	n.driver = n.chaos
	return n
}

// newNetwork is a network without a switch.
func newNetwork(t testing.TB) *Network {
	t.Helper()
	Need(t, basics...)
	mine, err := self()
	if err != nil {
		t.Fatal(err)
	}
	number := serial.Add(1)
	n := &Network{t: t, name: fmt.Sprintf("%s-%d", mine, number), number: byte(number%250 + 1)}
	t.Cleanup(n.remove)
	return n
}

// Faults says from now on what becomes of frames on the ways between all ports. The switch must be one of NewChaos.
func (n *Network) Faults(f Faults) { n.chaos.faults(f) }

// OneWay has no frame of one host's first card come to another's, or lets them pass again; the other way is as it was. The
// switch must be one of NewChaos.
func (n *Network) OneWay(from, to *Host, cut bool) { n.chaos.oneWay(from.port, to.port, cut) }

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
	n.must(n.driver.hub())
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
	n.must(n.driver.plug(h.port, inside, "eth0", h.MAC))
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
func (c *Card) CableDown() { c.net.t.Helper(); c.net.must(c.net.driver.cable(c.port, false)) }

// CableUp plugs the cable in again.
func (c *Card) CableUp() { c.net.t.Helper(); c.net.must(c.net.driver.cable(c.port, true)) }

// AddCard plugs a host of another network into this one too, by a second card.
func (n *Network) AddCard(h *Host, card string) *Card {
	n.t.Helper()
	n.extra++
	if len(n.hosts)+n.extra > maxHosts {
		n.t.Fatalf("a network has at most %d cards", maxHosts)
	}
	number := maxHosts + n.extra
	port := fmt.Sprintf("port%d", number)
	n.must(n.driver.plug(port, h.inside, card, fmt.Sprintf("02:fc:00:01:%02x:%02x", n.number, number)))
	addr := netip.AddrFrom4([4]byte{10, 77, n.number, byte(number)})
	h.mustIP(fmt.Sprintf("addr add %s/24 brd + dev %s", addr, card), "link set "+card+" up")
	h.waitCarrier(card)
	return &Card{Addr: addr, net: n, port: port}
}

// Route puts a router between two networks of New: their gateways pass on what is for the other, and no broadcast. It is there
// for good.
func (n *Network) Route(other *Network) {
	n.t.Helper()
	here, there := netip.AddrFrom4([4]byte{10, 78, n.number, 1}), netip.AddrFrom4([4]byte{10, 78, n.number, 2})
	near, far := n.driver.(*fast).space, other.driver.(*fast).space
	to, back := fmt.Sprintf("router%d", other.number), fmt.Sprintf("router%d", n.number)
	n.must(ipBatch(near, fmt.Sprintf("link add %s type veth peer name %s netns %s", to, back, far), fmt.Sprintf("addr add %s/30 dev %s", here, to), fmt.Sprintf("link set %s up", to)))
	n.must(ipBatch(far, fmt.Sprintf("addr add %s/30 dev %s", there, back), fmt.Sprintf("link set %s up", back), fmt.Sprintf("route add 10.77.%d.0/24 via %s", n.number, here)))
	n.must(ipBatch(near, fmt.Sprintf("route add 10.77.%d.0/24 via %s", other.number, there)))
	for _, space := range []string{near, far} {
		if out, err := exec.Command("ip", "netns", "exec", space, "sysctl", "-qw", "net.ipv4.ip_forward=1").CombinedOutput(); err != nil {
			n.t.Fatalf("sysctl: %v: %s", err, out)
		}
	}
}

// Split moves the cables of the hosts to a second switch, as when the cable between two switches is cut: every card keeps
// its carrier. Heal moves them back.
func (n *Network) Split(away []*Host) { n.t.Helper(); n.must(n.driver.split(portsOf(away))) }

// Heal ends a Split.
func (n *Network) Heal() { n.t.Helper(); n.must(n.driver.heal(portsOf(n.hosts))) }

// portsOf are those of the first cards of hosts.
func portsOf(hosts []*Host) []string {
	var all []string
	for _, h := range hosts {
		all = append(all, h.port)
	}
	return all
}

// Limit has every cable carry no more than a rate, "1gbit", each way, for good. It needs tc.
func (n *Network) Limit(rate string) {
	n.t.Helper()
	for _, h := range n.hosts {
		n.must(n.driver.limit(h.port, h.inside, "eth0", rate))
	}
}

// Introduce has every host know the others' MAC addresses for good: the kernel keeps 1,024 that were asked for, of all namespaces
// together, which many hosts exceed as machines of their own would not.
func (n *Network) Introduce() {
	n.t.Helper()
	for _, h := range n.hosts {
		var lines []string
		for _, other := range without(n.hosts, h) {
			lines = append(lines, fmt.Sprintf("neigh replace %s lladdr %s dev eth0 nud permanent", other.Addr, other.MAC))
		}
		h.mustIP(lines...)
	}
}

// without is the hosts but one.
func without(hosts []*Host, out *Host) []*Host {
	return slices.DeleteFunc(slices.Clone(hosts), func(h *Host) bool { return h == out })
}

func (n *Network) must(err error) {
	n.t.Helper()
	if err != nil {
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

// stop ends the network before its test does, which has no more use for it.
func (n *Network) stop() {
	for _, h := range n.hosts {
		for _, node := range h.nodes {
			node.awaited = true
		}
	}
	n.remove()
}

// remove ends the nodes and deletes the namespaces, once. A failed test first sees what its nodes said.
func (n *Network) remove() {
	if n.removed {
		return
	}
	n.removed = true
	for _, h := range n.hosts {
		for _, node := range h.nodes {
			node.end()
		}
	}
	if n.driver != nil {
		n.driver.remove()
	}
	for _, h := range n.hosts {
		h.inside.close()
	}
	if err := deleteNamespaces(n.spaces); err != nil {
		n.t.Errorf("the lab leaves something behind: %v", err)
	}
}
