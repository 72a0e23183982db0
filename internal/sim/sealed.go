package sim

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"time"

	"covey/codec"
	"covey/peer"
	"covey/seal"
)

// Secrets: links are made by the handshake of package seal, and their bytes travel in its records, as package loop wires them.

// The secrets of a world, by number: two of the mesh, of which the second replaces the first, one that is a mistake, and that of strangers.
const (
	secretOld = iota
	secretNew
	secretFalse
	secretStrange
	secretCount
)

// vault has what a world with secrets needs. Its randomness is of its own, for plans without one stay as they are.
type vault struct {
	random  *rand.ChaCha8
	secrets seal.Secrets
}

func newVault(seed uint64) *vault {
	var key [32]byte
	for i := range 8 {
		key[i] = byte(seed >> (8 * i))
	}
	v := &vault{random: rand.NewChaCha8(key)}
	for range secretCount {
		text, err := seal.New(v.random)
		if err != nil {
			panic(err)
		}
		one, err := seal.Parse([]byte(text))
		if err != nil {
			panic(err)
		}
		v.secrets = append(v.secrets, one...)
	}
	return v
}

// guard is what a host has of secrets: the file that it reads, and what is made of it. The zero value is of a host without one.
type guard struct {
	all       seal.Secrets // that count
	announcer *seal.Announcer
}

// give writes the file of a host: the secrets with these numbers, the first to speak with. A node that runs takes them, and ends the
// links made with one that counts no longer.
func (h *Host) give(numbers ...int) {
	var all seal.Secrets
	for _, n := range numbers {
		all = append(all, h.world.vault.secrets[n])
	}
	h.guard.all = all
	life := h.life
	h.awake(func() {
		if h.Node == nil || h.life != life {
			return
		}
		h.guard.announcer.Renew(h.guard.all)
		for _, e := range slices.Clone(h.ends) {
			switch {
			case e.session == nil || h.guard.all.Has(e.session.Secret):
			case e.link == nil:
				e.close()
			default:
				h.world.seen.Renewed++
				h.Node.Step(h.mono(), peer.Event{Kind: peer.EventSecret, Link: e.link})
			}
		}
		h.carryOut()
	})
}

// genuine reports whether an announce counts: it is signed with a secret of this host, or with none where it has none, and is not
// repeated.
func (g *guard) genuine(b []byte, a *codec.Announce, now int64, from netip.Addr) bool {
	if g.all == nil {
		return a.Auth == [seal.AuthLen]byte{}
	}
	return g.announcer.Genuine(b) && g.announcer.Fresh(now, a.Node, a.Incarnation, a.Sequence, from)
}

// shaking is what the dialer of a connection has before the handshake is over.
type shaking struct {
	dial   peer.Dial
	all    seal.Secrets // of which this one is tried
	number int
	dialer *seal.Dialer
}

// shake begins the handshake with a host that has been dialed. Of several secrets each is tried, on a connection of its own.
func (h *Host) shake(to *Host, s shaking) {
	a := &end{host: h, life: h.life, open: true}
	a.other = &end{host: to, life: to.life, open: true, other: a}
	var hello []byte
	var err error
	if s.dialer, hello, err = seal.Dial(s.all[s.number], h.world.vault.random); err != nil {
		panic(err)
	}
	a.shaking = &s
	a.carry(func() { a.other.shaken(hello) })
	h.world.After(peer.DialTimeout, a.refused)
}

// shaken takes a hello. Whoever does not know the secret hears nothing.
func (e *end) shaken(hello []byte) {
	h := e.host
	if h.life == e.life && h.Node != nil && h.guard.all != nil {
		session, answer, err := seal.Accept(h.guard.all, hello, h.world.vault.random)
		if err == nil {
			e.session = session
			e.carry(func() { e.other.answered(answer) })
			return
		}
	}
	e.close()
}

// answered takes the answer to a hello: the link is made.
func (e *end) answered(answer []byte) {
	s, h := e.shaking, e.host
	if s == nil || !e.open || h.life != e.life {
		return
	}
	if o := e.other; o.host.life != o.life || o.host.Node == nil {
		e.refused() // it is gone meanwhile
		return
	}
	session, err := s.dialer.Finish(answer)
	if err != nil {
		panic("a host answered a hello under another secret: " + err.Error())
	}
	h.world.seen.Sealed++
	e.session, e.shaking = session, nil
	e.begin(s.dial.Number)
}

// refused ends a handshake that came to nothing: the next secret is tried, or the dial has failed.
func (e *end) refused() {
	s, h := e.shaking, e.host
	if s == nil || h.life != e.life {
		return
	}
	e.open, e.shaking = false, nil
	if s.number++; s.number < len(s.all) && h.world.at(s.dial.Addr) != nil {
		h.world.After(2*h.world.delay(), func() {
			if h.life == e.life {
				h.shake(e.other.host, *s)
			}
		})
		return
	}
	h.world.seen.Refused++
	h.awake(func() {
		if h.life == e.life {
			h.dialFailed(s.dial)
		}
	})
}

// opened returns what bytes of a link carry. ok is false when the connection ends: the other side has no secret, or another one.
func (e *end) opened(b []byte) (plain []byte, ok bool) {
	if e.session == nil {
		return b, e.host.guard.all == nil
	}
	plain, err := e.session.In.Append(nil, b)
	if err != nil {
		panic("a record does not open: " + err.Error())
	}
	return plain, true
}

// sealed returns bytes as they travel.
func (e *end) sealed(b []byte) []byte {
	if e.session == nil {
		return b
	}
	b, err := e.session.Out.Append(nil, b)
	if err != nil {
		panic(err)
	}
	return b
}

// secrets returns the numbers of the secrets that a host is given by a step, the one that it speaks with first.
func (s *Step) secrets() (numbers []int) {
	for n := secretCount - 1; n >= 0; n-- {
		if s.Other>>n&1 != 0 {
			numbers = append(numbers, n)
		}
	}
	return numbers
}

const (
	strangeWord  = "of a stranger" // begins all that its clients write
	strangeEvery = 300 * time.Millisecond
)

// addStranger adds a machine on the same network that has another secret, or none, and dials all others. Its clients write under
// the keys of the mesh; no ledger has it, so what comes from it is what nobody wrote.
func (w *World) addStranger(keyed bool) {
	h := w.newHost(len(w.Hosts)+len(w.Strangers), 0, 1<<20)
	w.Strangers = append(w.Strangers, h)
	h.stranger = true
	if keyed {
		h.give(secretStrange)
	}
	for _, o := range w.Hosts {
		h.static = append(h.static, o.addr)
	}
	h.Start()
	var write func()
	write = func() {
		i := w.vault.random.Uint64() % 8
		h.Do("SET", w.book.keys[i], strangeWord)
		w.After(strangeEvery, write)
	}
	w.After(strangeEvery, write)
}

// checkStrangers: who does not know the secret has no link, and has heard of nothing that is stored.
func (w *World) checkStrangers() (wrong []Wrong) {
	for _, h := range w.Strangers {
		if len(h.Node.Links()) > 0 {
			wrong = append(wrong, Wrong{Check: "strangers", Text: h.name + " has a link"})
		}
		for _, r := range h.contents(h.now()) {
			if !strings.HasPrefix(string(r.Value), strangeWord) {
				wrong = append(wrong, Wrong{Check: "strangers", Key: string(r.Key), Text: h.name + " has " + show(&r)})
			}
		}
	}
	return wrong
}
