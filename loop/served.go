package loop

import (
	"fmt"
	"net/netip"
	"strconv"

	"covey/ifaces"
)

// Who is served by a node without a secret: hosts of its own networks, of this machine, and those that it was told of. A network
// that it was told not to use (--interfaces), or that is one of containers and virtual machines, is none of its own.

// serves reports whether a host may talk to this node, or be dialed because of what it announces. With a secret everybody may:
// they have to prove themselves.
func (n *node) serves(from netip.Addr) bool {
	return n.guard != nil || onLink(*n.beacon.cards.Load(), from) || n.mind.Expects(from)
}

// onLink reports whether a host is this machine or on a network of one of the cards in use. A card that the last listing saw
// without a carrier counts: what came over it shows that it has one by now.
func onLink(cards []ifaces.Interface, from netip.Addr) bool {
	if from.IsLoopback() {
		return true
	}
	for i := range cards {
		c := &cards[i]
		for _, a := range c.Addrs {
			if a.Prefix.Addr() == from || (c.Usable || c.Waits()) && a.Prefix.Contains(from) {
				return true
			}
		}
	}
	return false
}

// denial is all that a host hears that is not served: nothing is read from it.
func denial(from netip.Addr) []byte {
	return fmt.Appendf(nil, "-DENIED without a secret this node serves only hosts of its own networks, and %s is on none of them; "+
		"name it with --peer on this node, use its network's card (--interfaces), or give every node a secret (covey secret new)\r\n", from)
}

// refusal is the line with which a node turns a connection away that this one has dialed, in quotes and at most maxRefusal bytes
// of it; "" when b does not begin with one. A frame never begins with a hyphen.
func refusal(b []byte) string {
	if len(b) == 0 || b[0] != '-' {
		return ""
	}
	for i, c := range b {
		if c == '\r' || c == '\n' || i == maxRefusal {
			b = b[:i]
			break
		}
	}
	return strconv.Quote(string(b[1:]))
}

// reserved are the networks, beside private, loopback and link-local ones, that are no part of the internet (RFC 6890).
var reserved = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"),
}

// public reports whether the internet may reach an IPv4 address.
func public(a netip.Addr) bool {
	if a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsMulticast() {
		return false
	}
	for _, p := range reserved {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

// PublicCard returns a card with an address that the internet may reach, and the address: a node that listens there without a secret, and was
// not told to, does not start.
func PublicCard(cards []ifaces.Interface) (name string, a netip.Addr, found bool) {
	for _, c := range cards {
		for _, have := range c.Addrs {
			if public(have.Prefix.Addr()) {
				return c.Name, have.Prefix.Addr(), true
			}
		}
	}
	return "", a, false
}

// exposed is the error of a node that would listen on a public address with no secret and without having been told to.
func (n *node) exposed() error {
	name, addr, found := PublicCard(*n.beacon.cards.Load())
	if !found || n.guard != nil || n.cfg.ListenSet {
		return nil
	}
	return fmt.Errorf("%w: card %s has the public address %s, and without a secret anybody on its network could read and write here: "+
		"give --secret-file (covey secret new makes one), or say where to listen, such as --listen 127.0.0.1:%d or, if that is meant, --listen 0.0.0.0:%[4]d",
		ErrConfig, name, addr, n.cfg.Listen.Port())
}
