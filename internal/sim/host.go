package sim

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"covey/codec"
	"covey/peer"
	"covey/seal"
	"covey/store"
)

// Host is a machine: it runs one node, or none while it is down.
type Host struct {
	Node  *peer.Node
	Store *store.Store
	Ring  *peer.Ring
	Clock *peer.Clock

	world       *World
	index       int
	name        string
	addr        netip.AddrPort
	id          uint64
	incarnation uint64
	life        int   // counts starts
	skew        int64 // ms that its wall clock is off
	drift       int64 // ppm that its clocks run too fast
	booted      int64 // virtual time at which its boot-time clock read 0
	still       int64 // virtual time since which it stands still; 0: it runs
	static      []netip.AddrPort
	ends        []*end
	stage       codec.Stage
	outbox      peer.Outbox
	body        []byte // of the frame at hand
	out         []byte // what a flush writes into
	asleep      bool
	late        []func()      // what happened meanwhile
	ring        int           // bytes of its ring
	memory      int64         // bytes of its store
	horizon     time.Duration // 0: the default
	weak        peer.Weakness // protections that its node misses
	frail       store.Weakness
	stream      uint64 // of all its starts; 0: each has its own
	desk        desk
	sent        uint64 // bytes that it has written to its connections
	guard       guard
	stranger    bool // it is none of the mesh

	left bool // it has said once that it leaves

	// Of this life, for the ledger.
	known    []known
	graves   []known // the highest that it held of a key and has forgotten
	dropped  []bool
	denied   []bool // of these, own writes of a host that had left before: nobody waited for it with the tombstones that made the floor (R13)
	before   []readier
	wasReady bool
}

const (
	port         = 9000
	leaveTime    = 100 * time.Millisecond // between the goodbye and the end
	simShardBits = 2
	simShards    = 1 << simShardBits // lock shards of a store; the keys are few
)

// begin is the virtual time at which a world begins, and the date on an honest wall clock then.
const (
	begin = int64(time.Hour)
	date  = 1_700_000_000_000
)

// AddHost adds a machine that is down. Its wall clock is off by skew ms; the ring of its node takes ringBytes.
func (w *World) AddHost(skew int64, ringBytes int) *Host {
	h := w.newHost(len(w.Hosts), skew, ringBytes)
	w.Hosts = append(w.Hosts, h)
	return h
}

func (w *World) newHost(i int, skew int64, ringBytes int) *Host {
	return &Host{
		world: w, index: i, name: hostName(i), skew: skew, ring: ringBytes, memory: 64 << 20,
		addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte((i + 1) >> 8), byte(i + 1)}), port),
		id:   codec.NodeID([6]byte{2, 0, 0, 0, byte((i + 1) >> 8), byte(i + 1)}, port),
	}
}

// Start boots the host and its node, empty.
func (h *Host) Start() {
	w := h.world
	h.life++
	h.booted = w.Now - int64(time.Second) - w.Rand.Int64N(int64(time.Minute))
	random := rand.New(rand.NewPCG(w.Rand.Uint64(), uint64(h.index)))
	stream := w.Rand.Uint64()
	if h.stream != 0 {
		stream = h.stream
	}
	var err error
	h.Store, err = store.New(store.Options{
		Shards: simShards, Node: h.id, MaxBytes: h.memory, Seed: peer.HashSeed("sim"), Stream: stream,
		Horizon: uint64(h.horizon.Milliseconds()),
	})
	if err != nil {
		panic(err)
	}
	h.Store.Weaken(h.frail)
	h.Ring = peer.NewRing(stream, h.ring)
	h.Clock = peer.NewClock(date + h.booted/1e6 + h.skew)
	h.incarnation = uint64(h.wall())<<16 | w.Rand.Uint64()&0xffff
	h.Node = peer.NewNode(peer.Config{
		ID: h.id, Incarnation: h.incarnation, Stream: stream, Cluster: "sim", Port: h.addr.Port(), Rand: random,
		Store: h.Store, Ring: h.Ring, Clock: h.Clock, Static: h.static, Horizon: h.horizon, Keyed: w.keyed || h.guard.all != nil,
		Deliver: func(_, message []byte) {
			if h.booked() {
				w.book.hears(h, string(message))
			}
		},
	})
	h.stage.Reset()
	h.openDesk()
	if h.guard.all != nil {
		h.guard.announcer = seal.NewAnnouncer(h.guard.all)
	}
	if h.booked() {
		w.book.started(h)
	}
	h.Node.Weaken(h.weak)
	h.Node.Start(h.mono())
	h.carryOut()
	w.trace("%s starts", h.name)
	h.tick(h.life)
}

// Crash ends the node as kill -9 does: the kernel closes its connections, all it held is lost.
func (h *Host) Crash() {
	h.world.trace("%s crashes", h.name)
	h.life++
	h.Node = nil
	for _, e := range slices.Clone(h.ends) {
		e.close()
	}
	h.ends = nil
}

// Leave ends the node as SIGTERM does: it says so, and is gone a moment later.
func (h *Host) Leave() {
	life := h.life
	h.left = true
	h.world.trace("%s leaves", h.name)
	h.Node.Leave(h.mono())
	h.carryOut()
	h.world.After(leaveTime, func() {
		if h.life == life {
			h.Crash()
		}
	})
}

