package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// Finding each other late, far away, by name, or from memory.

func TestALateNodeOnAQuietLANIsLinkedWithinASecond(t *testing.T) {
	t.Parallel()
	Need(t, "nft")
	lan := New(t)
	hosts := lan.Hosts(2)
	startAll(hosts)
	waitMesh(t, hosts, time.Now())
	waitReady(t, hosts)
	heard := Figure{Name: "a late node on a quiet LAN lists all", Limit: time.Second}
	deaf := Figure{Name: "a late node whose first three announces are lost lists all", Limit: 2 * time.Second}
	for i := range 6 {
		late := lan.Host() // nobody has known it before
		hosts = append(hosts, late)
		figure := &heard
		if i >= 3 {
			// It hears nobody either: others have to hear it. An announce takes 108 bytes.
			late.Rules(`table inet lab {
				chain out { type filter hook output priority 0; oifname eth0 udp dport 9000 quota until 330 bytes drop; }
				chain in { type filter hook input priority 0; iifname eth0 udp dport 9000 drop; }
			}`)
			figure = &deaf
		}
		n := withoutRaw(late)
		figure.Add(waitMesh(t, hosts, n.Started))
	}
	heard.Check(t)
	deaf.Check(t)
}

func TestNodesAcrossARouterAreOneWhereTwoNameEachOther(t *testing.T) {
	t.Parallel()
	near, away := New(t), New(t)
	near.Route(away)
	hosts := append(near.Hosts(2), away.Hosts(2)...)
	f := Figure{Name: "two networks with a router between, a node of each told of the other's: what one sets all read", Limit: rejoin}
	told := map[int]string{0: hosts[3].Addr.String() + ":9000", 3: hosts[0].Addr.String()}
	var last *Node
	for i, h := range hosts {
		var args []string
		if told[i] != "" {
			args = []string{"--peer", told[i]}
		}
		last = h.Start(args...)
	}
	waitReady(t, hosts)
	// Without a secret a node serves hosts of other networks only that it was told of: the two pass on what the others write (R12).
	waitState(t, hosts[:1], hosts[3].ID(9000), "alive", last.Started)
	for i, from := range hosts {
		begin := time.Now()
		readEverywhere(t, from, hosts, fmt.Sprintf("routed-%d", i))
		f.Add(time.Since(begin))
	}
	f.Check(t)
}

// Three networks with routers between, which no broadcast passes: two nodes are told of a third, one of them comes later. The third
// tells each of the other.
func TestNodesThatAreToldOfOneAreAFullMeshAcrossRouters(t *testing.T) {
	t.Parallel()
	for _, keyed := range []bool{true, false} {
		nets := []*Network{New(t), New(t), New(t)}
		for i, n := range nets {
			n.Route(nets[(i+1)%3])
		}
		hosts := []*Host{nets[0].Host(), nets[1].Host(), nets[2].Host()}
		var secret, told []string
		name := "three networks, two nodes told of the third, with a secret: the one that came later is linked with both"
		if keyed {
			file, _ := newSecret(t, hosts[0])
			secret = []string{"--secret-file", file}
		} else { // then a node serves hosts of other networks only that it expects
			name = "the same without a secret, the third told of both"
			told = []string{"--peer", hosts[1].Addr.String(), "--peer", hosts[2].Addr.String()}
		}
		all := func(hosts []*Host) bool {
			return !slices.ContainsFunc(hosts, func(h *Host) bool {
				linked := 0
				for _, m := range membersOf(h, secret) {
					if m.State == "alive" && m.Via == "" {
						linked++
					}
				}
				return linked != len(hosts)-1
			})
		}
		hosts[0].Start(append(told, secret...)...)
		args := append([]string{"--peer", hosts[0].Addr.String()}, secret...)
		hosts[1].Start(args...)
		Poll(t, patience, "two to list each other", func() bool { return all(hosts[:2]) })
		Poll(t, patience, "one to be ready", func() bool { return hosts[1].Ready(secret...) })
		f := Figure{Name: name, Limit: rejoin}
		last := hosts[2].Start(args...)
		Poll(t, patience, "three to list each other", func() bool { return all(hosts) })
		f.Add(time.Since(last.Started))
		Poll(t, patience, "one link a pair", func() bool { return linkFaults(hosts) == "" })
		f.Check(t)
	}
}

func membersOf(h *Host, args []string) []Member {
	members, _ := h.Members(args...)
	return members
}

