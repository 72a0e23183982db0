package sim

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

var sceneName = flag.String("scene", "", "have all random plans be of one scene: graves, clocks, secrets, counts, room, messages, plain")

// A scene is what is special about some plans, made of the plan of a seed by randomness of its own: those without one stay as they are.
// "" leaves it to the seed which.
func (p *Plan) scene(name string) {
	r := rand.New(rand.NewPCG(p.Seed, 6))
	switch n := r.IntN(12); {
	case name != "":
	case n == 0:
		name = "graves"
	case n < 3:
		name = "clocks"
	case n == 3:
		name = "secrets"
	}
	d := &draft{Plan: p, r: r, trouble: 5 * time.Second}
	switch {
	case p.Long && (name == "" || name == "counts"):
		d.counts()
	case p.Long || p.Small:
	case name == "graves":
		d.graves()
	case name == "clocks":
		d.clocks()
	case name == "secrets":
		d.secrets()
	case name == "room":
		d.room()
	case name == "messages":
		d.messages()
	}
	slices.SortStableFunc(p.Steps, func(a, b Step) int { return int(a.At - b.At) })
}

const (
	graveMemory = 256 << 10 // bytes of a store: its tombstones have a sixteenth of that, about 400
	graveBatch  = 40        // keys written or deleted at once
)

// graves is a run in which many keys are deleted and written anew on machines that may keep few tombstones, for longer than
// these are safe from their budget (R13), and in which some are away meanwhile.
func (d *draft) graves() {
	r := d.r
	begun := d.Length
	d.Graves = true
	d.Keys = 1200 + r.IntN(800)
	d.Length = time.Duration(45+r.IntN(40)) * time.Second
	for i := range d.Machines {
		d.Machines[i].Memory = graveMemory
	}
	for i := range d.Steps {
		for k, a := range d.Steps[i].Args {
			if len(a) > 1000 {
				d.Steps[i].Args[k] = "not so long" // nothing is to be evicted
			}
		}
	}
	for at := time.Second; at < d.Length; at += d.pause(400 * time.Millisecond) {
		d.step(Step{At: at, Host: r.IntN(len(d.Machines)), Args: d.batch()})
	}
	for at := begun; at < d.Length; at += d.pause(d.trouble) {
		d.fault(at)
	}
	if r.IntN(2) == 0 {
		d.split(time.Duration(r.Int64N(int64(d.Length/2))), 10*time.Second+time.Duration(r.Int64N(int64(d.Length))))
	}
}

// age has all machines but those that start late stand for the horizon before anything happens, which is longer than the rest: only then do they forget
// tombstones because of their budget (R13), and who starts again meanwhile does not.
func (p *Plan) age() {
	p.Horizon = p.Length + 30*time.Second
	p.Length += p.Horizon
	for i := range p.Steps {
		p.Steps[i].At += p.Horizon
	}
}

// room is a run of machines with much memory and with little, in which tombstones pass the horizon again and again, and nobody is away for as long: what one
// has evicted, or has no room for, is lost nowhere else, however high its floor has come.
func (d *draft) room() {
	r := d.r
	begun := d.Length
	d.Small, d.Keys = true, 150+r.IntN(250)
	d.Horizon = time.Duration(30+r.IntN(20)) * time.Second
	d.Length = 3 * d.Horizon
	for i := range d.Machines {
		d.Machines[i].Memory = []int64{256 << 10, 1 << 20, 16 << 20}[r.IntN(3)]
	}
	d.Machines[r.IntN(len(d.Machines))].Memory = 16 << 20
	for at := begun; at < d.Length; at += d.pause(2 * d.trouble) {
		d.fault(at)
	}
	for i := range d.Steps {
		d.Steps[i].Lasts = min(d.Steps[i].Lasts, d.Horizon/5)
	}
	for at := time.Second; at < d.Length; at += d.pause(100 * time.Millisecond) {
		args := []string{"SET", fmt.Sprint("key:", r.IntN(d.Keys)), ""}
		switch p := r.IntN(100); {
		case p < 3:
			args[2] = strings.Repeat("z", 150<<10+r.IntN(300<<10))
		default:
			args[2] = strings.Repeat("y", r.IntN(3000))
		}
		switch p := r.IntN(20); {
		case p < 4:
			args = []string{"DEL", args[1]}
		case p < 6:
			args = append(args, "NX")
		case p < 8:
			args = append(args, "KEEPTTL")
		case p < 10:
			args = append(args, "PX", fmt.Sprint(1+r.IntN(20_000)))
		}
		d.step(Step{At: at, Host: r.IntN(len(d.Machines)), Args: args})
	}
}

