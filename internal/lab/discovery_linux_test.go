package lab

import (
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"
)

func TestThreeNodesFindEachOtherWithinASecond(t *testing.T) {
	Need(t, basics...)
	f := Figure{Name: "three nodes list each other after the last start", Limit: time.Second}
	for range 5 {
		t.Run("run", func(t *testing.T) {
			hosts := New(t).Hosts(3)
			nodes := startAll(hosts)
			f.Add(waitMesh(t, hosts, nodes[2].Started))
		})
	}
	f.Check(t)
}

func TestEightNodesAtOnceAreAFullMeshWithOneLinkAPair(t *testing.T) {
	Need(t, basics...)
	mesh := Figure{Name: "eight nodes started at once list each other", Limit: 3 * time.Second}
	links := Figure{Name: "eight nodes have exactly one link per pair", Limit: 3 * time.Second}
	ready := Figure{Name: "eight nodes started at once are ready", Limit: 4 * time.Second}
	for range 3 {
		t.Run("run", func(t *testing.T) {
			hosts := New(t).Hosts(8)
			nodes := startAll(hosts)
			begin := nodes[7].Started
			mesh.Add(waitMesh(t, hosts, begin))
			if _, ok := Watch(patience, func() bool { return linkFaults(hosts) == "" }); !ok {
				t.Fatalf("not one link per pair: %s", linkFaults(hosts))
			}
			links.Add(time.Since(begin))
			waitReady(t, hosts)
			ready.Add(time.Since(begin))
			// Redials that were under way would show within the longest back-off of a first attempt.
			if _, broken := Watch(time.Second, func() bool { return linkFaults(hosts) != "" }); broken {
				t.Errorf("the mesh did not stay one link per pair: %s", linkFaults(hosts))
			}
		})
	}
	mesh.Check(t)
	links.Check(t)
	ready.Check(t)
}

func TestWithoutADefaultRouteNodesFindEachOther(t *testing.T) {
	n := New(t)
	hosts := []*Host{n.HostWithoutRoute(), n.HostWithoutRoute(), n.HostWithoutRoute()}
	f := Figure{Name: "three nodes without a default route list each other", Limit: time.Second}
	nodes := startAll(hosts)
	f.Add(waitMesh(t, hosts, nodes[2].Started))
	f.Check(t)
}

func TestTwoClustersOnOneLANDoNotMix(t *testing.T) {
	t.Parallel()
	hosts := New(t).Hosts(4)
	for i, h := range hosts {
		h.Start("--cluster", []string{"red", "blue"}[i%2])
	}
	red, blue := []*Host{hosts[0], hosts[2]}, []*Host{hosts[1], hosts[3]}
	waitMesh(t, red, time.Now())
	waitMesh(t, blue, time.Now())
	waitReady(t, hosts)
	mustCovey(t, hosts[0], "set", "color", "red")
	mustCovey(t, hosts[1], "set", "color", "blue")
	for _, h := range hosts {
		want := "red\n"
		if h == hosts[1] || h == hosts[3] {
			want = "blue\n"
		}
		Poll(t, patience, "the cluster's own value on "+h.Name, func() bool { return h.Covey("get", "color").Stdout == want })
	}
	for _, h := range hosts {
		if links := h.Links(9000); len(links) != 1 {
			t.Errorf("%s has links with %v, want its own cluster's other node alone", h.Name, links)
		}
		if r, _ := h.Report("info"); h.Number(r, "other_clusters") == 0 {
			t.Errorf("%s did not count the other cluster's announces", h.Name)
		}
	}
}

// dropBroadcasts keeps the announces on UDP from entering and leaving a host, as a firewall does.
const dropBroadcasts = `table inet lab {
	chain in { type filter hook input priority 0; udp dport 9000 drop; }
	chain out { type filter hook output priority 0; udp dport 9000 drop; }
}`

