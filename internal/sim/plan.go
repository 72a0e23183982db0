package sim

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// scarce lets some machines run out of memory: not yet in every run, for what partial leaves leave out is not repaired (R16).
var scarce = flag.Bool("scarce", false, "let some machines have too little memory, too")

// Plan is all that a seed decides before its run begins: the machines, the network, and every step that clients and bad
// luck will take. What is left out of the steps does not change the others, so that a failing plan can be made smaller.
type Plan struct {
	Seed      uint64
	Machines  []Machine
	Apart     [][2]int // that never reach each other: the mesh is not full
	Faults    Faults
	Horizon   time.Duration // of tombstones and of the dead
	Keys      int           // that clients use
	Small     bool          // some machines have little memory: what they evicted may be missing there
	Sides     bool          // a split keeps two groups apart; else each of one group is alone
	Long      bool          // some are apart for about the horizon: R14 may drop what only one side holds
	Graves    bool          // there are more tombstones than machines may keep
	Clocks    bool          // clocks are off by more than a group tolerates: stamps are mapped (R7)
	Resets    bool          // with Clocks: counters are set, deleted and flushed
	Secrets   bool          // links are made with secrets, which are replaced
	Strangers int           // machines without the secret
	Length    time.Duration // after which all is healed, and all that are down start
	Quiet     time.Duration // within which all must be equal then
	Steps     []Step        // by time
}

// Machine is one machine of a plan.
type Machine struct {
	Skew   int64         // ms that its wall clock is off
	Drift  int64         // ppm that its clocks run too fast
	Ring   int           // bytes
	Memory int64         // bytes
	Clone  int           // machine whose MAC address it has; its own number: none
	Joins  time.Duration // when it starts first
}

// Step is something that happens: a command of a client, or a fault.
type Step struct {
	At    time.Duration
	Do    action
	Host  int
	Other uint32        // for cuts: the machines on the other side, by bit
	Lasts time.Duration // of a fault
	Args  []string      // of a command
}

type action uint8

const (
	doCommand action = iota
	doCut
	doCutOneWay
	doSleep // as SIGSTOP, or a laptop's lid: nothing is read, sent or ticked
	doBreak // a connection ends under both sides
	doCrash // and comes back empty
	doLeave // and comes back empty
	doPause // as a virtual machine is paused: its clock stands still
	doLeap  // its clock leaps ahead by so much
	doReset // its wall clock is set ahead by so much: the next start sees it
	doGive  // it is given other secrets, those with the numbers in Other's bits; the highest is spoken with
)

var actionNames = [...]string{"", "is cut off from", "is not heard by", "sleeps", "loses a connection", "crashes", "leaves", "is paused", "has its clock leap", "has its wall clock set", "is given secrets"}

// String says what a step does, in a line.
func (s *Step) String() string {
	name := hostName(s.Host)
	switch s.Do {
	case doCommand:
		return fmt.Sprintf("%s: %q", name, s.Args)
	case doCut, doCutOneWay:
		var others string
		for i := range 32 {
			if s.Other>>i&1 != 0 {
				others += " " + hostName(i)
			}
		}
		return fmt.Sprintf("%s %s%s for %s", name, actionNames[s.Do], others, s.Lasts.Round(time.Millisecond))
	}
	if s.Do == doGive {
		return fmt.Sprintf("%s %s %03b", name, actionNames[s.Do], s.Other)
	}
	return fmt.Sprintf("%s %s for %s", name, actionNames[s.Do], s.Lasts.Round(time.Millisecond))
}

func hostName(i int) string { return string(rune('A' + i)) }

// unmet reports whether a machine never meets one before it that has its MAC address, be it the machine that it is a clone of,
// a clone of that, or one that this is.
func (p *Plan) unmet(i int) bool {
	first := func(i int) int {
		for p.Machines[i].Clone != i {
			i = p.Machines[i].Clone
		}
		return i
	}
	return slices.ContainsFunc(p.Apart, func(pair [2]int) bool { return pair[1] == i && first(pair[0]) == first(i) })
}

// draft is a plan in the making.
type draft struct {
	*Plan
	r       *rand.Rand
	trouble time.Duration // mean time between two faults
	writes  time.Duration // mean time between two turns of clients
}

// NewPlan makes the plan of a seed: one in three has a scene. Of the plans with splits half have two groups that are apart; where many keys
// are deleted half of the machines have stood for the horizon. Seeds that were red before there was that have plans without (plainPlan).
func NewPlan(seed uint64) *Plan {
	r := rand.New(rand.NewPCG(seed, 8))
	p := planOf(seed, r.IntN(2) == 0)
	p.scene(*sceneName)
	if r.IntN(2) == 0 && p.Graves {
		p.age()
	}
	return p
}

// plainPlan makes the plan of a seed, without a scene.
func plainPlan(seed uint64) *Plan { return planOf(seed, false) }

