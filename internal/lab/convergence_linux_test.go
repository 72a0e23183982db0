package lab

import (
	"flag"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"
)

// What a mesh holds after trouble under writes, beside the ledger of what was written.

var long = flag.Bool("long", false, "the tests of convergence with 100,000 keys, long trouble and three runs each")

// A scale is how much of it the tests do.
type scale struct {
	keys, runs  int
	split, stop time.Duration // how long a network is split, a process stopped
	load        time.Duration // how long is written before the trouble, and after a crash
}

func testScale() scale {
	if *long {
		return scale{keys: 100_000, runs: 3, split: time.Minute, stop: 10 * time.Second, load: 5 * time.Second}
	}
	return scale{keys: 20_000, runs: 1, split: 4 * time.Second, stop: 4 * time.Second, load: time.Second}
}

const (
	// equalLimit is the time from the end of the trouble until all contents are equal.
	equalLimit = 5 * time.Second
	// settleLimit bounds the wait for that: a run that is late still has its figure.
	settleLimit = time.Minute
	// smallRing is a memory whose ring, a 64th of it, holds some seconds of what is written; largeRing holds all.
	smallRing, largeRing = "128m", "2g"
	// shownFaults are the faults of a ledger that are printed.
	shownFaults = 10
)

// A trial is one run of a scenario: a mesh with a writer at each node, and the keys of all writers in it.
type trial struct {
	t       *testing.T
	scale   scale
	run     int
	hosts   []*Host
	nodes   []*Node
	writers []*writer
}

// trials runs a scenario as often as the scale says, by turns with a ring that is soon full and one that never is.
// Each named figure is a time until equality, which the scenario adds to.
func trials(t *testing.T, hosts int, scenario func(c *trial, figures []Figure), names ...string) {
	s := testScale()
	if !*long {
		t.Parallel()
	}
	figures := make([]Figure, len(names))
	for i, name := range names {
		figures[i] = Figure{Name: name, Limit: equalLimit}
	}
	for run := range s.runs {
		t.Run(fmt.Sprint("run-", run+1), func(t *testing.T) {
			c := &trial{t: t, scale: s, run: run, hosts: New(t).Hosts(hosts)}
			for _, h := range c.hosts {
				c.nodes = append(c.nodes, h.Start(c.memory()...))
			}
			waitMesh(t, c.hosts, time.Now())
			waitReady(t, c.hosts)
			c.fill()
			scenario(c, figures)
		})
	}
	for i := range figures {
		figures[i].Check(t)
	}
}

func (c *trial) memory() []string {
	return []string{"--max-memory", []string{smallRing, largeRing}[c.run%2]}
}

// fill gives each node a writer and has the keys written by all of them at once.
func (c *trial) fill() {
	c.t.Helper()
	failures := make([]error, len(c.hosts))
	var all sync.WaitGroup
	for i, h := range c.hosts {
		w := newWriter(c.t, h, c.scale.keys/len(c.hosts))
		c.writers = append(c.writers, w)
		all.Go(func() { failures[i] = w.fill() })
	}
	all.Wait()
	for _, err := range failures {
		if err != nil {
			c.t.Fatal(err)
		}
	}
	c.equal(c.hosts, time.Now())
}

// write begins to write, rest ends it; between them time passes.
func (c *trial) write(writers []*writer) {
	for _, w := range writers {
		w.start()
	}
}

func (c *trial) rest(writers []*writer) {
	for _, w := range writers {
		w.stop()
	}
	for _, w := range writers {
		w.done.Wait()
	}
}

// pass is the time that trouble or load lasts.
func pass(d time.Duration) { <-time.After(d) }

// equal looks at all contents of all nodes until they are the same: how long after begin the look ended that found that.
func (c *trial) equal(hosts []*Host, begin time.Time) (time.Duration, map[string]string) {
	c.t.Helper()
	var all []map[string]string
	var differs string
	var looked time.Time
	_, ok := Watch(settleLimit, func() bool {
		looked = time.Now()
		all, differs = look(hosts)
		return differs == ""
	})
	took := time.Since(begin)
	c.t.Logf("the look at all contents that ended %v after the trouble took %v of that",
		took.Round(time.Millisecond), time.Since(looked).Round(time.Millisecond))
	if !ok {
		for i, held := range all {
			c.faults(hosts[i].Name, held)
		}
		c.t.Fatalf("%v after the trouble the nodes differ: %s", took.Round(time.Second), differs)
	}
	return took, all[0]
}

