package sim

import (
	"fmt"
	"slices"
	"time"

	"covey/codec"
	"covey/peer"
	"covey/seal"
)

// end is one side of a connection: a host's socket.
type end struct {
	host  *Host
	life  int // of the host when the connection was made
	other *end
	link  *peer.Link // nil until an accepted connection has spoken
	in    []byte     // bytes that are no whole frame yet
	open  bool
	rung  bool // a flush is due

	free  int64 // when the pipe to the other side delivers its last message
	stuck []func()

	session *seal.Session // nil: what it says is not sealed
	shaking *shaking      // not nil: the handshake of a link that is to be sealed is not over
}

// connect joins two hosts: the dialer's end opens first.
func connect(from, to *Host, number uint32) {
	a := &end{host: from, life: from.life, open: true}
	b := &end{host: to, life: to.life, open: true}
	a.other, b.other = b, a
	a.begin(number)
}

// begin opens a connection, at the dialer's end first: from then on what comes is for the nodes.
func (e *end) begin(number uint32) {
	from, to := e.host, e.other.host
	from.ends, to.ends = append(from.ends, e), append(to.ends, e.other)
	e.adopt(true, number)
	from.world.trace("%s connected to %s, dial %d", from.name, to.name, number)
}

// adopt makes the peer's side of the connection.
func (e *end) adopt(dialed bool, number uint32) {
	h := e.host
	e.link = peer.NewLink(h.Node, dialed, number, e.other.host.ephemeral(dialed), func(l *peer.Link) { ring(l) })
	e.link.SetUser(e)
	h.Node.Step(h.mono(), peer.Event{Kind: peer.EventOpened, Link: e.link})
	h.carryOut()
}

// ring is the doorbell: it has the link flushed soon, once.
func ring(l *peer.Link) {
	e := l.User().(*end)
	if e.rung || !e.open {
		return
	}
	e.rung = true
	e.host.world.After(time.Duration(e.host.world.Rand.Int64N(int64(200*time.Microsecond))), func() {
		e.host.awake(func() {
			e.rung = false
			e.flush(false)
		})
	})
}

// flush writes what the link has to say, as package loop does.
func (e *end) flush(closing bool) {
	if !e.open || e.link == nil {
		return
	}
	h := e.host
	out := e.link.Control(h.mono(), h.out[:0])
	for range 8 {
		b, _, ok := e.link.Data(h.mono(), nil)
		if !ok {
			break
		}
		out = append(out, b...)
		e.link.Sent(len(b))
	}
	if len(out) > 0 {
		e.write(slices.Clone(out))
	}
	h.out = out
	if closing {
		e.close()
		return
	}
	if e.link.More() {
		ring(e.link)
	}
}

// write sends bytes to the other side, in order, sometimes in two parts.
func (e *end) write(b []byte) {
	b = e.sealed(b)
	e.host.sent += uint64(len(b))
	w := e.host.world
	if len(b) > 1 && w.chance(0.3) {
		at := 1 + w.Rand.IntN(len(b)-1)
		head := b[:at]
		e.carry(func() { e.other.read(head) })
		b = b[at:]
	}
	rest := b
	e.carry(func() { e.other.read(rest) })
}

// carry runs f at the other side when all before it has arrived; a cut holds it back.
func (e *end) carry(f func()) {
	w := e.host.world
	if len(e.stuck) > 0 || w.isCut(e.host, e.other.host) {
		if len(e.stuck) == 0 {
			e.retry(200 * time.Millisecond)
		}
		e.stuck = append(e.stuck, f)
		return
	}
	e.free = max(e.free, w.Now+int64(w.delay()))
	w.After(time.Duration(e.free-w.Now), func() { e.other.host.awake(f) })
}

// retry tries to deliver what a cut has held back, as TCP does: less and less often.
func (e *end) retry(wait time.Duration) {
	w := e.host.world
	w.After(wait, func() {
		if w.isCut(e.host, e.other.host) {
			e.retry(min(2*wait, 3*time.Second))
			return
		}
		stuck := e.stuck
		e.stuck = nil
		for _, f := range stuck {
			e.carry(f)
		}
	})
}

// read takes bytes from the other side.
func (e *end) read(b []byte) {
	if !e.open || e.host.life != e.life {
		return
	}
	h := e.host
	b, ok := e.opened(b)
	if !ok {
		h.world.seen.Refused++
		e.close()
		return
	}
	e.in = append(e.in, b...)
	if e.link != nil {
		e.link.Touched(h.mono())
	}
	for e.open {
		head, ok, err := codec.DecodeHeader(e.in)
		if err != nil {
			panic(fmt.Sprintf("%s got a bad header: %v", h.name, err))
		}
		n := codec.HeaderLen + int(head.Length)
		if !ok || len(e.in) < n {
			break
		}
		if e.link == nil {
			e.adopt(false, 0)
		}
		body := append(h.body[:0], e.in[codec.HeaderLen:n]...)
		h.body = body
		err = e.link.Frame(h.mono(), head, body)
		for i := range body {
			body[i] = 0xEE // the body is ours again: who kept it will see
		}
		if err != nil {
			panic(fmt.Sprintf("%s says that %s broke the protocol with a %s: %v", h.name, e.other.host.name, head.Kind, err))
		}
		e.in = e.in[n:]
		h.carryOut()
	}
	if len(e.in) == 0 {
		e.in = nil
	}
	e.flush(false)
}

// close ends this side; the other side hears of it when all before has arrived.
func (e *end) close() {
	if !e.open {
		return
	}
	if e.shaking != nil {
		e.refused()
		return
	}
	e.open = false
	h := e.host
	if e.link != nil && h.life == e.life && h.Node != nil {
		h.Node.Step(h.mono(), peer.Event{Kind: peer.EventClosed, Link: e.link})
		h.carryOut()
	}
	h.drop(e)
	e.carry(func() {
		if e.other.host.life == e.other.life {
			e.other.close()
		}
	})
}
