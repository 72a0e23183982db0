package lab

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"
)

// What may be thrown at a node, with figures: more than its memory, readers that do not read, more connections than descriptors,
// announces of nobody. In a test run each lasts seconds; -siege has the sizes that the figures are stated for.
var siege = flag.Bool("siege", false, "the tests of a node under siege with full sizes: minutes instead of seconds")

// besieged is short in a test run, and full under -siege.
func besieged[T any](short, full T) T {
	if *siege {
		return full
	}
	return short
}

func TestWithSixtyFourDescriptorsAClientStaysAndANewOneGetsIn(t *testing.T) {
	t.Parallel()
	Need(t, "prlimit")
	hosts := New(t).Hosts(3)
	first := hosts[0].Launch(Launch{Wrap: []string{"prlimit", "--nofile=64"}, Args: []string{"run", "--loops", "1"}})
	nodes := []*Node{first, hosts[1].Start(), hosts[2].Start()}
	waitMesh(t, hosts, time.Now())
	waitReady(t, hosts)
	served := startTraffic(t, hosts[0])
	Poll(t, patience, "the client to be served", func() bool { return counted(hosts[0], "commands") > 10 })
	refused := 0
	ends := time.Now().Add(besieged(time.Second, 10*time.Second))
	stay := crowded(t, hosts[0], 9000, 300) // as far as they may
	for _, c := range stay {
		_, _ = io.WriteString(c, "PING\r\n")
	}
	for rounds := 0; rounds == 0 || time.Now().Before(ends); rounds++ { // one on a machine that is late, too
		open := crowded(t, hosts[0], 9000, 300)
		for _, c := range open {
			_ = c.SetDeadline(time.Now().Add(patience))
			_, _ = io.WriteString(c, "PING\r\n")
			if line, err := bufio.NewReader(c).ReadString('\n'); err != nil || strings.HasPrefix(line, "-ERR") {
				refused++
			}
		}
		for _, c := range open {
			_ = c.Close()
		}
	}
	for _, c := range stay {
		_ = c.Close()
	}
	begin := time.Now()
	Poll(t, time.Second, "a new client to be served", func() bool {
		c := hosts[0].MustDial("tcp4", "127.0.0.1:9000")
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(time.Second))
		_, _ = io.WriteString(c, "PING\r\n")
		line, _ := bufio.NewReader(c).ReadString('\n')
		return line == "+PONG\r\n"
	})
	t.Logf("%d connections refused, a new one served %v after", refused, time.Since(begin).Round(time.Millisecond))
	if refused == 0 {
		t.Error("nothing was refused")
	}
	served.finish(t, "300 connections on 64 descriptors")
	stillWhole(t, hosts, nodes)
}

// What the node cannot prevent, descriptors taken from it while it runs, ends it with a word and a status.
func TestAnEngineThatStopsEndsTheProcess(t *testing.T) {
	t.Parallel()
	Need(t, "prlimit")
	h := New(t).Host()
	node := h.Start()
	waitReady(t, []*Host{h})
	if out := h.Exec("prlimit", "--pid", strconv.Itoa(node.PID()), "--nofile=8"); out.Code != 0 {
		t.Fatal(out.Stderr)
	}
	node.awaited = true
	if conn, err := h.Dial(context.Background(), "tcp4", "127.0.0.1:9000"); err == nil {
		defer conn.Close()
	}
	code, _ := node.WaitExit(patience)
	if code == 0 || node.Count("the engine stopped", "descriptors") == 0 {
		t.Errorf("exit %d:\n%s", code, strings.Join(node.Lines(), "\n"))
	}
}

func TestDeletesOfWhatIsNotThereCostNoMemory(t *testing.T) {
	hosts := New(t).Hosts(2)
	nodes := []*Node{hosts[0].Start("--max-memory", "256m"), hosts[1].Start("--max-memory", "256m")}
	waitMesh(t, hosts, time.Now())
	waitReady(t, hosts)
	before := []int{residentMiB(t, nodes[0]), residentMiB(t, nodes[1])}
	conn := hosts[0].MustDial("tcp4", "127.0.0.1:9000")
	count := besieged(300_000, 10_000_000)
	go func() {
		out := bufio.NewWriterSize(conn, 64<<10)
		for i := range count {
			fmt.Fprintf(out, "DEL absent-%d\r\n", i)
		}
		_ = out.Flush()
	}()
	in := bufio.NewReaderSize(conn, 64<<10)
	for range count {
		if line, err := in.ReadString('\n'); err != nil || line != ":0\r\n" {
			t.Fatalf("%q, %v", line, err)
		}
	}
	for i, n := range nodes {
		grown := residentMiB(t, n) - before[i]
		t.Logf("%s: RSS grew by %d MiB in %d deletes of absent keys", n.Host.Name, grown, count)
		if grown > 32 {
			t.Errorf("%s: RSS grew by %d MiB", n.Host.Name, grown)
		}
	}
	stillWhole(t, hosts, nodes)
}
