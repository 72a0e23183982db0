package sim

import (
	"flag"
	"fmt"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"covey/peer"
)

var scaleNodes = flag.Int("scale-nodes", 40, "how many nodes TestAMeshOfManyNodes has")

// count notes every change of what a node thinks of another that is not its first.
func (w *World) count() *[]string {
	var all []string
	w.changed = func(h *Host, c peer.Change) {
		all = append(all, fmt.Sprintf("%v %s: %x was %s, is %s: %s", time.Duration(w.Now-begin), h.name, c.ID, c.Old, c.New, c.Reason))
	}
	return &all
}

// TestR25_AnAsymmetricCutDoesNotFlap: one way between two nodes loses everything, for a minute. Of what one of them thinks of
// the other there is at most one change in any 5 s, from the beginning on, and a third thinks nothing of it.
func TestR25_AnAsymmetricCutDoesNotFlap(t *testing.T) {
	for seed := range uint64(20) {
		w := mesh(t, seed, 4)
		within(t, w, 3*time.Second, "ready", func() bool { return w.linked() && w.ready() })
		w.Run(2 * time.Second)
		last := map[*Host]int64{}
		w.changed = func(h *Host, c peer.Change) {
			if h != w.Hosts[0] && h != w.Hosts[1] || c.New == peer.Dead {
				t.Fatalf("seed %d: %s thinks that %x is %s: %s", seed, h.name, c.ID, c.New, c.Reason)
			}
			if at, ok := last[h]; ok && w.Now-at < int64(5*time.Second) {
				t.Fatalf("seed %d: %s changes its mind again after %v: %s was %s: %s", seed, h.name, time.Duration(w.Now-at), c.New, c.Old, c.Reason)
			}
			last[h] = w.Now
		}
		w.CutOneWay(w.Hosts[0], w.Hosts[1], true)
		w.Run(time.Minute)
	}
}

// TestAllThatSleptForFiveMinutesAreThereAtOnce: one of four, then all four at a time, as when a laptop's lid or a whole
// hypervisor sleeps. Whoever wakes takes nobody for dead who was not.
func TestAllThatSleptForFiveMinutesAreThereAtOnce(t *testing.T) {
	for seed := range uint64(5) {
		w := mesh(t, seed, 4)
		within(t, w, 3*time.Second, "ready", func() bool { return w.linked() && w.ready() })
		w.Hosts[0].set("k", "1")
		w.Run(2 * time.Second)
		one := w.Hosts[1]
		one.Sleep(5 * time.Minute)
		w.Run(5*time.Minute - time.Second)
		if w.Hosts[0].sees(one) != peer.Dead {
			t.Fatalf("seed %d: who sleeps for 5 min is %s", seed, w.Hosts[0].sees(one))
		}
		w.Hosts[0].set("k", "2")
		w.Run(time.Second)
		within(t, w, 3*time.Second, "one is back", func() bool { return w.linked() && w.ready() && w.all("k", "2") })
		w.Run(2 * time.Second)
		all := w.count()
		for _, h := range w.Hosts {
			h.Sleep(5 * time.Minute)
		}
		w.Run(5 * time.Minute)
		within(t, w, 3*time.Second, "all are back", func() bool { return w.linked() && w.ready() })
		w.Hosts[2].set("k", "3")
		w.Run(10 * time.Second)
		if len(*all) > 0 || !w.all("k", "3") {
			t.Fatalf("seed %d: all slept and woke at a time: %q", seed, *all)
		}
	}
}