// look reads all contents of all nodes at the same time, and says how they differ.
func look(hosts []*Host) (all []map[string]string, differs string) {
	all = make([]map[string]string, len(hosts))
	failures := make([]error, len(hosts))
	var readers sync.WaitGroup
	for i, h := range hosts {
		readers.Go(func() { all[i], failures[i] = holdings(h) })
	}
	readers.Wait()
	var words []string
	for i, h := range hosts {
		if failures[i] != nil {
			words = append(words, fmt.Sprintf("%s does not answer: %v", h.Name, failures[i]))
			continue
		}
		if maps.Equal(all[0], all[i]) {
			continue
		}
		missing, other := 0, 0
		for key, value := range all[0] {
			if there, ok := all[i][key]; !ok {
				missing++
			} else if there != value {
				other++
			}
		}
		more := len(all[i]) - (len(all[0]) - missing)
		words = append(words, fmt.Sprintf("%s lacks %d of the keys of %s, has %d more and %d with another value", h.Name, missing, hosts[0].Name, more, other))
	}
	return all, strings.Join(words, "; ")
}

// faults fails the test for what the ledgers say that these contents lack.
func (c *trial) faults(where string, held map[string]string) {
	c.t.Helper()
	faults := audit(c.writers, held)
	if len(faults) > 0 {
		c.t.Errorf("%s: %d faults of %d keys, among them\n\t%s", where, len(faults), c.scale.keys, strings.Join(faults[:min(len(faults), shownFaults)], "\n\t"))
	}
}

// judge holds equal contents against the ledgers, and has every node verify.
func (c *trial) judge(what string, hosts []*Host, took time.Duration, held map[string]string) {
	c.t.Helper()
	c.faults(what, held)
	var acked, refused, failed, unsure int
	for _, w := range c.writers {
		acked, refused, failed, unsure = acked+w.acked, refused+w.refused, failed+w.failed, unsure+w.unsure
	}
	c.t.Logf("LEDGER %s: equal after %v; %d keys held; %d commands done, %d refused, %d without an answer; %d own writes gone that only a node that ended had",
		what, took.Round(time.Millisecond), len(held), acked, refused, failed, unsure)
	for _, h := range hosts {
		converged(c.t, h, len(c.hosts))
	}
}

func TestConvergenceOfTwoSidesOfASplit(t *testing.T) {
	trials(t, 4, func(c *trial, figures []Figure) {
		c.write(c.writers)
		pass(c.scale.load)
		c.hosts[0].net.Split(c.hosts[2:])
		pass(c.scale.split)
		if states := c.hosts[0].States(); states[c.hosts[2].ID(9000)] != "dead" || states[c.hosts[1].ID(9000)] != "alive" {
			c.t.Errorf("during the split %s lists %v", c.hosts[0].Name, states)
		}
		c.rest(c.writers)
		begin := time.Now()
		c.hosts[0].net.Heal()
		took, held := c.equal(c.hosts, begin)
		figures[0].Add(took)
		for _, h := range c.hosts {
			if r, ok := h.Report("info"); ok {
				c.t.Logf("%s: a repair brought %.0f records", h.Name, h.Number(r, "repaired_keys"))
			}
		}
		c.t.Logf("the last of the links was there %v after the split", c.linkedAfter(begin).Round(time.Millisecond))
		c.survive(c.writers)
		c.judge("a split", c.hosts, took, held)
		waitMesh(c.t, c.hosts, begin)
	}, "two sides of a split that both wrote hold the same")
}

