package lab

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// The lab itself, without a node: a test that fails here says nothing about covey.

// serveEcho answers every connection on the host's port 7 with what it was sent.
func serveEcho(h *Host) {
	listener := h.Listen("0.0.0.0:7")
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				var b [16]byte
				for {
					n, err := conn.Read(b[:])
					if err != nil {
						return
					}
					conn.Write(b[:n])
				}
			}()
		}
	}()
}

// echoes says whether from can talk to the echo server of to within limit.
func echoes(from, to *Host, limit time.Duration) bool {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	conn, err := from.Dial(ctx, "tcp4", netip.AddrPortFrom(to.Addr, 7).String())
	if err != nil {
		return false
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(limit))
	var b [5]byte
	if _, err := conn.Write([]byte("hello")); err != nil {
		return false
	}
	n, err := conn.Read(b[:])
	return err == nil && string(b[:n]) == "hello"
}

// drivers make a network each, on which the same is true as long as no fault is asked for.
var drivers = map[string]func(testing.TB) *Network{
	"fast":  New,
	"chaos": func(t testing.TB) *Network { return NewChaos(t, 1) },
}

func TestHostsReachEachOtherAndOnlyEachOther(t *testing.T) {
	for name, network := range drivers {
		t.Run(name, func(t *testing.T) { reachEachOther(t, network) })
	}
}

func reachEachOther(t *testing.T, network func(testing.TB) *Network) {
	before := ownCards(t)
	one, other := network(t), network(t)
	a, b := one.Host(), one.HostWithoutRoute()
	foreign := other.Host()
	for _, h := range []*Host{a, b, foreign} {
		serveEcho(h)
	}
	for _, pair := range [][2]*Host{{a, b}, {b, a}, {a, a}} {
		if !echoes(pair[0], pair[1], 2*time.Second) {
			t.Errorf("%s does not reach %s", pair[0].Name, pair[1].Name)
		}
	}
	if echoes(foreign, a, 200*time.Millisecond) {
		t.Error("a host of another network reaches this one")
	}
	if after := ownCards(t); !slices.Equal(before, after) {
		t.Errorf("the machine's own cards were %v and are %v", before, after)
	}
	if routes := a.Exec("ip", "route").Stdout; !strings.Contains(routes, "default via 10.77.") {
		t.Errorf("no default route on a usual host:\n%s", routes)
	}
	if routes := b.Exec("ip", "route").Stdout; strings.Contains(routes, "default") {
		t.Errorf("a default route where none was wanted:\n%s", routes)
	}
	if link := a.Exec("ip", "link", "show", "eth0").Stdout; !strings.Contains(link, a.MAC) {
		t.Errorf("eth0 has not the MAC %s:\n%s", a.MAC, link)
	}
}

func TestACutCableCarriesNothingUntilItIsBack(t *testing.T) {
	for name, network := range drivers {
		t.Run(name, func(t *testing.T) { carryNothing(t, network) })
	}
}

func carryNothing(t *testing.T, network func(testing.TB) *Network) {
	hosts := network(t).Hosts(2)
	a, b := hosts[0], hosts[1]
	serveEcho(b)
	for _, cut := range []struct {
		what     string
		down, up func()
	}{{"cable", b.CableDown, b.CableUp}, {"card", b.CardDown, b.CardUp}} {
		Poll(t, 2*time.Second, "an echo before the "+cut.what+" is cut", func() bool { return echoes(a, b, time.Second) })
		cut.down()
		if echoes(a, b, 300*time.Millisecond) {
			t.Errorf("with its %s down a host still answers", cut.what)
		}
		cut.up()
		Poll(t, 5*time.Second, "an echo after the "+cut.what+" is back", func() bool { return echoes(a, b, time.Second) })
	}
	if routes := b.Exec("ip", "route").Stdout; !strings.Contains(routes, "default") {
		t.Errorf("the default route did not come back with the card:\n%s", routes)
	}
}

func TestRulesOfAHostFilterUntilTheyAreRemoved(t *testing.T) {
	Need(t, "nft")
	a, b := pair(t)
	serveEcho(b)
	b.Rules("table inet lab { chain in { type filter hook input priority 0; ip saddr " + a.Addr.String() + " drop; }; }")
	if echoes(a, b, 300*time.Millisecond) {
		t.Error("a rule that drops everything lets an echo through")
	}
	b.Rules("")
	if !echoes(a, b, 2*time.Second) {
		t.Error("without rules nothing passes")
	}
}

func TestABroadcastReachesTheOtherHosts(t *testing.T) {
	for name, network := range drivers {
		t.Run(name, func(t *testing.T) { reachByBroadcast(t, network(t)) })
	}
}

func reachByBroadcast(t *testing.T, n *Network) {
	hosts := n.Hosts(3)
	var hears []net.PacketConn
	for _, h := range hosts[1:] {
		hears = append(hears, h.ListenPacket("0.0.0.0:9000"))
	}
	from := hosts[0].ListenPacket("0.0.0.0:9000")
	to := net.UDPAddr{IP: net.IPv4(10, 77, n.number, 255), Port: 9000}
	if _, err := from.WriteTo([]byte("hello"), &to); err != nil {
		t.Fatal(err)
	}
	for _, conn := range hears {
		var b [16]byte
		conn.SetDeadline(time.Now().Add(2 * time.Second))
		read, source, err := conn.ReadFrom(b[:])
		if err != nil || string(b[:read]) != "hello" || source.String() != hosts[0].Addr.String()+":9000" {
			t.Errorf("heard %q from %v: %v", b[:read], source, err)
		}
	}
}