// batch writes or deletes keys that lie side by side.
func (d *draft) batch() []string {
	first := d.r.IntN(d.Keys - graveBatch)
	args := []string{"UNLINK"}
	if d.r.IntN(2) == 0 {
		args[0] = "MSET"
	}
	for i := range graveBatch {
		args = append(args, fmt.Sprint("key:", first+i))
		if args[0] == "MSET" {
			args = append(args, fmt.Sprint(d.r.IntN(1000)))
		}
	}
	return args
}

// clocks is a run of machines whose clocks are off by hours or by decades, and leap, and stand still (R7). Stamps are mapped, so the
// ledger goes by values; in half of them nobody resets a counter, so that their sums are known.
func (d *draft) clocks() {
	r := d.r
	d.Clocks = true
	d.Resets = r.IntN(2) == 0
	hour := time.Hour.Milliseconds()
	skews := []int64{0, hour, -hour, -date + 3*hour, 3000, -4000, 8 * hour, 24 * hour}
	if r.IntN(3) > 0 {
		skews = skews[:2+r.IntN(3)] // fewer groups
	}
	for i := range d.Machines {
		m := &d.Machines[i]
		m.Skew, m.Drift = skews[r.IntN(len(skews))]+int64(r.IntN(200)), m.Drift/4
	}
	for at := d.pause(d.trouble); at < d.Length; at += d.pause(d.trouble) {
		s := Step{At: at, Host: r.IntN(len(d.Machines)), Lasts: 3*time.Second + d.pause(10*time.Second)}
		s.Do = []action{doPause, doLeap, doReset, doSleep}[r.IntN(4)]
		d.step(s)
	}
	if !d.Resets {
		for i := range d.Steps {
			if args := d.Steps[i].Args; len(args) > 0 && resets(args) {
				d.Steps[i].Args = []string{"GET", "key:0"}
			}
		}
	}
}

// counts has clients count, set and delete counters in a run that has a split about as long as the horizon: its own plan has none.
func (d *draft) counts() {
	r := d.r
	for at := d.pause(100 * time.Millisecond); at < d.Length; at += d.pause(100 * time.Millisecond) {
		args := []string{"INCR", fmt.Sprint("count:", r.IntN(d.Keys))}
		switch p := r.IntN(50); {
		case p == 0:
			args[0] = "DEL"
		case p == 1:
			args = []string{"SET", args[1], "100"}
		case p < 10:
			args[0] = "DECR"
		}
		d.step(Step{At: at, Host: r.IntN(len(d.Machines)), Args: args})
	}
}

// secrets is a run of machines that share a secret, which is replaced while they run: first each is given both, then each the new one
// alone. Half of the time nobody waits for the others, and a machine is given a wrong one for a while: then some do not understand each
// other until all is healed. On the network are machines without the secret. One in three has wrong clocks too.
func (d *draft) secrets() {
	r := d.r
	if r.IntN(3) == 0 {
		d.clocks()
	}
	d.Secrets, d.Strangers = true, r.IntN(3)
	careful := r.IntN(2) == 0
	within := func(from, until time.Duration) time.Duration {
		return from + time.Duration(r.Int64N(int64(until-from)))
	}
	give := func(at time.Duration, host int, numbers ...int) {
		s := Step{At: at, Do: doGive, Host: host}
		for _, n := range numbers {
			s.Other |= 1 << n
		}
		d.step(s)
	}
	for i := range d.Machines {
		half := d.Length / 2
		if !careful {
			half = within(d.Length/10, d.Length*9/10)
		}
		give(within(0, half), i, secretOld, secretNew)
		give(within(half, d.Length), i, secretNew)
	}
	if !careful {
		at, host := within(0, d.Length/2), r.IntN(len(d.Machines))
		give(at, host, secretFalse)
		give(within(at, d.Length), host, secretOld, secretNew)
	}
}

// resets reports whether a command may have a counter begin anew.
func resets(args []string) bool {
	return args[0] == "FLUSHALL" || args[0] != "INCR" && args[0] != "DECR" && args[0] != "INCRBY" &&
		slices.ContainsFunc(args[1:], func(a string) bool { return strings.HasPrefix(a, "count:") })
}
