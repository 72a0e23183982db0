package peer

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"covey/codec"
	"covey/store"
)

// bench is some nodes on a table: the test moves every frame by hand.
type bench struct {
	t     testing.TB
	now   int64
	nodes map[string]*bnode
	names []string
	conns []*bconn
	log   []string // what was wished and said since the last look
	quiet bool     // frames are not noted
	out   []byte   // what a flush writes into
	store store.Options
	lap   func() time.Duration // what making and handling frames is timed by
}

// bnode is one node on the table.
type bnode struct {
	*Node
	name  string
	addr  netip.AddrPort
	skew  int64
	down  bool          // crashed: it does nothing any more
	took  time.Duration // that handling frames has taken
	gave  time.Duration // that making them has
	dials []Dial
	forms []codec.Form
}

// bconn is a connection: number 0 of its sides is the dialer's.
type bconn struct {
	name  string
	deaf  bool                  // nothing is delivered
	slow  func(codec.Kind) bool // frames that never come
	sides [2]*bside
}

type bside struct {
	conn *bconn
	node *bnode
	i    int
	link *Link // nil until an accepted side has got its first frame
	in   []bframe
	open bool
}

// bframe is a frame on its way to a side, or the end of the connection.
type bframe struct {
	head codec.Header
	body []byte
	end  bool
}

func newBench(t testing.TB) *bench {
	return &bench{
		t: t, now: int64(time.Hour), nodes: map[string]*bnode{}, store: store.Options{Shards: 1, MaxBytes: 64 << 20, Seed: 7},
		lap: func() time.Duration { return 0 },
	}
}

func (b *bench) logf(format string, args ...any) { b.log = append(b.log, fmt.Sprintf(format, args...)) }

// add starts a node with this id; incarnation 0 makes it the time.
func (b *bench) add(name string, id, incarnation uint64, skew int64, static ...netip.AddrPort) *bnode {
	const wall = 1_700_000_000_000
	if incarnation == 0 {
		incarnation = wall + uint64(b.now/1e6)
	}
	stream := incarnation<<8 | id>>16&0xff
	b.store.Node = id
	st, err := store.New(b.store)
	if err != nil {
		b.t.Fatal(err)
	}
	addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(len(b.names) + 1)}), 9000)
	if old := b.nodes[name]; old != nil {
		addr = old.addr
	} else {
		b.names = append(b.names, name)
	}
	n := &bnode{name: name, addr: addr, skew: skew, Node: NewNode(Config{
		ID: id, Incarnation: incarnation, Stream: stream, Cluster: "bench", Port: 9000, Rand: rand.New(rand.NewPCG(id, 3)),
		Store: st, Ring: NewRing(stream, 1<<20), Clock: NewClock(wall + skew), Static: static,
	})}
	b.nodes[name] = n
	n.Start(b.now)
	b.carryOut(n)
	return n
}

// carryOut notes what a node wishes and does what needs no network.
func (b *bench) carryOut(n *bnode) {
	for n.Pending() {
		var o Outbox
		n.Drain(&o)
		for _, d := range o.Dials {
			b.logf("%s: dial %s, number %d", n.name, b.place(d.Addr), d.Number)
			n.dials = append(n.dials, d)
		}
		for _, f := range o.Announces {
			b.logf("%s: %s", n.name, f)
			n.forms = append(n.forms, f)
		}
		for _, c := range o.Changes {
			b.logf("%s: %s was %s, is %s: %s", n.name, b.who(c.ID), c.Old, c.New, c.Reason)
		}
		for _, l := range o.Pending {
			b.flush(l.User().(*bside), false)
		}
		for _, l := range o.Closes {
			b.flush(l.User().(*bside), true)
		}
	}
}

// flush moves what a link has to say to the other side's queue.
func (b *bench) flush(s *bside, end bool) {
	if !s.open || s.link == nil {
		return
	}
	other := s.conn.sides[1-s.i]
	for again := true; again; again = s.link.More() && !end {
		begin := b.lap()
		out := s.link.Control(b.now, b.out[:0])
		s.node.gave += b.lap() - begin
		for {
			d, _, ok := s.link.Data(b.now, nil)
			if !ok {
				break
			}
			out = append(out, d...)
			s.link.Sent(len(d))
		}
		other.in = append(other.in, frames(b.t, out)...)
		b.out = out
	}
	if end {
		other.in = append(other.in, bframe{end: true})
		b.closed(s)
	}
}

