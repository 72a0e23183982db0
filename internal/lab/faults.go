package lab

import (
	"math/rand/v2"
	"time"
)

// Faults is what a switch does to frames on their way from one port to another. Shares are of all frames, 0 to 1. The zero
// value does nothing to them.
type Faults struct {
	Loss    float64 // share that is lost
	Twice   float64 // share that comes twice
	Corrupt float64 // share in which one byte behind the addresses is changed
	Late    float64 // share that is held back by Hold, so that those behind overtake it

	Delay  time.Duration // that every frame takes at least
	Jitter time.Duration // that it takes more at most, evenly spread; frames keep their order all the same, but for Late
	Hold   time.Duration
}

// addressBytes are the first bytes of a frame: to whom and from whom. They are never corrupted, for a card checks them, and
// everything else, itself; what gets past such checks are faults of memory and of drivers, behind them.
const addressBytes = 12

// A way is the way of frames from one port to another. Its fates follow from its seed, whatever the times are.
type way struct {
	random *rand.Rand
	last   time.Duration // when the last frame in order arrives, on the switch's clock
	cut    bool
}

func newWay(seed, from, to uint64) *way {
	return &way{random: rand.New(rand.NewPCG(seed, from<<32|to))}
}

// A fate is what becomes of one frame: when its copies arrive, none if it is lost, and which byte is changed by what.
type fate struct {
	arrive  [2]time.Duration
	copies  int
	corrupt bool
	at      int
	change  byte // never 0 where corrupt
}

// take draws the fate of a frame of length bytes that enters the way at now. It always draws as much, so that one fault does
// not move the others.
func (w *way) take(now time.Duration, length int, f *Faults) (out fate) {
	lost, twice, corrupt, late := w.random.Float64(), w.random.Float64(), w.random.Float64(), w.random.Float64()
	at, change := w.random.Float64(), 1+w.random.IntN(255)
	jitter, again := w.random.Float64(), w.random.Float64()
	if w.cut || lost < f.Loss {
		return out
	}
	arrive := now + f.Delay + time.Duration(jitter*float64(f.Jitter))
	if late < f.Late {
		arrive += f.Hold
	} else {
		arrive = max(arrive, w.last)
		w.last = arrive
	}
	out.arrive[0], out.copies = arrive, 1
	if twice < f.Twice {
		out.arrive[1], out.copies = arrive+time.Duration(again*float64(f.Jitter)), 2
	}
	if corrupt < f.Corrupt && length > addressBytes {
		out.corrupt, out.at, out.change = true, addressBytes+int(at*float64(length-addressBytes)), byte(change)
	}
	return out
}
