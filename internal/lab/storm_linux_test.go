package lab

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var (
	stormTime = flag.Duration("storm", 0, "how long TestStorm breaks things; 0: it is left out")
	stormSeed = flag.Uint64("storm-seed", 0, "what TestStorm breaks when, on which switch, with a secret or without; 0: another at each run")
)

const (
	stormHosts     = 4
	stormRoom      = 320 // MiB of max-memory of the nodes that have room for everything
	stormLittle    = 64  // MiB of the last one's
	stormCalm      = 5 * time.Second
	stormSettles   = 90 * time.Second // until all hold the same
	stormMoreFiles = 8                // descriptors that a node may have more than at first
)

// A storm is a mesh in trouble: its last node has little memory, and what it lacks it has evicted.
type storm struct {
	t        *testing.T
	random   *rand.Rand
	network  *Network
	hosts    []*Host
	nodes    []*Node
	starts   []*atomic.Int64
	args     []string
	password string
	writers  []*stormWriter
	readers  []*stormReader
	faults   stormFaults
	peaks    []int
	harms    map[string]int
}

// TestStorm is TestSoak with what that has not: values of up to 4 MiB, transactions, a node with little memory, a secret at every
// second seed, a bad switch at every other, and a ledger: what two nodes held, of which one has room for everything, is not lost,
// what was deleted or has ended does not come back, no value is torn, and no node goes back to an older one.
func TestStorm(t *testing.T) {
	if *stormTime == 0 {
		t.Skip("make storm runs it, for minutes")
	}
	seed := *stormSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("make storm STORM=%v SEED=%d breaks the same things in the same order", *stormTime, seed)
	s := newStorm(t, seed)
	files := s.files()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var clients sync.WaitGroup
	s.work(ctx, &clients, seed)
	for end := time.Now().Add(*stormTime); time.Now().Before(end) && !t.Failed(); {
		s.trouble()
		s.memory()
	}
	stop()
	clients.Wait()
	s.judge(files)
}

func newStorm(t *testing.T, seed uint64) *storm {
	s := &storm{t: t, random: rand.New(rand.NewPCG(seed, 99)), harms: map[string]int{}, peaks: make([]int, stormHosts)}
	if seed/2%2 == 0 {
		s.network = New(t)
	} else {
		s.network = NewChaos(t, seed)
	}
	s.hosts = s.network.Hosts(stormHosts)
	if seed%2 == 1 {
		var file string
		file, s.password = newSecret(t, s.hosts[0])
		s.args = []string{"--secret-file", file}
		t.Setenv("COVEY_SECRET_FILE", file) // of the verbs that the lab runs
	}
	for i := range s.hosts {
		s.starts = append(s.starts, &atomic.Int64{})
		s.nodes = append(s.nodes, s.start(i))
	}
	waitMesh(t, s.hosts, time.Now())
	waitReady(t, s.hosts)
	return s
}

func (s *storm) start(i int) *Node {
	return s.hosts[i].Start(append([]string{"--max-memory", fmt.Sprintf("%dm", s.room(i))}, s.args...)...)
}

// room is the max-memory of a node in MiB.
func (s *storm) room(i int) int {
	if i == stormHosts-1 {
		return stormLittle
	}
	return stormRoom
}

// work starts a writer and a reader of each node, and of each with room two clients that count by transactions.
func (s *storm) work(ctx context.Context, clients *sync.WaitGroup, seed uint64) {
	for i, h := range s.hosts {
		s.writers = append(s.writers, &stormWriter{host: h, password: s.password, random: rand.New(rand.NewPCG(seed, uint64(i))),
			ending: make(chan stormEnd, 256), words: map[string]int{}})
	}
	for i, w := range s.writers {
		r := &stormReader{host: w.host, password: s.password, random: rand.New(rand.NewPCG(seed, uint64(100+i))), starts: s.starts[i],
			small: i == stormHosts-1, writers: s.writers, faults: &s.faults}
		s.readers = append(s.readers, r)
		pauses := rand.New(rand.NewPCG(seed, uint64(200+i)))
		clients.Go(func() {
			for ctx.Err() == nil {
				w.scribble()
				<-time.After(time.Duration(pauses.IntN(60)) * time.Millisecond)
			}
		})
		clients.Go(func() {
			for ctx.Err() == nil {
				r.read()
				<-time.After(4 * time.Millisecond)
			}
		})
		if i < stormHosts-1 {
			won := &stormWins{starts: s.starts[i]}
			for range 2 {
				clients.Go(func() { won.count(ctx, s, w.host) })
			}
		}
	}
}