func TestConvergenceAfterAKillInMidStream(t *testing.T) {
	trials(t, 4, func(c *trial, figures []Figure) {
		survivors, victim := c.hosts[:3], c.hosts[3]
		c.writers[3].pause = 0
		c.write(c.writers)
		pass(c.scale.load)
		begin := time.Now()
		c.nodes[3].Kill()
		c.rest(c.writers)
		took, held := c.equal(survivors, begin)
		figures[0].Add(took)
		c.survive(c.writers[:3])
		c.faults("the survivors", held)
		c.write(c.writers[:3])
		pass(c.scale.load)
		c.rest(c.writers[:3])
		node := victim.Start(c.memory()...)
		took, held = c.equal(c.hosts, node.Started)
		figures[1].Add(took)
		c.survive(c.writers[:3])
		c.judge("a kill -9", c.hosts, took, held)
	}, "what a killed node wrote last is on all survivors or on none", "a killed node that is started again holds the same")
}

func TestConvergenceOfAProcessThatWasStopped(t *testing.T) {
	trials(t, 4, func(c *trial, figures []Figure) {
		c.write(c.writers)
		pass(c.scale.load)
		c.nodes[3].Stop()
		pass(c.scale.stop)
		begin := time.Now()
		c.nodes[3].Continue()
		c.rest(c.writers)
		took, held := c.equal(c.hosts, begin)
		figures[0].Add(took)
		c.t.Logf("the last of the links was there %v after the stop", c.linkedAfter(begin).Round(time.Millisecond))
		c.survive(c.writers)
		c.judge("a stop", c.hosts, took, held)
		waitMesh(c.t, c.hosts, begin)
	}, "a process that was stopped holds the same")
}

func TestConvergenceOfANodeThatJoinsUnderLoad(t *testing.T) {
	trials(t, 3, func(c *trial, figures []Figure) {
		c.write(c.writers)
		pass(c.scale.load)
		late := c.hosts[0].net.Host()
		node := late.Start(c.memory()...)
		Poll(c.t, settleLimit, "the node to be ready", func() bool { return late.Ready() })
		begin := time.Now()
		c.rest(c.writers)
		c.survive(c.writers)
		// What it has at its first word of being ready, before any repair could follow.
		held, err := holdings(late)
		if err != nil {
			c.t.Fatal(err)
		}
		c.faults("a node that just said ready", held)
		c.hosts = append(c.hosts, late)
		took, held := c.equal(c.hosts, begin)
		figures[0].Add(took)
		c.t.Logf("ready %v after its start", begin.Sub(node.Started).Round(time.Millisecond))
		c.judge("a join", c.hosts, took, held)
	}, "a node that joined under load holds the same")
}

// In every second run the nodes crash instead of leaving.
func TestConvergenceThroughRollingRestarts(t *testing.T) {
	trials(t, 4, func(c *trial, figures []Figure) {
		c.write(c.writers)
		pass(c.scale.load)
		for i, h := range c.hosts {
			if c.run%2 == 1 {
				c.nodes[i].Kill()
			} else {
				c.nodes[i].Term()
				c.nodes[i].WaitExit(patience)
			}
			c.nodes[i] = h.Start(c.memory()...)
			Poll(c.t, settleLimit, h.Name+" to be ready", func() bool { return h.Ready() })
			c.t.Logf("%s is ready %v after its start", h.Name, time.Since(c.nodes[i].Started).Round(time.Millisecond))
		}
		begin := time.Now()
		c.rest(c.writers)
		took, held := c.equal(c.hosts, begin)
		figures[0].Add(took)
		c.judge("rolling restarts", c.hosts, took, held)
	}, "nodes that were all restarted under load hold the same")
}

// linkedAfter is how long after begin a node last said that a member is alive: 0 if none did.
func (c *trial) linkedAfter(begin time.Time) time.Duration {
	c.t.Helper()
	var last time.Duration
	for _, n := range c.nodes {
		for _, line := range n.Lines() {
			stamp, rest, _ := strings.Cut(strings.TrimPrefix(line, "time="), " ")
			if !strings.Contains(rest, "state=alive") {
				continue
			}
			when, err := time.Parse(time.RFC3339Nano, stamp)
			if err != nil {
				c.t.Fatalf("the line %q has no time: %v", line, err)
			}
			last = max(last, when.Sub(begin))
		}
	}
	return last
}

// survive says that the nodes of these writers lived on.
func (c *trial) survive(writers []*writer) {
	for _, w := range writers {
		w.lives()
	}
}
