package lab

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// What networks and machines do beyond a clean cut.

func TestANodeThatLosesPowerIsBackAsSoonAsItRuns(t *testing.T) {
	hosts, nodes := mesh(t, 3)
	mustCovey(t, hosts[0], "set", "before", "x")
	f := Figure{Name: "a machine that lost power and boots at once is back", Limit: 3 * time.Second}
	last := nodes[2]
	for i := range 3 {
		// The others hear no farewell and no reset: they still hold a link with a start that is no more.
		hosts[2].CableDown()
		last.Kill()
		hosts[2].Exec("ip", "link", "set", "eth0", "down")
		hosts[2].CardUp()
		hosts[2].CableUp()
		last = hosts[2].Start()
		waitMesh(t, hosts, last.Started)
		waitReady(t, hosts[2:])
		key := fmt.Sprintf("after-%d", i)
		mustCovey(t, hosts[0], "set", key, "y")
		for _, key := range []string{key, "before"} {
			Poll(t, patience, key+" on the machine that is back", func() bool { return hosts[2].Covey("get", key).Code == 0 })
		}
		f.Add(time.Since(last.Started))
	}
	Poll(t, patience, "one link per pair", func() bool { return linkFaults(hosts) == "" })
	f.Check(t)
}

func TestANodeThatStartsBeforeItsNetworkJoinsWhenItIsThere(t *testing.T) {
	t.Parallel()
	hosts := New(t).Hosts(3)
	hosts[2].CardDown()
	nodes := startAll(hosts)
	waitMesh(t, hosts[:2], nodes[1].Started)
	waitReady(t, hosts)
	mustCovey(t, hosts[0], "set", "there", "x")
	mustCovey(t, hosts[2], "set", "here", "y")
	begin := time.Now()
	hosts[2].CardUp()
	for _, h := range hosts {
		Poll(t, patience, "both values on "+h.Name, func() bool {
			return h.Covey("get", "there").Stdout == "x\n" && h.Covey("get", "here").Stdout == "y\n"
		})
	}
	t.Logf("a card that came up late: joined after %v", time.Since(begin).Round(time.Millisecond))
	waitMesh(t, hosts, begin) // under the name that its card gives it
}

func TestNodesThatHearEachOtherOnTwoCardsHaveOneLink(t *testing.T) {
	t.Parallel()
	n := New(t)
	hosts := n.Hosts(3)
	second := New(t)
	for _, h := range hosts {
		second.AddCard(h, "eth1")
	}
	startAll(hosts)
	for _, h := range hosts {
		Poll(t, patience, h.Name+" to list three alive", func() bool {
			states := h.States()
			return len(states) == 3 && states[hosts[0].ID(9000)] != "" && states[hosts[1].ID(9000)] != "" && states[hosts[2].ID(9000)] != ""
		})
	}
	pairs := func() string {
		var all []string
		for _, h := range hosts {
			if total := h.LinkCount(9000); total != len(hosts)-1 {
				all = append(all, fmt.Sprintf("%s has %d links", h.Name, total))
			}
		}
		return strings.Join(all, ", ")
	}
	Poll(t, patience, "one link per pair over either card", func() bool { return pairs() == "" })
	if _, broken := Watch(time.Second, func() bool { return pairs() != "" }); broken {
		t.Errorf("it did not stay so: %s", pairs())
	}
}

// alive maps the ids of the members that the node shows as itself or alive to their addresses.
func alive(h *Host) map[string]string {
	h.net.t.Helper()
	members, _ := h.Members()
	ids := map[string]string{}
	for _, m := range members {
		if m.State == "alive" || m.State == "self" {
			ids[m.ID] = m.Addr
		}
	}
	return ids
}

