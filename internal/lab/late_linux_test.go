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

func TestANameIsLookedUpAgainWhenItsMachineHasMoved(t *testing.T) {
	t.Parallel()
	Need(t, "nft", "unshare")
	hosts := New(t).Hosts(2)
	for _, h := range hosts {
		h.Rules(dropBroadcasts)
	}
	names := filepath.Join(t.TempDir(), "hosts")
	write := func(text string) {
		if err := os.WriteFile(names, []byte(text), 0o644); err != nil { // in place: it is what the node has for /etc/hosts
			t.Fatal(err)
		}
	}
	write("127.0.0.1 localhost\n")
	withoutRaw(hosts[0])
	n := hosts[1].Launch(Launch{
		Wrap: []string{"unshare", "-m", "--propagation", "private", "sh", "-c", "mount --bind " + names + ` /etc/hosts && exec setpriv --bounding-set=-net_raw --inh-caps=-net_raw "$@"`, "sh"},
		Args: []string{"run", "--peer", "cache.lab"},
	})
	waitReady(t, hosts)
	if n.Count("--peer has no IPv4 address yet", "cache.lab") != 1 {
		t.Errorf("a name without an address is not told of once:\n%v", n.Lines())
	}
	f := Figure{Name: "a name that has come to mean another address: linked with the machine there", Limit: 12 * time.Second}
	begin := time.Now()
	write(fmt.Sprintf("127.0.0.1 localhost\n%s cache.lab\n", hosts[0].Addr))
	f.Add(waitMesh(t, hosts, begin))
	f.Check(t)
}