// frames cuts bytes into frames.
func frames(t testing.TB, out []byte) (all []bframe) {
	for len(out) > 0 {
		h, ok, err := codec.DecodeHeader(out)
		if err != nil || !ok {
			t.Fatalf("a link wrote a bad frame: %v", err)
		}
		n := codec.HeaderLen + int(h.Length)
		all = append(all, bframe{head: h, body: slices.Clone(out[codec.HeaderLen:n])})
		out = out[n:]
	}
	return all
}

// closed ends a side.
func (b *bench) closed(s *bside) {
	if !s.open {
		return
	}
	s.open = false
	if s.link != nil {
		s.node.Step(b.now, Event{Kind: EventClosed, Link: s.link})
		b.carryOut(s.node)
	}
}

// connect carries out the first dial wish of from: to accepts. The dialer's side opens, nothing is delivered yet.
func (b *bench) connect(from, to *bnode) *bconn {
	i := slices.IndexFunc(from.dials, func(d Dial) bool { return d.Addr == to.addr })
	if i < 0 {
		b.t.Fatalf("%s does not wish to dial %s", from.name, to.name)
	}
	d := from.dials[i]
	from.dials = slices.Delete(from.dials, i, i+1)
	return b.wire(from, to, d.Number)
}

// wire joins two nodes under a dial number, wished for or not.
func (b *bench) wire(from, to *bnode, number uint32) *bconn {
	c := &bconn{name: fmt.Sprintf("%s%d", from.name, number)}
	for i, n := range []*bnode{from, to} {
		c.sides[i] = &bside{conn: c, node: n, i: i, open: true}
	}
	b.conns = append(b.conns, c)
	b.open(c.sides[0], true, number)
	return c
}

func (b *bench) open(s *bside, dialed bool, number uint32) {
	remote := s.conn.sides[1-s.i].node.addr
	if !dialed {
		remote = netip.AddrPortFrom(remote.Addr(), 40000)
	}
	s.link = NewLink(s.node.Node, dialed, number, remote, func(l *Link) { b.flush(l.User().(*bside), false) })
	s.link.SetUser(s)
	s.node.Step(b.now, Event{Kind: EventOpened, Link: s.link})
	b.carryOut(s.node)
}

// deliver hands the next frame on its way to a side to it; false: there is none.
func (b *bench) deliver(s *bside) bool {
	if len(s.in) == 0 || s.conn.deaf {
		return false
	}
	f := s.in[0]
	s.in = s.in[1:]
	if !s.open || s.conn.slow != nil && !f.end && s.conn.slow(f.head.Kind) {
		return true
	}
	if f.end {
		b.closed(s)
		return true
	}
	if s.link == nil {
		b.open(s, false, 0)
	}
	if !b.quiet {
		b.logf("%s <- %s on %s: %s", s.node.name, s.conn.sides[1-s.i].node.name, s.conn.name, b.describe(f))
	}
	s.link.Touched(b.now)
	begin := b.lap()
	err := s.link.Frame(b.now, f.head, f.body)
	s.node.took += b.lap() - begin
	if err != nil {
		b.logf("%s: breach on %s: %v", s.node.name, s.conn.name, err)
	}
	clear(f.body)
	b.carryOut(s.node)
	b.flush(s, false)
	return true
}

// deliverAll delivers everything, in the order of connections, until nothing is on its way.
func (b *bench) deliverAll() {
	for moved, rounds := true, 0; moved; rounds++ {
		moved = false
		for _, c := range b.conns {
			for _, s := range c.sides {
				for b.deliver(s) {
					moved = true
				}
			}
		}
		if rounds > 10000 {
			b.t.Fatal("the nodes do not stop talking")
		}
	}
}

// pass lets time pass: every TickInterval each node ticks and all is delivered.
func (b *bench) pass(d time.Duration) {
	for end := b.now + int64(d); b.now < end; {
		b.now = min(end, b.now+int64(TickInterval))
		for _, name := range b.names {
			if n := b.nodes[name]; !n.down {
				n.Tick(b.now)
				b.carryOut(n)
			}
		}
		b.deliverAll()
	}
}

// heard hands the announce of one node to another.
func (b *bench) heard(from, to *bnode, form codec.Form) {
	a := from.Node.Announce(form)
	to.Step(b.now, Event{Kind: EventAnnounce, Announce: a, Addr: from.addr})
	b.carryOut(to)
}

// who names a node by its id.
func (b *bench) who(id uint64) string {
	for _, name := range b.names {
		if b.nodes[name].ID() == id {
			return name
		}
	}
	return codec.FormatID(id)
}