func planOf(seed uint64, sides bool) *Plan {
	r := rand.New(rand.NewPCG(seed, 2))
	p := &Plan{
		Seed: seed, Sides: sides, Horizon: time.Hour, Quiet: quietMost, Keys: 10 + r.IntN(100),
		Length: time.Duration(5+r.IntN(15)) * time.Second,
		Faults: Faults{
			Delay:     time.Duration(1+r.IntN(20)) * time.Millisecond,
			LateShare: r.Float64() * 0.2, LostShare: r.Float64() * 0.3, TwiceShare: r.Float64() * 0.3,
		},
	}
	d := &draft{Plan: p, r: r, trouble: time.Duration(500+r.IntN(3000)) * time.Millisecond, writes: time.Duration(5+r.IntN(40)) * time.Millisecond}
	d.scenario()
	d.machines()
	if len(p.Machines) > 2 && r.IntN(3) == 0 {
		d.shape()
	}
	for i := range p.Machines {
		if p.unmet(i) {
			p.Machines[i].Clone = i // two of one id without a common neighbour cannot be told apart (R26)
		}
	}
	if d.Long {
		d.longSplit()
	} else if r.IntN(4) == 0 {
		d.split(0, time.Duration(r.Int64N(int64(12*time.Second))))
	}
	for at := d.pause(d.trouble); at < p.Length; at += d.pause(d.trouble) {
		d.fault(at)
	}
	for at := d.pause(d.writes); at < p.Length; at += d.pause(d.writes) {
		host := r.IntN(len(p.Machines))
		for range 1 + r.IntN(3) {
			d.step(Step{At: at, Host: host, Args: d.command()})
		}
	}
	slices.SortStableFunc(p.Steps, func(a, b Step) int { return int(a.At - b.At) })
	return p
}

// scenario chooses what is special about this run.
func (d *draft) scenario() {
	what := d.r.IntN(10)
	switch {
	case what == 0: // The horizon is short, and some are apart for about as long.
		d.Long = true
		d.Horizon = time.Duration(12+d.r.IntN(12)) * time.Second
		d.Length = d.Horizon + time.Duration(10+d.r.IntN(20))*time.Second
		d.trouble *= 4
		d.writes *= 3
	case what == 1 && *scarce: // Some machines have too little memory for everything.
		d.Small = true
		d.Keys = 400 + d.r.IntN(400)
	}
}

// machines chooses two to seven of them.
func (d *draft) machines() {
	r := d.r
	ring := []int{4 << 10, 32 << 10, 1 << 20}[r.IntN(3)]
	memory := []int64{1 << 20, 4 << 20, 16 << 20}[r.IntN(3)]
	for i := range 2 + r.IntN(6) {
		m := Machine{Ring: ring, Memory: memory, Clone: i, Joins: time.Duration(r.Int64N(int64(4 * time.Second)))}
		// Clocks are set wrong and drift, by so little that no group has to step (R7): the ledger knows stamps as they were given.
		m.Skew, m.Drift = int64(r.IntN(1800))-900, int64(r.IntN(400))-200
		if d.Small && i > 0 && r.IntN(2) == 0 {
			m.Memory = 256 << 10
		}
		if i > 0 && r.IntN(12) == 0 {
			m.Joins += time.Duration(r.Int64N(int64(d.Length)))
		}
		if i > 0 && r.IntN(30) == 0 {
			m.Clone = r.IntN(i)
		}
		d.Machines = append(d.Machines, m)
	}
}

// shape makes a mesh in which everyone can reach everyone over some: a tree, and some links more.
func (d *draft) shape() {
	n := len(d.Machines)
	near := make([]bool, n*n)
	join := func(a, b int) { near[a*n+b], near[b*n+a] = true, true }
	for b := 1; b < n; b++ {
		join(d.r.IntN(b), b)
	}
	for range d.r.IntN(4) {
		join(d.r.IntN(n), d.r.IntN(n))
	}
	for a := range n {
		for b := a + 1; b < n; b++ {
			if !near[a*n+b] {
				d.Apart = append(d.Apart, [2]int{a, b})
			}
		}
	}
}

// pause is a random time, this long on average.
func (d *draft) pause(mean time.Duration) time.Duration {
	return time.Duration(d.r.ExpFloat64() * float64(mean))
}

func (d *draft) step(s Step) { d.Steps = append(d.Steps, s) }

// split keeps a group apart from the others for a while, or each of it from all; then nobody, if the first machine is one of it.
func (d *draft) split(at, lasts time.Duration) {
	all := uint32(1)<<len(d.Machines) - 1
	group := uint32(1 + d.r.IntN(int(all)))
	others := all &^ group
	if !d.Sides {
		others = all * (1 &^ group)
	}
	for i := range d.Machines {
		if group>>i&1 != 0 {
			d.step(Step{At: at, Do: doCut, Host: i, Other: others, Lasts: lasts})
		}
	}
}

// longSplit is one that ends just before, at or after the horizon.
func (d *draft) longSplit() {
	at := 4*time.Second + time.Duration(d.r.Int64N(int64(4*time.Second)))
	d.split(at, d.Horizon*time.Duration(60+d.r.IntN(80))/100)
}

// fault is one piece of bad luck.
func (d *draft) fault(at time.Duration) {
	r := d.r
	s := Step{At: at, Host: r.IntN(len(d.Machines)), Lasts: d.pause(3 * time.Second)}
	switch r.IntN(16) {
	case 0, 1, 2, 3:
		s.Do, s.Other = doCut, 1<<r.IntN(len(d.Machines))
	case 4, 5:
		s.Do, s.Other = doCutOneWay, 1<<r.IntN(len(d.Machines))
	case 6, 7:
		s.Do, s.Other = doCut, 1<<len(d.Machines)-1
	case 8:
		d.split(at, s.Lasts)
		return
	case 9:
		s.Do, s.Lasts = doSleep, s.Lasts/2
	case 10:
		s.Do, s.Lasts = doSleep, 3*s.Lasts
	case 11, 12:
		s.Do = doBreak
	case 13:
		s.Do = doLeave
	default:
		s.Do = doCrash
		if r.IntN(3) == 0 {
			s.Lasts /= 20 // back before anybody has judged
		}
	}
	d.step(s)
}