func TestLinksCountsConnectionsBetweenHostsOnly(t *testing.T) {
	a, b := pair(t)
	serveEcho(b)
	a.MustDial("tcp4", netip.AddrPortFrom(b.Addr, 7).String())
	b.MustDial("tcp4", "127.0.0.1:7")
	Poll(t, time.Second, "the connection in ss on both hosts", func() bool {
		return a.Links(7)[b.Addr] == 1 && b.Links(7)[a.Addr] == 1
	})
	if all := b.Links(7); len(all) != 1 {
		t.Errorf("links of the host that was dialed: %v", all)
	}
	if all := a.Links(8); len(all) != 0 {
		t.Errorf("links on a port that nobody uses: %v", all)
	}
}

func TestNothingIsLeftWhenATestEnds(t *testing.T) {
	Need(t, basics...)
	var spaces []string
	for name, network := range drivers {
		t.Run(name, func(t *testing.T) {
			n := network(t)
			serveEcho(n.Hosts(2)[0])
			spaces = append(spaces, n.spaces...)
		})
	}
	if len(spaces) != 5 {
		t.Fatalf("made %v, want a switch that is a bridge and two hosts each", spaces)
	}
	names, err := namespaceNames()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range spaces {
		if slices.Contains(names, name) {
			t.Errorf("%s is left", name)
		}
	}
}

// TestNothingIsLeftOfATestThatIsKilled kills -9 another run of these tests, which has three nodes on three hosts at that moment.
func TestNothingIsLeftOfATestThatIsKilled(t *testing.T) {
	t.Parallel()
	Need(t, basics...)
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	run := exec.Command(program, "-test.run", "^TestACardThatIsDownForTenSecondsIsBackWithoutARestart$")
	run.Env = append(os.Environ(), binaryVariable+"="+Binary(t))
	run.SysProcAttr = diesWithThread()
	runtime.LockOSThread() // or it might die with a thread that goes before its time
	defer runtime.UnlockOSThread()
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	start, err := startOf(run.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	spaces := func() int {
		names, err := namespaceNames()
		if err != nil {
			t.Fatal(err)
		}
		return len(slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, owner{run.Process.Pid, start}.String()+"-") }))
	}
	var nodes []string
	Poll(t, patience, "four namespaces and three nodes", func() bool {
		nodes = children(t, run.Process.Pid, "covey")
		return spaces() == 4 && len(nodes) == 3
	})
	if err := run.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	run.Wait()
	Poll(t, endLimit, "the namespaces to be gone", func() bool { return spaces() == 0 })
	Poll(t, endLimit, "the nodes to be gone", func() bool {
		return !slices.ContainsFunc(nodes, func(pid string) bool { return parent(pid) != "" })
	})
	t.Logf("killed with four namespaces and %d nodes: nothing is left after %v", len(nodes), time.Since(begin).Round(time.Millisecond))
}

// children are the processes of a name that a process has forked.
func children(t *testing.T, pid int, name string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if text, err := os.ReadFile("/proc/" + e.Name() + "/comm"); err == nil && string(text) == name+"\n" && parent(e.Name()) == fmt.Sprint(pid) {
			all = append(all, e.Name())
		}
	}
	return all
}

// parent is the process that has forked another, "" of one that has ended.
func parent(pid string) string {
	text, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return ""
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:])) // state, parent
	if fields[0] == "Z" || fields[0] == "X" {
		return ""
	}
	return fields[1]
}

func TestReapRemovesWhatADeadProcessLeftAndNothingElse(t *testing.T) {
	Need(t, Root, "ip")
	gone := exec.Command("true")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	mine, err := self()
	if err != nil {
		t.Fatal(err)
	}
	dead := owner{gone.Process.Pid, 1}.String() + "-1-h1"
	reborn := owner{os.Getpid(), mine.start - 1}.String() + "-1-h1"
	living := fmt.Sprintf("%s-reap-h1", mine)
	for _, name := range []string{dead, reborn, living} {
		if err := ipBatch("", "netns add "+name); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if err := deleteNamespaces([]string{living}); err != nil {
			t.Error(err)
		}
	})
	if err := Reap(); err != nil {
		t.Fatal(err)
	}
	names, err := namespaceNames()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{dead: false, reborn: false, living: true} {
		if slices.Contains(names, name) != want {
			t.Errorf("%s: there is %v, want %v", name, !want, want)
		}
	}
}

func TestOwnerIsReadFromALabsNameOnly(t *testing.T) {
	for name, want := range map[string]bool{
		"covey-12.345-1-h1": true, "covey-12.345-1-switch": true,
		"covey-12-1-h1": false, "covey-x.1-1": false, "covey-12.345": false, "other": false, "covey-": false,
	} {
		if o, ok := ownerOf(name); ok != want {
			t.Errorf("ownerOf(%q) = %v, %v", name, o, ok)
		}
	}
}

func TestMedianIsTheMiddleRun(t *testing.T) {
	f := Figure{Name: "x", Limit: time.Second}
	for _, d := range []time.Duration{9, 1, 5, 3} {
		f.Add(d)
	}
	if got := f.Median(); got != 3 {
		t.Errorf("median of 1 3 5 9 is %d, want the lower middle 3", got)
	}
	f.Add(100)
	if got := f.Median(); got != 5 {
		t.Errorf("median of 1 3 5 9 100 is %d", got)
	}
}

// ownCards lists the names of the machine's own interfaces.
func ownCards(t *testing.T) []string {
	t.Helper()
	all, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, one := range all {
		names = append(names, one.Name)
	}
	return names
}

// pair is a network of two usual hosts.
func pair(t *testing.T) (a, b *Host) {
	t.Helper()
	hosts := New(t).Hosts(2)
	return hosts[0], hosts[1]
}
