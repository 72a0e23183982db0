package ifaces

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// Pattern says which cards the user wants. The zero value wants all.
type Pattern struct {
	include []string // names and globs; empty means every card
	exclude []string // names and globs; they win over include
}

// ParsePattern reads a comma-separated list of card names and globs (* ? and [a-z], as in path.Match); a leading
// ! excludes what the rest of the term matches. "eth0,en*" wants these and no others, "!eth1" all but one, and
// the empty string all. Exclusion wins, whatever the order. Errors are sentences for the user.
func ParsePattern(s string) (Pattern, error) {
	var p Pattern
	if strings.TrimSpace(s) == "" {
		return p, nil
	}
	if len(s) > maxPatternBytes {
		return p, fmt.Errorf("the interface pattern has %d bytes, at most %d are allowed: use globs such as en*", len(s), maxPatternBytes)
	}
	terms := strings.Split(s, ",")
	if len(terms) > maxPatternTerms {
		return p, fmt.Errorf("the interface pattern has %d terms, at most %d are allowed: use globs such as en*", len(terms), maxPatternTerms)
	}
	for _, term := range terms {
		glob, excluded := strings.CutPrefix(strings.TrimSpace(term), "!")
		glob = strings.TrimSpace(glob)
		if glob == "" {
			return Pattern{}, fmt.Errorf("the interface pattern %q has a term without a name: write it as in eth0,en*,!docker0", s)
		}
		if _, err := path.Match(glob, ""); err != nil {
			return Pattern{}, fmt.Errorf("the interface pattern %q has a malformed glob, %q: close every [ with a ]", s, glob)
		}
		if excluded {
			p.exclude = append(p.exclude, glob)
		} else {
			p.include = append(p.include, glob)
		}
	}
	return p, nil
}

// refuses returns why p does not want the card called name, or "".
func (p Pattern) refuses(name string) string {
	switch {
	case matchesAny(p.exclude, name):
		return "excluded by --interfaces"
	case len(p.include) > 0 && !matchesAny(p.include, name):
		return "not named by --interfaces"
	}
	return ""
}

func matchesAny(globs []string, name string) bool {
	return slices.ContainsFunc(globs, func(glob string) bool {
		ok, _ := path.Match(glob, name) // ParsePattern has checked the glob
		return ok
	})
}

// Choose returns a copy of all with the verdict on each card.
//
// A card is a candidate when p wants it and it is up, running, able to broadcast, neither loopback nor
// point-to-point, and has an IPv4 address. Candidates are usable, except those that their names tell to be
// bridges and ports of containers, virtual machines or VPNs: other hosts of the LAN are not there. These are
// usable too when p names them, by a name or a glob, when there is no other candidate, or when one of their ports is a
// card that may carry the LAN: then the bridge is how this machine is on it.
func Choose(all []Interface, p Pattern) []Interface {
	// 1. What the card cannot do and what the user does not want decides first.
	cards := slices.Clone(all)
	for i := range cards {
		c := &cards[i]
		c.Reason = obstacle(c)
		if r := p.refuses(c.Name); r != "" && c.Flags&Loopback == 0 {
			c.Reason = r
		}
		c.Usable = c.Reason == ""
		if owner := byIndex(all, c.Owner); owner != nil && c.Reason == noAddress {
			c.Reason = "a port of " + owner.Name + ", which has the address"
		}
	}
	// 2. With an include list every candidate was named by the user: its name is no reason any more.
	if len(p.include) > 0 {
		return cards
	}
	// 3. Virtual cards stay only if they are all there is.
	virtualOnly := !slices.ContainsFunc(cards, func(c Interface) bool { return c.Usable && !apart(cards, &c) })
	if virtualOnly {
		return cards
	}
	for i := range cards {
		c := &cards[i]
		if c.Usable && apart(cards, c) {
			c.Usable = false
			c.Reason = fmt.Sprintf("%s, going by its name; --interfaces %s would use it", virtualKind(c.Name), c.Name)
		}
	}
	return cards
}

// apart reports whether c seems to lead to containers, virtual machines or a VPN alone: going by its name, unless one of
// its ports is named as those that carry a LAN are.
func apart(all []Interface, c *Interface) bool {
	return virtualKind(c.Name) != "" && !slices.ContainsFunc(all, func(port Interface) bool {
		return port.Owner == c.Index && port.Flags&(Loopback|PointToPoint) == 0 && virtualKind(port.Name) == ""
	})
}

// byIndex returns the card with an index, nil when there is none.
func byIndex(all []Interface, index int) *Interface {
	for i := range all {
		if index != 0 && all[i].Index == index {
			return &all[i]
		}
	}
	return nil
}

// noAddress is the obstacle of a card that would do but for its address.
const noAddress = "no IPv4 address"

// obstacle returns what keeps covey from broadcasting over IPv4 on c, or "".
func obstacle(c *Interface) string {
	switch {
	case c.Flags&Loopback != 0:
		return "loopback"
	case c.Flags&PointToPoint != 0:
		return "point-to-point, so it has no broadcasts"
	case c.Flags&Broadcast == 0:
		return "cannot broadcast"
	case c.Flags&Up == 0:
		return "down"
	case c.Flags&Running == 0:
		return "no carrier: cable unplugged or radio not associated"
	case len(c.Addrs) == 0:
		return noAddress
	}
	return ""
}

// virtual lists the names that tell a card to be a bridge or a port of containers, virtual machines or a VPN.
// Bridges that commonly carry the LAN itself (br0, br-lan, vmbr0) are not among them.
var virtual = [...]struct{ kind, glob string }{
	{"a Docker bridge", "docker*"},
	{"a Docker bridge", "br-" + strings.Repeat("[0-9a-f]", 12)},
	{"a container port", "veth*"},
	{"a container port", "epair[0-9]*"}, // of a jail on FreeBSD
	{"a container network", "cni*"},
	{"a container network", "cbr[0-9]*"},
	{"a container network", "flannel*"},
	{"a container network", "cali*"},
	{"a container network", "cilium*"},
	{"a container network", "weave*"},
	{"a container network", "kube-*"},
	{"a container network", "nodelocaldns*"},
	{"a container network", "podman*"},
	{"a container network", "nerdctl*"},
	{"a container network", "lxc*"},
	{"a container network", "lxdbr*"},
	{"a container network", "incusbr*"},
	{"a virtual machine network", "virbr*"},
	{"a virtual machine network", "vnet[0-9]*"},
	{"a virtual machine network", "vmnet*"},
	{"a virtual machine network", "vboxnet*"},
	{"a virtual machine network", "mpqemubr*"},
	{"a virtual machine network", "vmenet[0-9]*"},
	{"a virtual machine network", "bridge1[0-9][0-9]"}, // macOS numbers those of virtual machines and of shared networks from 100 on
	{"a virtual machine network", "vEthernet (WSL*"},
	{"a virtual machine network", "vEthernet (Default Switch)"},
	{"a tunnel", "tun*"},
	{"a tunnel", "tap*"},
	{"a VPN", "wg*"},
	{"a VPN", "tailscale*"},
	{"a VPN", "zt*"},
	{"a VPN", "nebula*"},
	{"a VPN", "ham[0-9]*"},
	{"a dummy card", "dummy*"},
}

// virtualKind returns what the card called name seems to be, or "" for one that may carry the LAN.
func virtualKind(name string) string {
	for _, v := range virtual {
		if ok, _ := path.Match(v.glob, name); ok { // every glob here is well formed: a test holds it
			return v.kind
		}
	}
	return ""
}