// Two networks that only the node with a card in both joins: the others list each other by that node, and no longer when it is gone.
func TestNodesOfTwoNetworksThatOneNodeJoinsListEachOther(t *testing.T) {
	t.Parallel()
	first, second := New(t), New(t)
	hosts := append(first.Hosts(2), second.Hosts(2)...)
	second.AddCard(hosts[0], "eth1")
	nodes := startAll(hosts)
	f := Figure{Name: "two networks that one node joins: all list all", Limit: rejoin}
	between, begin := hosts[0].ID(9000), nodes[3].Started
	lists := func(h, other *Host, via string) bool {
		members, _ := h.Members()
		return slices.ContainsFunc(members, func(m Member) bool { return m.ID == other.ID(9000) && m.State == "alive" && m.Via == via })
	}
	for _, far := range hosts[2:] {
		Poll(t, patience, "the two networks to list each other", func() bool {
			return lists(hosts[1], far, between) && lists(far, hosts[1], between) && lists(far, hosts[0], "")
		})
	}
	f.Add(time.Since(begin))
	waitReady(t, hosts)
	nodes[0].Kill()
	Poll(t, patience, "the networks to be apart", func() bool { return !lists(hosts[1], hosts[2], between) && !lists(hosts[2], hosts[1], between) })
	f.Check(t)
}

func TestAMemberOfThePastIsFoundAgainWhereNothingElseFindsIt(t *testing.T) {
	t.Parallel()
	Need(t, "nft")
	hosts := New(t).Hosts(3)
	for _, h := range hosts {
		h.Rules(dropBroadcasts)
	}
	dir := t.TempDir()
	withoutRaw(hosts[0])
	withoutRaw(hosts[1], "--peer", hosts[0].Addr.String())
	n := withoutRaw(hosts[2], "--peer", hosts[0].Addr.String(), "--state-dir", dir)
	waitMesh(t, hosts, n.Started)
	Poll(t, patience, "the state folder to hold two addresses", func() bool { return len(lines(t, dir)) == 2 })
	f := Figure{Name: "a node that starts again and is told of nobody is with those it knew", Limit: 2 * time.Second}
	for range 3 {
		n.Kill()
		waitState(t, hosts[:2], hosts[2].ID(9000), "dead", time.Now())
		n = withoutRaw(hosts[2], "--state-dir", dir)
		f.Add(waitMesh(t, hosts, n.Started))
	}
	f.Check(t)
	// systemd names the folder by a variable.
	n.Term()
	n.WaitExit(patience)
	n = hosts[2].Launch(Launch{Env: []string{"STATE_DIRECTORY=" + dir + ":/elsewhere"}})
	waitMesh(t, hosts, n.Started)
	// Garbage costs the memory and nothing else.
	n.Term()
	n.WaitExit(patience)
	for _, file := range files(t, dir) {
		if err := os.WriteFile(file, noise(5000), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	withoutRaw(hosts[2], "--state-dir", dir)
	waitReady(t, hosts[2:])
	if states := hosts[2].States(); len(states) != 1 {
		t.Errorf("out of garbage the node has found %v", states)
	}
}

// files are the files in a state folder.
func files(t *testing.T, dir string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "members-*"))
	if err != nil || len(all) != 1 {
		t.Fatalf("the state folder holds %v, %v", all, err)
	}
	return all
}

// lines are those of the one file in a state folder.
func lines(t *testing.T, dir string) []string {
	t.Helper()
	text, err := os.ReadFile(files(t, dir)[0])
	if err != nil {
		t.Fatal(err)
	}
	return slices.Collect(strings.Lines(string(text)))
}

// A name works across a router, which no broadcast passes, and is looked up again.
func TestANameIsLookedUpAgainWhenItsMachineHasMoved(t *testing.T) {
	t.Parallel()
	Need(t, "unshare")
	near, away := New(t), New(t)
	near.Route(away)
	hosts := []*Host{away.Host(), near.Host()}
	file, _ := newSecret(t, hosts[0])
	secret := []string{"--secret-file", file} // without one a node serves hosts of other networks only that it expects
	names := filepath.Join(t.TempDir(), "hosts")
	write := func(text string) {
		if err := os.WriteFile(names, []byte(text), 0o644); err != nil { // in place: it is what the node has for /etc/hosts
			t.Fatal(err)
		}
	}
	write("127.0.0.1 localhost\n")
	hosts[0].Start(secret...)
	n := hosts[1].Launch(Launch{
		Wrap: []string{"unshare", "-m", "--propagation", "private", "sh", "-c", "mount --bind " + names + ` /etc/hosts && exec "$@"`, "sh"},
		Args: append([]string{"run", "--peer", "cache.lab"}, secret...),
	})
	for _, h := range hosts {
		Poll(t, patience, h.Name+" to be ready", func() bool { return h.Ready(secret...) })
	}
	if n.Count("--peer has no IPv4 address yet", "cache.lab") != 1 {
		t.Errorf("a name without an address is not told of once:\n%v", n.Lines())
	}
	f := Figure{Name: "a name, across a router, that has come to mean another address: linked with the machine there", Limit: 12 * time.Second}
	begin := time.Now()
	write(fmt.Sprintf("127.0.0.1 localhost\n%s cache.lab\n", hosts[0].Addr))
	for _, h := range hosts {
		Poll(t, patience, h.Name+" to be linked", func() bool {
			return slices.ContainsFunc(membersOf(h, secret), func(m Member) bool { return m.State == "alive" })
		})
	}
	f.Add(time.Since(begin))
	f.Check(t)
}
