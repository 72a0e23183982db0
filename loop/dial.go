package loop

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/panjf2000/gnet/v2"

	"covey/peer"
	"covey/seal"
)

// dialed is the context of a connection on its way into the engine: it tells OnOpen that we
// called, and which of our calls it was.
type dialed struct {
	number  uint32
	session *seal.Session // nil without a secret
}

// dial connects on a goroutine of its own and hands the connection to the engine.
// The state machine bounds how many dials are under way.
func (n *node) dial(d peer.Dial) {
	n.dials.Add(1)
	go func() {
		defer n.dials.Done()
		n.dialSlots <- struct{}{}
		defer func() { <-n.dialSlots }()
		if err := n.connect(d); err != nil {
			n.logDial(d.Addr, err)
			now := n.clock.now()
			n.mind.Step(now, peer.Event{Kind: peer.EventDialFailed, Addr: d.Addr, Number: d.Number})
			n.drain(now)
		}
	}()
}

// logDial warns once if an address that the user gave cannot be reached. Other addresses are hints: failing
// to reach one is for the debug log.
func (n *node) logDial(addr netip.AddrPort, err error) {
	if n.names.complain(addr) {
		n.log.Warn("--peer cannot be reached, it is tried on", "addr", addr.String(), "reason", err.Error())
		return
	}
	n.log.Debug("dial failed", "addr", addr.String(), "reason", err.Error())
}

func (n *node) connect(d peer.Dial) error {
	if n.called.Load() >= int64(n.share.called) {
		return errors.New("this node has made as many links as it may; raise the descriptor limit (ulimit -n) and restart it")
	}
	side, session, err := n.shake(d)
	if err != nil {
		return err
	}
	done, err := n.register(side, &dialed{d.Number, session})
	if err != nil {
		return err
	}
	select {
	case res := <-done:
		return res.Err
	case <-time.After(peer.DialTimeout):
		return errors.New("the engine did not take the connection")
	}
}

// register hands a connection to the engine, which owns it then; what OnOpen is to know of it is its context. The
// channel tells when a home loop has it, or why none does; an engine that has ended says nothing.
func (n *node) register(side net.Conn, known any) (<-chan gnet.RegisteredResult, error) {
	done, err := n.engine.Register(gnet.NewNetConnContext(gnet.NewContext(context.Background(), known), side))
	if err != nil {
		_ = side.Close()
	}
	return done, err
}

// callUp makes the connection of a dial.
func (n *node) callUp(d peer.Dial) (net.Conn, error) {
	dialer := net.Dialer{Timeout: peer.DialTimeout, KeepAlive: -1}
	if n.cfg.Listen.Addr().IsLoopback() != d.Addr.Addr().IsLoopback() && n.cfg.Listen.Addr().IsLoopback() {
		return nil, fmt.Errorf("%s is not on this machine and --listen is", d.Addr)
	}
	if a := n.cfg.Listen.Addr(); !a.IsUnspecified() {
		dialer.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(a, 0))
	}
	return dialer.DialContext(n.ctx, "tcp4", d.Addr.String())
}