// trouble does harm to one machine, or two at once, and mends it.
func (s *storm) trouble() {
	victims := s.random.Perm(stormHosts)[:1+s.random.IntN(2)]
	var mends []func()
	crash := s.random.IntN(3) == 0
	if crash && s.calm() {
		mends = append(mends, s.crash(victims[0], s.random.IntN(3) > 0))
		victims = victims[1:]
	}
	for _, victim := range victims {
		mends = append(mends, s.harm(victim, s.random.IntN(5)))
	}
	<-time.After(time.Duration(s.random.IntN(5000)) * time.Millisecond)
	for _, mend := range mends {
		mend()
	}
	<-time.After(time.Duration(s.random.IntN(2000)) * time.Millisecond)
}

// calm waits until what two nodes hold is held by all that have room, so that the next crash may take one of them; not for long.
func (s *storm) calm() bool {
	<-time.After(stormCalm)
	_, ok := Watch(patience, func() bool {
		for _, h := range s.hosts {
			if r, ok := h.Report("verify"); !ok || r["converged"] != true || !h.Ready() || !seesAll(h, s.hosts) {
				return false
			}
		}
		return true
	})
	if !ok {
		s.harms["no calm"]++
	}
	return ok
}

func (s *storm) crash(i int, kill bool) (mend func()) {
	n := s.nodes[i]
	s.peaks[i] = max(s.peaks[i], peakMiB(s.t, n))
	s.starts[i].Add(1)
	if kill {
		s.harms["kill -9"]++
		n.Kill()
	} else {
		s.harms["SIGTERM"]++
		n.Term()
		n.WaitExit(patience)
	}
	return func() { s.starts[i].Add(1); s.nodes[i] = s.start(i) }
}

// harm does harm that no write is lost by.
func (s *storm) harm(i, kind int) (mend func()) {
	h, n := s.hosts[i], s.nodes[i]
	switch kind {
	case 0:
		s.harms["SIGSTOP"]++
		n.Stop()
		return n.Continue
	case 1:
		s.harms["cable"]++
		h.CableDown()
		return h.CableUp
	case 2:
		s.harms["card"]++
		h.CardDown()
		return h.CardUp
	case 3:
		s.harms["one-way"]++
		h.Rules("table inet lab { chain out { type filter hook output priority 0; oifname eth0 drop; }; }")
		return func() { h.Rules("") }
	}
	if s.network.chaos == nil {
		s.harms["rate"]++
		s.network.must(limitCard(h.inside.name, "eth0", "20mbit"))
		return func() { h.Exec("tc", "qdisc", "del", "dev", "eth0", "root") }
	}
	s.harms["switch"]++
	s.network.Faults(Faults{Loss: s.random.Float64() * 0.1, Twice: 0.02, Corrupt: 0.01, Late: 0.02, Hold: 20 * time.Millisecond,
		Delay: time.Duration(s.random.IntN(20)) * time.Millisecond, Jitter: 10 * time.Millisecond})
	return func() { s.network.Faults(Faults{}) }
}

// memory notes the peaks.
func (s *storm) memory() {
	for i, n := range s.nodes {
		s.peaks[i] = max(s.peaks[i], peakMiB(s.t, n))
	}
}

// files counts the descriptors of each node.
func (s *storm) files() (all []int) {
	for _, n := range s.nodes {
		open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", n.PID()))
		if err != nil {
			s.t.Fatal(err)
		}
		all = append(all, len(open))
	}
	return all
}