func TestAtTheDescriptorLimitConnectionsAreRefusedAndTheNodeLives(t *testing.T) {
	t.Parallel()
	Need(t, "prlimit")
	hosts := New(t).Hosts(2)
	first := hosts[0].Launch(Launch{Wrap: []string{"prlimit", "--nofile=200"}, Args: []string{"run"}})
	second := hosts[1].Start()
	waitMesh(t, hosts, second.Started)
	waitReady(t, hosts)
	served := startTraffic(t, hosts[0])
	Poll(t, patience, "the client to be served", func() bool { return counted(hosts[0], "commands") > 10 })
	var refused int
	var open []net.Conn
	for range 300 {
		conn, err := hosts[1].Dial(context.Background(), "tcp4", hosts[0].Addr.String()+":9000")
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, conn)
		conn.SetDeadline(time.Now().Add(patience))
		if _, err := conn.Write([]byte("PING\r\n")); err != nil {
			refused++
			continue
		}
		var b [256]byte
		read, err := conn.Read(b[:])
		if err != nil || bytes.HasPrefix(b[:read], []byte("-ERR")) {
			refused++
		}
	}
	if refused == 0 || refused == len(open) {
		t.Errorf("%d of %d connections were refused with 200 descriptors", refused, len(open))
	}
	for _, conn := range open {
		conn.Close()
	}
	Poll(t, patience, "the node to answer again", func() bool { return hosts[0].Covey("info").Code == 0 })
	if counted(hosts[0], "refused") == 0 {
		t.Error("no refusal is counted")
	}
	served.finish(t, "300 connections on 200 descriptors")
	stillWhole(t, hosts, []*Node{first, second})
}

func TestAClientThatAsksForMuchAndReadsNothingCostsLittleMemory(t *testing.T) {
	h := New(t).Host()
	node := h.Start("--max-memory", "64m")
	waitReady(t, []*Host{h})
	c := redisClient(t, h)
	if err := c.Set(context.Background(), "large", bytes.Repeat([]byte{'x'}, 1<<20), 0).Err(); err != nil {
		t.Fatal(err)
	}
	before := residentMiB(t, node)
	deaf := h.MustDial("tcp4", "127.0.0.1:9000")
	if _, err := io.WriteString(deaf, strings.Repeat("GET large\r\n", 1000)); err != nil {
		t.Fatal(err)
	}
	served := startTraffic(t, h)
	Poll(t, patience, "a thousand commands of others", func() bool { return counted(h, "commands") > 1000 })
	served.finish(t, "a deaf client")
	if after := residentMiB(t, node); after > before+64 {
		t.Errorf("a client that asked for 1000 MiB and read nothing took the node from %d to %d MiB", before, after)
	}
	// It gets all of it once it reads.
	deaf.SetDeadline(time.Now().Add(patience))
	if n, err := io.CopyN(io.Discard, deaf, 1000<<20); err != nil {
		t.Errorf("after %d bytes: %v", n, err)
	}
}

// residentMiB is the memory that the node has in use, as the kernel counts it.
func residentMiB(t *testing.T, n *Node) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.PID()))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	kib, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return kib >> 10
}

func TestTheProbesSayWhenANodeIsReady(t *testing.T) {
	t.Parallel()
	hosts, _ := mesh(t, 2)
	for _, path := range []string{"/healthz", "/readyz"} {
		conn := hosts[0].MustDial("tcp4", "127.0.0.1:9080")
		fmt.Fprintf(conn, "GET %s HTTP/1.0\r\n\r\n", path)
		conn.SetDeadline(time.Now().Add(patience))
		reply, err := io.ReadAll(conn)
		if err != nil || !strings.Contains(string(reply), " 200 ") {
			t.Errorf("%s answers %q, %v", path, reply, err)
		}
	}
}

func TestAnEnvironmentVariableStandsForItsFlag(t *testing.T) {
	t.Parallel()
	hosts := New(t).Hosts(2)
	hosts[0].Launch(Launch{Env: []string{"COVEY_CLUSTER=green"}})
	hosts[1].Launch(Launch{Env: []string{"COVEY_CLUSTER=red"}, Args: []string{"run", "--cluster", "green"}})
	waitMesh(t, hosts, time.Now())
}