func TestWhereBroadcastsDoNotPassAPeerByAddressIsFound(t *testing.T) {
	t.Parallel()
	hosts := New(t).Hosts(3)
	for _, h := range hosts {
		h.Rules(dropBroadcasts)
	}
	withoutRaw(hosts[0])
	withoutRaw(hosts[1], "--peer", hosts[0].Addr.String()+":9000")
	withoutRaw(hosts[2], "--peer", hosts[0].Addr.String())
	// The second and the third are told of each other by the first.
	waitMesh(t, hosts, time.Now())
}

func TestWhereUDPIsFilteredTheLayer2BeaconFindsNodes(t *testing.T) {
	t.Parallel()
	hosts := New(t).Hosts(3)
	for _, h := range hosts {
		h.Rules(dropBroadcasts)
	}
	nodes := startAll(hosts)
	took := waitMesh(t, hosts, nodes[2].Started)
	t.Logf("by Ethernet frames alone: %v", took.Round(time.Millisecond))
}

// withoutRaw starts a node that may not open AF_PACKET sockets.
func withoutRaw(h *Host, args ...string) *Node {
	h.net.t.Helper()
	Need(h.net.t, "setpriv")
	return h.Launch(Launch{
		Wrap: []string{"setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw"},
		Args: append([]string{"run"}, args...),
	})
}

func TestWithoutLayer2PermissionNodesFindEachOtherAndSaySoOnce(t *testing.T) {
	hosts := New(t).Hosts(3)
	var nodes []*Node
	for _, h := range hosts[:2] {
		nodes = append(nodes, withoutRaw(h))
	}
	// The third runs as a user with no rights at all.
	nodes = append(nodes, hosts[2].Launch(Launch{
		Wrap: []string{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"},
		Args: []string{"run"},
	}))
	f := Figure{Name: "three nodes without CAP_NET_RAW list each other", Limit: time.Second}
	f.Add(waitMesh(t, hosts, nodes[2].Started))
	f.Check(t)
	for _, n := range nodes {
		Poll(t, patience, "a line on layer 2 from "+n.Host.Name, func() bool { return n.Count("Ethernet frames") > 0 })
		if said := n.Count("Ethernet frames"); said != 1 {
			t.Errorf("%s speaks of layer 2 in %d lines, want 1:\n%v", n.Host.Name, said, n.Lines())
		}
	}
}

// mustCovey runs a verb that must succeed.
func mustCovey(t *testing.T, h *Host, args ...string) string {
	t.Helper()
	out := h.Covey(args...)
	if out.Code != 0 {
		t.Fatalf("%s: covey %v: status %d: %s", h.Name, args, out.Code, out.Stderr)
	}
	return out.Stdout
}

func TestTheFirewallLinesOfTheREADMEOpenAllThatIsNeeded(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	n := New(t)
	hosts := n.Hosts(3)
	network := netip.PrefixFrom(n.gateway(), 24).Masked().String()
	var lines []string
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "nft add rule inet filter input ") {
			rule := strings.TrimPrefix(strings.TrimSpace(line), "nft ")
			lines = append(lines, strings.Replace(rule, "10.0.0.0/24", network, 1))
		}
	}
	if len(lines) != 2 {
		t.Fatalf("the README has %d nft lines, want one for TCP and one for UDP", len(lines))
	}
	const closed = `table inet filter { chain input { type filter hook input priority 0; policy drop;
		iif lo accept; ct state established,related accept; }; }`
	for _, h := range hosts {
		h.Rules(closed + "\n" + strings.Join(lines, "\n"))
		withoutRaw(h) // an Ethernet frame would pass any of these rules
	}
	shut := n.Host()
	shut.Rules(closed)
	withoutRaw(shut)
	took := waitMesh(t, hosts, time.Now())
	waitReady(t, append(hosts, shut))
	if states := shut.States(); len(states) != 1 {
		t.Errorf("behind the same firewall without the lines a node lists %v: the test shows nothing", states)
	}
	t.Logf("behind a firewall with the README's lines: %v", took.Round(time.Millisecond))
}
