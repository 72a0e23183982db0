package lab

import (
	"flag"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
)

var scaleHosts = flag.Int("scale", 0, "how many nodes TestScale starts; 0: it is skipped")

// scaleRest is how long nodes are watched at rest.
const scaleRest = 20 * time.Second

// TestScale starts many real nodes on a host each: how soon all list all, what rest costs a node, how soon a death is seen.
func TestScale(t *testing.T) {
	if *scaleHosts == 0 {
		t.Skip("-scale N, which make lab-scale gives")
	}
	d := detectors()[0]
	lan := New(t)
	hosts := lan.Hosts(*scaleHosts)
	lan.Introduce()
	begin := time.Now()
	var nodes []*Node
	for _, h := range hosts {
		nodes = append(nodes, h.Start("--http", "off", "--max-memory", "64m"))
	}
	started := time.Since(begin)
	for i, n := range nodes {
		for j, h := range hosts {
			if i != j {
				d.await(t, n, h, "alive", begin)
			}
		}
	}
	meshed := time.Since(begin)
	waitReady(t, hosts)
	pass(5 * time.Second)
	resident := residentMiB(t, nodes[0])
	packets, bytes := sentBy(t, hosts[0])
	var cpu time.Duration
	for _, n := range nodes {
		cpu -= n.Processor()
	}
	pass(scaleRest)
	for _, n := range nodes {
		cpu += n.Processor()
	}
	morePackets, moreBytes := sentBy(t, hosts[0])
	seconds, count := scaleRest.Seconds(), len(nodes)
	kill := func(what string, do func(n *Node)) time.Duration {
		victim := nodes[len(nodes)-1]
		nodes = nodes[:len(nodes)-1]
		begin, last := time.Now(), time.Duration(0)
		do(victim)
		for _, n := range nodes {
			last = max(last, d.await(t, n, victim.Host, "dead", begin))
		}
		t.Logf("%s: dead for all others after %v", what, last.Round(time.Millisecond))
		return last
	}
	crash := kill("kill -9", (*Node).Kill)
	silent := kill("SIGSTOP", (*Node).Stop)
	t.Logf("ROW | %d | %.2f | %.2f | %.0f | %.1f | %.2f | %d | %.3f | %.3f", count, started.Seconds(), meshed.Seconds(),
		float64(morePackets-packets)/seconds, float64(moreBytes-bytes)/seconds/1e3, cpu.Seconds()*1e3/seconds/float64(count), resident,
		crash.Seconds(), silent.Seconds())
	t.Log("ROW is: nodes, s until the last was started, s until all list all, packets a node sends a second, KB of them, ms of processor time a node takes a second, MiB resident, s until all show a death by kill -9, by SIGSTOP")
}

// sentBy is what a host has sent on eth0 so far.
func sentBy(t *testing.T, h *Host) (packets, bytes int64) {
	t.Helper()
	read := func(what string) int64 {
		out := h.Exec("ip", "netns", "exec", h.inside.name, "cat", fmt.Sprintf("/sys/class/net/eth0/statistics/%s", what))
		n, err := strconv.ParseInt(strings.TrimSpace(out.Stdout), 10, 64)
		if err != nil {
			t.Fatalf("%s: %v: %s", what, err, out.Stderr)
		}
		return n
	}
	return read("tx_packets"), read("tx_bytes")
}
