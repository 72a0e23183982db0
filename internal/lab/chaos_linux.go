package lab

import (
	"container/heap"
	"fmt"
	"slices"
	"sync"
	"time"
)

// chaos is a switch in this process, with a TAP device for each card. One goroutine a card takes in its frames and draws
// their fate; one goroutine of the switch hands them out when they are due.
type chaos struct {
	seed  uint64
	begun time.Time
	wake  chan struct{} // there is a frame that is due earlier than those before, or the switch ends
	done  sync.WaitGroup

	mu       sync.Mutex
	ends     bool
	all      Faults
	ports    []*port
	stations map[[6]byte]*port // where an address was last heard from
	floods   bool              // it is a hub
	ways     map[[2]int]*way   // by the numbers of the ports
	flying   flights
	entered  uint64 // counts frames, so that those due at one time keep their order
	lost     uint64 // frames for which there was no room
}

// port is a place for a cable.
type port struct {
	name   string
	number int
	tap    *tap
	up     bool
	side   int // of a split
}

func newChaos(seed uint64) *chaos {
	c := &chaos{seed: seed, begun: time.Now(), wake: make(chan struct{}, 1), stations: map[[6]byte]*port{}, ways: map[[2]int]*way{}}
	c.done.Go(c.deliver)
	return c
}

func (c *chaos) plug(name string, space *namespace, card, mac string) error {
	t, err := newTap(space, card, mac)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	p := &port{name: name, number: len(c.ports), tap: t, up: true}
	c.ports = append(c.ports, p)
	c.done.Go(func() { c.take(p) })
	return nil
}

// take reads the frames of a card until it is closed.
func (c *chaos) take(p *port) {
	var b [maxFrame]byte
	for {
		n, err := p.tap.file.Read(b[:])
		if err != nil {
			return
		}
		c.enter(p, b[:n])
	}
}

// enter has a frame that came from a port set out to others.
func (c *chaos) enter(from *port, frame []byte) {
	if len(frame) < addressBytes {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !from.up {
		return
	}
	now := time.Since(c.begun)
	source := [6]byte(frame[6:12])
	if _, known := c.stations[source]; known || len(c.stations) < maxStations {
		c.stations[source] = from
	}
	if to := c.stations[[6]byte(frame[:6])]; to != nil && !c.floods {
		c.send(now, from, to, frame)
		return
	}
	for _, to := range c.ports {
		c.send(now, from, to, frame)
	}
}

// send draws the fate of a frame on the way to a port. The caller holds c.mu.
func (c *chaos) send(now time.Duration, from, to *port, frame []byte) {
	if to == from || to.side != from.side || !to.up {
		return
	}
	f := c.way(from, to).take(now, len(frame), &c.all)
	if f.copies == 0 {
		return
	}
	frame = slices.Clone(frame)
	if f.corrupt {
		frame[f.at] ^= f.change
	}
	for _, at := range f.arrive[:f.copies] {
		if len(c.flying) >= maxFlying {
			c.lost++
			return
		}
		c.entered++
		heap.Push(&c.flying, flight{at: at, order: c.entered, to: to, frame: frame})
		if c.flying[0].order == c.entered {
			c.ring()
		}
	}
}

func (c *chaos) ring() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// way returns the way between two ports. The caller holds c.mu.
func (c *chaos) way(from, to *port) *way {
	key := [2]int{from.number, to.number}
	w := c.ways[key]
	if w == nil {
		w = newWay(c.seed, uint64(from.number), uint64(to.number))
		c.ways[key] = w
	}
	return w
}

// deliver hands out the frames that are due, until the switch ends.
func (c *chaos) deliver() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		f, wait, ended := c.next()
		switch {
		case ended:
			return
		case f.to != nil:
			f.to.tap.file.Write(f.frame) // a card that is down does not take it: it is lost, as on a cable
		default:
			timer.Reset(wait)
			select {
			case <-c.wake:
			case <-timer.C:
			}
		}
	}
}

// next takes the frame that is due, if there is one that may still arrive; else it says how long to wait.
func (c *chaos) next() (f flight, wait time.Duration, ended bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for !c.ends && len(c.flying) > 0 {
		if wait := c.flying[0].at - time.Since(c.begun); wait > 0 {
			return flight{}, wait, false
		}
		if f := heap.Pop(&c.flying).(flight); f.to.up {
			return f, 0, false
		}
	}
	return flight{}, time.Hour, c.ends
}

func (c *chaos) faults(f Faults) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = f
}

func (c *chaos) oneWay(from, to string, cut bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.way(c.port(from), c.port(to)).cut = cut
}

// port finds a port by its name. The caller holds c.mu.
func (c *chaos) port(name string) *port {
	for _, p := range c.ports {
		if p.name == name {
			return p
		}
	}
	panic("no port is called " + name)
}

func (c *chaos) cable(name string, up bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.port(name)
	p.up = up
	return p.tap.carrier(up)
}

func (c *chaos) split(away []string) error { c.move(away, 1); return nil }

func (c *chaos) heal(all []string) error { c.move(all, 0); return nil }

// move puts ports on one side of a split.
func (c *chaos) move(names []string, side int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, name := range names {
		c.port(name).side = side
	}
}

// limit is not what this switch is for: rates are measured on the fast one.
func (c *chaos) limit(string, *namespace, string, string) error {
	return fmt.Errorf("a switch of NewChaos carries no rate")
}

func (c *chaos) hub() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.floods = true
	return nil
}

// remove closes the cards, which removes them, and waits for the goroutines.
func (c *chaos) remove() {
	c.mu.Lock()
	c.ends = true
	for _, p := range c.ports {
		p.tap.file.Close()
	}
	c.mu.Unlock()
	c.ring()
	c.done.Wait()
}

// A flight is a frame on its way.
type flight struct {
	at    time.Duration
	order uint64
	to    *port
	frame []byte
}

// flights is a heap of them, the next to arrive first.
type flights []flight

func (f flights) Len() int { return len(f) }
func (f flights) Less(i, j int) bool {
	return f[i].at < f[j].at || f[i].at == f[j].at && f[i].order < f[j].order
}
func (f flights) Swap(i, j int) { f[i], f[j] = f[j], f[i] }
func (f *flights) Push(x any)   { *f = append(*f, x.(flight)) }
func (f *flights) Pop() any {
	old := *f
	last := old[len(old)-1]
	old[len(old)-1] = flight{}
	*f = old[:len(old)-1]
	return last
}
