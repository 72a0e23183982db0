package loop

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/panjf2000/gnet/v2"

	"covey/codec"
	"covey/command"
	"covey/peer"
	"covey/seal"
)

// guard is what a node with a secret has beside the others: nobody gets or gives a byte of what is stored without proving that it
// knows the secret. Safe for concurrent use.
type guard struct {
	secrets   atomic.Pointer[seal.Secrets]
	announcer *seal.Announcer
	door      *seal.Door
}

// newGuard returns nil without a secret.
func newGuard(all seal.Secrets) *guard {
	if len(all) == 0 {
		return nil
	}
	g := &guard{announcer: seal.NewAnnouncer(all), door: seal.NewDoor(all)}
	g.secrets.Store(&all)
	return g
}

// renew has other secrets count from now on. Each loop's next sweep closes the links made with one that does not any more.
func (g *guard) renew(all seal.Secrets) {
	g.secrets.Store(&all)
	g.announcer.Renew(all)
	g.door.Renew(all)
}

// followSecrets takes in the secrets that come while the node runs.
func (n *node) followSecrets(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case all := <-n.cfg.NewSecrets:
			if n.guard == nil || len(all) == 0 {
				continue // a node never becomes open, and an open one keyed, while it runs
			}
			n.guard.renew(all)
			n.log.Info("secrets read anew", "count", len(all))
		}
	}
}

// shake proves to the node that was dialed, and is proved to, that both know a secret. Of several the first that it understands
// is used: while they are replaced it may know only the old one, and a handshake that fails takes its connection along.
func (n *node) shake(d peer.Dial) (net.Conn, *seal.Session, error) {
	if n.guard == nil {
		side, err := n.callUp(d)
		return side, nil, err
	}
	var failed error
	for _, secret := range *n.guard.secrets.Load() {
		side, err := n.callUp(d)
		if err != nil {
			return nil, nil, err
		}
		session, err := n.greetSealed(side, secret)
		if err == nil {
			return side, session, nil
		}
		_ = side.Close()
		failed = errors.Join(failed, err)
	}
	n.counters.otherSecrets.Add(1)
	return nil, nil, failed
}

// greetSealed is the dialer's side of the handshake, on the goroutine of the dial.
func (n *node) greetSealed(side net.Conn, secret seal.Secret) (*seal.Session, error) {
	_ = side.SetDeadline(time.Now().Add(peer.DialTimeout))
	dialer, hello, err := seal.Dial(secret, rand.Reader)
	if err != nil {
		return nil, err
	}
	if _, err := side.Write(hello); err != nil {
		return nil, err
	}
	answer := make([]byte, seal.HandshakeLen)
	if got, err := io.ReadFull(side, answer); err != nil {
		if why := refusal(answer[:got]); why != "" {
			return nil, fmt.Errorf("the node there answers %s", why)
		}
		return nil, fmt.Errorf("%w, or it is no node: %w", seal.ErrOther, err)
	}
	session, err := dialer.Finish(answer)
	if err != nil {
		return nil, err
	}
	return session, side.SetDeadline(time.Time{})
}

// accept is the other side of it: an accepted connection has begun with the byte of a handshake. Whoever does not know the
// secret hears nothing. false: more bytes are to come.
func (l *eventLoop) accept(c *conn, first []byte) (act gnet.Action, done bool) {
	g := l.n.guard
	switch {
	case g == nil:
		return l.stranger(), true
	case len(first) < seal.HandshakeLen:
		c.keep(first, 0)
		return gnet.None, false
	}
	session, answer, err := seal.Accept(*g.secrets.Load(), first[:seal.HandshakeLen], rand.Reader)
	if err != nil || len(first) > seal.HandshakeLen {
		if errors.Is(err, seal.ErrVersion) && l.n.mayWarn(l.now) {
			l.n.log.Warn("a node of another version of covey was turned away", "peer", remote(c.g).String())
		}
		return l.stranger(), true
	}
	c.keep(first, len(first))
	if !c.write(answer) {
		return gnet.None, true
	}
	c.session, c.protocol = session, protocolProving
	return gnet.None, true
}

// stranger ends a connection of a node with another secret, with one where this node has none, or without one where it has.
func (l *eventLoop) stranger() gnet.Action {
	l.n.counters.otherSecrets.Add(1)
	return gnet.Close
}

// prove waits for the first record of an accepted session: it comes of this very handshake, or the connection ends.
func (l *eventLoop) prove(c *conn, now int64) gnet.Action {
	buf, err := c.peerSource()
	switch {
	case err != nil:
		return l.stranger()
	case len(buf) == 0:
		return gnet.None
	}
	l.becomePeer(c, false, 0, now)
	return l.peer(c, now)
}

// open opens what has come on a sealed link, and appends it to in.
func (c *conn) open() ([]byte, error) {
	more := len(c.got) >= readBuffer
	if len(c.got) > 0 {
		err := c.unseal(c.got)
		if c.got = nil; err != nil {
			return nil, err
		}
	}
	if more {
		sealed := c.l.input[:readMost-readBuffer]
		if err := c.unseal(sealed[:readNow(c.g.Fd(), sealed)]); err != nil {
			return nil, err
		}
	}
	c.weigh()
	return c.in[c.from:], nil
}

// unseal appends to in what opens of sealed bytes and those before them.
func (c *conn) unseal(sealed []byte) (err error) {
	c.grow(len(sealed) + c.session.In.Pending())
	c.in, err = c.session.In.Append(c.in, sealed)
	return err
}

// writeSealed hands bytes to the socket in records, a piece of a large frame at a time.
func (c *conn) writeSealed(b []byte) bool {
	for len(b) > 0 {
		n := min(len(b), sealStep)
		sealed, err := c.session.Out.Append(c.l.sealed[:0], b[:n])
		c.l.sealed = sealed
		if err != nil {
			c.close()
			return false
		}
		if !c.push(sealed) {
			return false
		}
		b = b[n:]
	}
	return true
}

// expired ends a link whose secret counts no longer, with a word to the other side: both then make a new one.
func (l *eventLoop) expired(c *conn, now int64) {
	if c.link == nil || c.session == nil || l.n.guard.secrets.Load().Has(c.session.Secret) {
		return
	}
	l.n.mind.Step(now, peer.Event{Kind: peer.EventSecret, Link: c.link})
	l.n.drain(now)
}

// genuine reports whether an announce is of a node with this node's secret, or without one where it has none; b holds it. One of
// the same cluster that is not is counted, and said.
func (n *node) genuine(b []byte, a *codec.Announce, from netip.Addr) bool {
	ok := a.Auth == [seal.AuthLen]byte{}
	if n.guard != nil {
		ok = n.guard.announcer.Genuine(b)
	}
	switch {
	case ok:
	case a.Cluster == n.tag:
		n.counters.otherSecrets.Add(1)
		n.warnOfSecret(a, from)
	case n.within(from):
		n.tellOfCluster(a, from)
	}
	return ok
}

// doorman is the door as the commands of a loop see it.
type doorman struct{ n *node }

// Try is part of command.Door.
func (d doorman) Try(from netip.Addr, password []byte, wrong int) command.Pass {
	switch d.n.guard.door.Try(d.n.clock.now(), from, password, wrong) {
	case seal.Right:
		return command.PassRight
	case seal.TooMany:
		return command.PassTooMany
	}
	return command.PassWrong
}