func (b *bench) place(addr netip.AddrPort) string {
	for _, name := range b.names {
		if b.nodes[name].addr == addr {
			return name
		}
	}
	return addr.String()
}

// describe says what a frame is.
func (b *bench) describe(f bframe) string {
	switch f.head.Kind {
	case codec.KindGreeting:
		g, _ := codec.DecodeGreeting(f.body)
		if !g.Full {
			return fmt.Sprintf("Greeting of %s, %s, dial %d, head %d", b.who(g.Node), g.State, g.Dial, g.Head)
		}
		return fmt.Sprintf("full Greeting of %s, %s, dial %d, head %d, applied %d, holds %d, %d peers", b.who(g.Node), g.State, g.Dial, g.Head, g.Applied, g.Held, len(g.Peers))
	case codec.KindBye:
		m, _ := codec.DecodeBye(f.body)
		return "Bye " + m.Reason.String()
	case codec.KindHeartbeat:
		m, _ := codec.DecodeHeartbeat(f.body)
		return fmt.Sprintf("Heartbeat %d, %s, head %d%s", m.Sequence, m.State, m.Head, b.links(&m))
	case codec.KindBatch:
		m, _ := codec.DecodeBatch(f.body)
		return fmt.Sprintf("Batch of %d from %d", m.Count, m.First)
	case codec.KindAck:
		m, _ := codec.DecodeAck(f.body)
		return fmt.Sprintf("Ack applied %d, received %d bytes", m.Applied, m.Received)
	case codec.KindGap:
		m, _ := codec.DecodeGap(f.body)
		return fmt.Sprintf("Gap up to %d", m.Head)
	case codec.KindOffer:
		m, _ := codec.DecodeOffer(f.body)
		return fmt.Sprintf("Offer of %s's stream up to %d", b.who(m.Node), m.Head)
	case codec.KindPull:
		m, _ := codec.DecodePull(f.body)
		return fmt.Sprintf("Pull %d of shard %d", m.ID, m.Shard)
	case codec.KindRecords:
		m, _ := codec.DecodeRecords(f.body)
		return fmt.Sprintf("Records, %d for shard %d, done %v", m.Count, m.Shard, m.Done)
	case codec.KindStep:
		m, _ := codec.DecodeStep(f.body)
		return fmt.Sprintf("Step %d after %d, %s by %s, by %d ms", m.To, m.From, [...]string{"proposed", "known", "taken"}[m.Phase], b.who(m.Node), int64(m.New-m.Old))
	case codec.KindFetch:
		m, _ := codec.DecodeFetch(f.body)
		return fmt.Sprintf("Fetch of %d", m.Count)
	}
	return f.head.Kind.String()
}

// links says what a heartbeat tells of its sender's links.
func (b *bench) links(h *codec.Heartbeat) string {
	var on, off []string
	for i := range h.Links.Len() {
		c := h.Links.At(i)
		switch {
		case c.Gone:
			off = append(off, b.who(c.Node))
		case c.Addr.IsValid():
			on = append(on, b.who(c.Node)+" at "+b.place(c.Addr))
		default:
			on = append(on, b.who(c.Node))
		}
	}
	var said string
	switch {
	case h.Anew:
		said = ", linked with " + cmp.Or(strings.Join(on, " "), "nobody")
	case len(on) > 0:
		said = ", and with " + strings.Join(on, " ")
	}
	if len(off) > 0 {
		said += ", not with " + strings.Join(off, " ")
	}
	return said
}

// set writes a key as a client would.
func (b *bench) set(n *bnode, key, value string) {
	k := []byte(key)
	_, res := n.store.Set(nil, k, []byte(value), n.store.Hash(k), n.clock.Cluster(b.now), store.SetOptions{})
	b.append(n, res.Record)
}

// append ends a turn with these records.
func (b *bench) append(n *bnode, recs ...store.Record) {
	var st codec.Stage
	st.SetQuiet(!n.ring.Live())
	for i := range recs {
		st.Add((*codec.Record)(&recs[i]))
	}
	n.ring.Append(&st)
	for _, l := range n.Links() {
		l.Notify(b.now)
	}
}

// get reads a key.
func (b *bench) get(n *bnode, key string) string {
	v, _, ok := n.store.Get(nil, []byte(key), n.store.Hash([]byte(key)), n.clock.Cluster(b.now))
	if !ok {
		return "(none)"
	}
	return string(v)
}