func TestAPeerThatFallsBehindTheRingCatchesUp(t *testing.T) {
	t.Parallel()
	const count = 20_000
	hosts := New(t).Hosts(3)
	var nodes []*Node
	for _, h := range hosts {
		// The ring takes 1/64 of the memory: 2 MiB, a seventh of what is written while the third node stands still.
		nodes = append(nodes, h.Start("--max-memory", "128m"))
	}
	waitMesh(t, hosts, time.Now())
	waitReady(t, hosts)
	c := redisClient(t, hosts[0])
	nodes[2].Stop()
	pipe := c.Pipeline()
	for i := range count {
		key, value := entry(i)
		pipe.Set(context.Background(), key, strings.Repeat(value, 7), 0)
		if pipe.Len() == 500 {
			if _, err := pipe.Exec(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
	}
	nodes[2].Continue()
	begin := time.Now()
	for _, h := range hosts {
		at := redisClient(t, h)
		Poll(t, patience, "all keys on "+h.Name, func() bool { return at.DBSize(context.Background()).Val() == count })
	}
	t.Logf("%d entries of 700 bytes written past a node that stood still: equal %v after it went on", count, time.Since(begin).Round(time.Millisecond))
	converged(t, hosts[2], 3)
	stillWhole(t, hosts, nodes)
}

func TestAFloodOfDatagramsDoesNotKeepOthersFromBeingServed(t *testing.T) {
	hosts, nodes := mesh(t, 3)
	served := startTraffic(t, hosts[0])
	socket := hosts[1].ListenPacket("0.0.0.0:0")
	to := &net.UDPAddr{IP: hosts[0].Addr.AsSlice(), Port: 9000}
	before := counted(hosts[0], "bad_announces")
	sent, garbage := 0, noise(80)
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); sent++ {
		if _, err := socket.WriteTo(garbage, to); err != nil {
			t.Fatal(err)
		}
	}
	served.finish(t, "a flood of datagrams")
	t.Logf("%d bad datagrams sent, %v counted", sent, counted(hosts[0], "bad_announces")-before)
	stillWhole(t, hosts, nodes)
}

func TestADiscoveryPortOfTheirOwnBringsNodesTogether(t *testing.T) {
	t.Parallel()
	hosts := New(t).Hosts(3)
	apart := []string{"--discovery-port", "9999"}
	hosts[0].Start(apart...)
	hosts[1].Start(apart...)
	withoutRaw(hosts[2]) // an Ethernet frame has no port
	waitMesh(t, hosts[:2], time.Now())
	waitReady(t, hosts)
	if states := hosts[2].States(); len(states) != 1 {
		t.Errorf("a node on the usual port lists %v, want itself alone", states)
	}
}

func TestAnnouncesLeaveThroughTheNamedCardsOnly(t *testing.T) {
	t.Parallel()
	first, second := New(t), New(t)
	both, listens := first.Host(), first.Host()
	second.AddCard(both, "eth1")
	far := second.Host()
	socket := listens.ListenPacket("0.0.0.0:9000")
	n := both.Start("--interfaces", "eth1")
	far.Start()
	Poll(t, patience, "the node on the named card's network to list two", func() bool { return len(far.States()) == 2 })
	waitReady(t, []*Host{both, far})
	// By now the first announces of a start have all been sent.
	var b [256]byte
	socket.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if read, from, err := socket.ReadFrom(b[:]); err == nil {
		t.Errorf("a host on the network that was left out heard %d bytes from %v", read, from)
	}
	if n.Count("eth0", "skipped") != 1 || n.Count("eth1", "used") != 1 {
		t.Errorf("the first lines do not say which card is used:\n%s", strings.Join(n.Lines(), "\n"))
	}
}
