package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"covey/cmd/covey/internal/survey"
	"covey/loop"
)

// lookAtPeers tries the nodes that --peer would name: whether there is such an address, TCP reaches it, and a node answers there.
func lookAtPeers(ctx context.Context, named peers) ([]finding, error) {
	var all []finding
	for _, text := range named {
		host, port, err := loop.ParsePeer(text)
		if err != nil {
			return nil, ofUsage(err)
		}
		addrs, err := resolve(ctx, host, port)
		if err != nil {
			all = append(all, finding{"--peer " + text, problem, fmt.Sprintf("%s has no IPv4 address here: %v; look at the name, or give the address", host, err)})
			continue
		}
		dials := survey.Dial(ctx, addrs)
		for _, addr := range addrs {
			all = append(all, lookAtPeer(ctx, text, addr, dials[addr]))
		}
	}
	return all, nil
}

// resolve returns the addresses of a host, of a name the first few, as a node would try them.
func resolve(ctx context.Context, host string, port uint16) (addrs []netip.AddrPort, err error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return []netip.AddrPort{netip.AddrPortFrom(addr.Unmap(), port)}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, doctorLookup)
	defer cancel()
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip4", host)
	for _, addr := range found[:min(len(found), maxNamed)] {
		addrs = append(addrs, netip.AddrPortFrom(addr.Unmap(), port))
	}
	return addrs, err
}

func lookAtPeer(ctx context.Context, text string, addr netip.AddrPort, o survey.Outcome) finding {
	f := finding{Subject: "--peer " + text, Verdict: problem}
	switch o {
	case survey.Connected:
		node, err := ask(ctx, addr)
		if err == nil {
			f.Verdict, f.Finding = good, fmt.Sprintf("%s answers at %s", node, addr)
			break
		}
		f.Finding = fmt.Sprintf("something takes connections at %s and does not answer as a node: %v; look at the port, or, if that is a node, at what it says of hosts of other networks", addr, err)
	case survey.Rejected:
		f.Finding = fmt.Sprintf("TCP is refused at %s: no node runs there, or a firewall rejects it; start one, and allow TCP port %d there", addr, addr.Port())
	case survey.TimedOut:
		f.Finding = fmt.Sprintf("TCP to %s is not answered: the machine is off, or a firewall there, or between, drops it; allow TCP port %d there", addr, addr.Port())
	default:
		f.Finding = fmt.Sprintf("there is no route to %s: look at the address and at this machine's routes", addr)
	}
	return f
}
