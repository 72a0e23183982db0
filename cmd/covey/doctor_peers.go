package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"covey/client"
	"covey/cmd/covey/internal/survey"
	"covey/loop"
)

// lookAtPeers tries the nodes that --peer would name: whether there is such an address, TCP reaches it, a node answers there, and it has a
// secret if the doctor has one. Which secret is not tried: a password goes to no machine that merely says it is a node.
func lookAtPeers(ctx context.Context, named peers, keyed bool) ([]finding, error) {
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
			all = append(all, lookAtPeer(ctx, text, addr, dials[addr], keyed))
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

func lookAtPeer(ctx context.Context, text string, addr netip.AddrPort, o survey.Outcome, keyed bool) finding {
	f := finding{Subject: "--peer " + text, Verdict: problem}
	switch o {
	case survey.Connected:
		report, err := askNode(ctx, addr, (*client.Client).Info)
		f.Verdict, f.Finding = answered(addr, report.ID, err, keyed)
	case survey.Rejected:
		f.Finding = fmt.Sprintf("TCP is refused at %s: no node runs there, or a firewall rejects it; start one, and allow TCP port %d there", addr, addr.Port())
	case survey.TimedOut:
		f.Finding = fmt.Sprintf("TCP to %s is not answered: the machine is off, or a firewall there, or between, drops it; allow TCP port %d there", addr, addr.Port())
	default:
		f.Finding = fmt.Sprintf("there is no route to %s: look at the address and at this machine's routes", addr)
	}
	return f
}

// answered judges what came from an address that takes connections: the id of a node, or why there is none.
func answered(addr netip.AddrPort, id string, err error, keyed bool) (verdict, text string) {
	var said *client.ServerError
	switch denied := errors.Is(err, client.ErrDenied); {
	case denied && errors.Is(err, client.ErrClosed) && errors.As(err, &said): // before anything was asked
		return problem, fmt.Sprintf("the node at %s does not serve this machine, so it does not link with a node here; it says: %s", addr, said.Text)
	case errors.Is(err, client.ErrClosed) && errors.As(err, &said): // it has as many connections as it may
		return problem, fmt.Sprintf("the node at %s turns connections away; it says: %s", addr, said.Text)
	case denied && keyed:
		return good, fmt.Sprintf("a node with a secret answers at %s; whether it is the doctor's is not tried", addr)
	case denied:
		return problem, fmt.Sprintf("a node with a secret answers at %s, and here is none: give both one --secret-file", addr)
	case err == nil && keyed:
		return problem, fmt.Sprintf("node %s answers at %s and has no secret, which is given here: give both one --secret-file, or neither", id, addr)
	case err == nil:
		return good, fmt.Sprintf("node %s answers at %s", id, addr)
	}
	return problem, fmt.Sprintf("something takes connections at %s and does not answer as a node: %v; look at the port", addr, err)
}