// Sleep stops the node for a while, as SIGSTOP does: nothing is read or written, no tick comes.
func (h *Host) Sleep(d time.Duration) {
	if h.asleep {
		return
	}
	h.asleep = true
	h.world.trace("%s sleeps for %s", h.name, d)
	h.world.After(d, func() {
		h.asleep = false
		late := h.late
		h.late = nil
		for _, f := range late {
			f()
		}
	})
}

// Pause stops the whole machine for a while, as a virtual one is paused: its clocks stand still.
func (h *Host) Pause(d time.Duration) {
	if h.asleep {
		return
	}
	h.still = h.world.Now
	h.world.After(d, func() {
		h.booted += int64(d)
		h.still = 0
	})
	h.Sleep(d)
}

// awake runs f, now or when the host wakes up.
func (h *Host) awake(f func()) {
	if h.asleep {
		h.late = append(h.late, f)
		return
	}
	f()
}

// mono is the host's boot-time clock.
func (h *Host) mono() int64 {
	passed := cmp.Or(h.still, h.world.Now) - h.booted
	return passed + passed/1e6*h.drift
}

// wall is the host's wall clock in ms.
func (h *Host) wall() int64 { return date + h.world.Now/1e6 + h.skew }

// now is the node's cluster time in ms.
func (h *Host) now() uint64 { return h.Clock.Cluster(h.mono()) }

// ephemeral is the address that the other side of a connection sees.
func (h *Host) ephemeral(listening bool) netip.AddrPort {
	if listening {
		return h.addr
	}
	return netip.AddrPortFrom(h.addr.Addr(), uint16(40000+h.world.Rand.IntN(20000)))
}

func (h *Host) drop(e *end) {
	h.ends = slices.DeleteFunc(h.ends, func(o *end) bool { return o == e })
}

// tick is the ticker of one life of the node.
func (h *Host) tick(life int) {
	if h.life != life {
		return
	}
	w := h.world
	if !h.asleep {
		h.Node.Tick(h.mono())
		h.Store.Sweep(h.now(), 64)
		h.carryOut()
	}
	w.After(peer.TickInterval+time.Duration(w.Rand.Int64N(int64(5*time.Millisecond))), func() { h.tick(life) })
}

// announced takes a datagram.
func (h *Host) announced(b []byte, from netip.Addr) {
	if h.Node == nil || h.asleep {
		return
	}
	a, err := codec.DecodeAnnounce(b)
	if err != nil {
		panic(err)
	}
	if !h.guard.genuine(b, &a, h.mono(), from) {
		return
	}
	h.Node.Step(h.mono(), peer.Event{Kind: peer.EventAnnounce, Announce: a, Addr: netip.AddrPortFrom(from, a.Port)})
	h.carryOut()
}

// carryOut does what the node wishes.
func (h *Host) carryOut() {
	w := h.world
	if h.booked() {
		w.book.checkReady(h)
	}
	for h.Node != nil && h.Node.Pending() {
		h.outbox.Reset()
		h.Node.Drain(&h.outbox)
		o := h.outbox
		h.outbox = peer.Outbox{}
		for _, d := range o.Dials {
			h.dial(d)
		}
		for _, form := range o.Announces {
			w.broadcast(h, h.Node.Announce(form))
		}
		for _, l := range o.Pending {
			ring(l)
		}
		for _, l := range o.Closes {
			e := l.User().(*end)
			w.After(time.Duration(w.Rand.Int64N(int64(100*time.Microsecond))), func() { e.flush(true) })
		}
		for _, c := range o.Changes {
			if w.changed != nil {
				w.changed(h, c)
			}
			w.trace("%s: %s was %s, is %s: %s", h.name, codec.FormatID(c.ID), c.Old, c.New, c.Reason)
		}
	}
}

// dial connects, or fails: at once when nobody listens, after a while when nothing comes back.
func (h *Host) dial(d peer.Dial) {
	w, life := h.world, h.life
	fail := func() {
		if h.life == life {
			h.dialFailed(d)
		}
	}
	to := w.at(d.Addr)
	if to == nil {
		w.After(w.delay(), fail)
		return
	}
	if w.isCut(h, to) || w.isCut(to, h) || w.chance(w.Faults.LostShare) {
		w.After(peer.DialTimeout, fail)
		return
	}
	w.After(2*w.delay(), func() {
		switch {
		case h.life != life:
		case w.at(d.Addr) == nil:
			fail()
		case h.guard.all != nil:
			h.shake(to, shaking{dial: d, all: h.guard.all})
		default:
			connect(h, to, d.Number)
		}
	})
}

func (h *Host) dialFailed(d peer.Dial) {
	h.Node.Step(h.mono(), peer.Event{Kind: peer.EventDialFailed, Addr: d.Addr, Number: d.Number})
	h.carryOut()
}

// String names the host.
func (h *Host) String() string { return fmt.Sprintf("%s %s", h.name, codec.FormatID(h.id)) }