// TestAHundredRestartsLeaveOneEntry: of one node, some by crash and some with a goodbye; and of members that are gone none is
// left after the horizon.
func TestAHundredRestartsLeaveOneEntry(t *testing.T) {
	w := mesh(t, 31, 0)
	for range 3 {
		w.AddHost(0, 1<<20).horizon = time.Minute
	}
	for _, h := range w.Hosts {
		h.Start()
	}
	within(t, w, 3*time.Second, "ready", func() bool { return w.linked() && w.ready() })
	again := w.Hosts[2]
	for i := range 100 {
		if i%3 == 0 {
			again.Leave()
			w.Run(2 * leaveTime)
		} else {
			again.Crash()
		}
		w.Run(time.Duration(w.Rand.Int64N(int64(3 * time.Second))))
		again.Start()
		w.Run(time.Duration(w.Rand.Int64N(int64(3 * time.Second))))
	}
	within(t, w, 5*time.Second, "linked", func() bool { return w.linked() && w.ready() })
	for _, h := range w.Hosts {
		if all := h.Node.Members(nil); len(all) != 3 {
			t.Fatalf("%s lists %d members after a hundred restarts of one of three: %v", h.name, len(all), all)
		}
	}
	again.Crash()
	w.Run(2 * time.Minute)
	for _, h := range w.Hosts[:2] {
		if all := h.Node.Members(nil); len(all) != 2 {
			t.Fatalf("%s lists %d members long after one of three has gone: %v", h.name, len(all), all)
		}
	}
}

// TestAMeshOfManyNodes says what a mesh of so many nodes costs, and how soon it is whole and sees a death.
func TestAMeshOfManyNodes(t *testing.T) {
	n := *scaleNodes
	w := mesh(t, 41, 0)
	w.Trace = nil // there is too much of it
	heap := heapBytes()
	for range n {
		w.AddHost(0, 64<<10).memory = 1 << 20
	}
	for _, h := range w.Hosts {
		w.After(time.Duration(w.Rand.Int64N(int64(20*time.Millisecond))), h.Start)
	}
	w.Run(20 * time.Millisecond)
	alone := heapBytes() - heap
	begun := w.Now
	within(t, w, 10*time.Second, "linked", func() bool { // as World.linked, which is slow on so many
		return !slices.ContainsFunc(w.Hosts, func(h *Host) bool { return h.Node == nil || len(h.Node.Links()) != n-1 })
	})
	meshed := time.Duration(w.Now - begun)
	within(t, w, 20*time.Second, "ready", w.ready)
	w.Run(5 * time.Second)
	linked := heapBytes() - heap
	all := w.count()
	sent, cpu := w.sent(), processorTime()
	const rest = 5 * time.Second
	w.Run(rest)
	bytes := float64(w.sent()-sent) / float64(n) / rest.Seconds()
	cpu = processorTime() - cpu
	if len(*all) > 0 {
		t.Fatalf("at rest: %q", *all)
	}
	die := func(what string, limit time.Duration, how func(gone *Host)) time.Duration {
		gone := w.Hosts[w.Rand.IntN(n)]
		for gone.asleep {
			gone = w.Hosts[w.Rand.IntN(n)]
		}
		begun, others, saw := w.Now, 0, 0
		for _, h := range w.Hosts {
			if h != gone && h.Node != nil && !h.asleep {
				others++
			}
		}
		w.changed = func(h *Host, c peer.Change) {
			switch {
			case c.ID == gone.id && c.New == peer.Dead:
				saw++
			case c.ID != gone.id && c.New == peer.Dead && !h.asleep:
				t.Fatalf("%s takes %x for dead: %s", h.name, c.ID, c.Reason)
			}
		}
		how(gone)
		within(t, w, limit, "dead by "+what, func() bool { return saw == others })
		return time.Duration(w.Now - begun)
	}
	silent := die("silence", 3500*time.Millisecond, func(gone *Host) { gone.Sleep(time.Hour) })
	crashed := die("a crash", 200*time.Millisecond, (*Host).Crash)
	t.Logf("%d nodes: full mesh after %v; at rest a node sends %.0f bytes/s and takes %.2f ms of processor time a second; memory %d bytes a link at each end; dead by silence after %v, by a crash after %v",
		n, meshed, bytes, cpu.Seconds()*1e3/float64(n)/rest.Seconds(), int(linked-alone)/(n*(n-1)), silent, crashed)
}

// sent is what all hosts have written to their connections.
func (w *World) sent() (bytes uint64) {
	for _, h := range w.Hosts {
		bytes += h.sent
	}
	return bytes
}

// heapBytes is what is in use on the heap.
func heapBytes() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// processorTime is what this process has taken so far.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