// judge waits until all nodes hold the same, but for what the last has evicted, and holds that against the ledgers.
func (s *storm) judge(files []int) {
	t := s.t
	ended := time.Now()
	waitMesh(t, s.hosts, ended)
	waitReady(t, s.hosts)
	<-time.After(5 * time.Second) // the longest time to live of keys in a ledger
	var all []map[string]string
	differs := "nobody looked"
	took, ok := Watch(stormSettles, func() bool { all, differs = s.look(); return differs == "" })
	if !ok {
		t.Errorf("%v after the storm the nodes differ: %s", took.Round(time.Second), differs)
	}
	s.tell(time.Since(ended), all)
	for _, h := range s.hosts {
		converged(t, h, stormHosts)
	}
	s.audit(all[:stormHosts-1])
	stillWhole(t, s.hosts, s.nodes)
	s.memory()
	for i, peak := range s.peaks {
		// A tenth and 32 MiB more than max-memory is what README.md says that a node takes.
		if limit := s.room(i); peak > limit*11/10+32 && os.Getenv(raceVariable) == "" {
			t.Errorf("%s: %d MiB at most, of %d", s.hosts[i].Name, peak, limit)
		}
	}
	for _, w := range s.writers {
		if w.conn != nil {
			w.conn.conn.Close()
		}
	}
	for i := range s.hosts {
		Poll(t, patience, s.hosts[i].Name+" to have no more descriptors than at first", func() bool { return s.files()[i] <= files[i]+stormMoreFiles })
	}
}

// audit holds what the nodes with room hold against the ledgers, and tells what readers saw.
func (s *storm) audit(all []map[string]string) {
	faults := s.faults.all
	for i, held := range all {
		for _, w := range s.writers {
			for _, fault := range w.audit(held) {
				faults = append(faults, s.hosts[i].Name+": "+fault)
			}
		}
		faults = append(faults, s.auditSums(i, held)...)
		for key := range held {
			if strings.HasPrefix(key, "e-") {
				faults = append(faults, s.hosts[i].Name+": "+key+" is there after its end")
			}
		}
	}
	if len(faults) > 0 {
		s.t.Errorf("%d faults, among them\n\t%s", len(faults), strings.Join(faults[:min(len(faults), 3*shownFaults)], "\n\t"))
	}
}

// auditSums holds the counters of one node against the ledgers of all.
func (s *storm) auditSums(i int, held map[string]string) (faults []string) {
	for k := range stormSums {
		var all tally
		for _, w := range s.writers {
			all.sure, all.sent = all.sure+w.sums[k].sure, all.sent+w.sums[k].sent
		}
		sum, _ := strconv.Atoi(held[fmt.Sprintf("n-%d", k)])
		if sum < all.sure || sum > all.sent {
			faults = append(faults, fmt.Sprintf("%s: n-%d is %d after %d increments, %d of them sure", s.hosts[i].Name, k, sum, all.sent, all.sure))
		}
	}
	return faults
}

// tell logs what was done.
func (s *storm) tell(took time.Duration, all []map[string]string) {
	var kinds []string
	for what, count := range s.harms {
		kinds = append(kinds, fmt.Sprintf("%s %d", what, count))
	}
	slices.Sort(kinds)
	s.t.Logf("secret %v, bad switch %v; %s; equal %v after the storm", s.password != "", s.network.chaos != nil, strings.Join(kinds, ", "), took.Round(time.Millisecond))
	for i, w := range s.writers {
		s.t.Logf("%s: holds %d keys; %d writes done, %d refused %v, %d without an answer; %d reads; peak %d MiB; evictions %v", w.host.Name, len(all[i]),
			w.acked, w.refused, w.words, w.unknown, s.readers[i].reads, s.peaks[i], counted(w.host, "evictions"))
	}
}

// look reads the names of all values of all nodes, and says how they differ.
func (s *storm) look() (all []map[string]string, differs string) {
	all = make([]map[string]string, stormHosts)
	failures := make([]error, stormHosts)
	var readers sync.WaitGroup
	for i, h := range s.hosts {
		readers.Go(func() { all[i], failures[i] = stormHoldings(h, s.password) })
	}
	readers.Wait()
	for i, h := range s.hosts {
		if failures[i] != nil {
			return all, fmt.Sprintf("%s: %v", h.Name, failures[i])
		}
		for key, value := range all[i] {
			if all[0][key] != value {
				return all, fmt.Sprintf("%s is %q on %s and %q on %s", key, value, h.Name, all[0][key], s.hosts[0].Name)
			}
		}
		if missing := len(all[0]) - len(all[i]); missing != 0 && i < stormHosts-1 {
			return all, fmt.Sprintf("%s has %d keys fewer than %s", h.Name, missing, s.hosts[0].Name)
		}
	}
	return all, ""
}
