package main

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"covey/client"
	"covey/cmd/covey/internal/survey"
	"covey/codec"
	"covey/seal"
)

// reach is what shows whether other machines get through to this one's TCP port. Nodes dial whoever announces himself: the doctor
// does, so nothing has to be asked of them, and nobody can be made to dial for another.
type reach struct {
	port    uint16
	watched bool         // the doctor held the port, or the node that does has counted
	callers []netip.Addr // who came to the doctor's
	dialed  uint64       // links that other machines have opened with the node here, ever
	asked   bool         // the node here has told the next
	wallOff int64        // ms that the time of the mesh is ahead of the wall clock here
}

// watchDoor stands at the port while f looks at the network: the doctor itself, or the node of this machine.
func watchDoor(ctx context.Context, listen netip.AddrPort, secrets seal.Secrets, f func()) reach {
	r := reach{port: listen.Port()}
	if door, err := survey.OpenDoor(listen); err == nil {
		f()
		r.watched, r.callers = true, door.Close()
		return r
	}
	f()
	if info, err := askNode(ctx, local(listen), (*client.Client).Info, passwords(secrets)...); err == nil {
		r.watched, r.dialed, r.asked, r.wallOff = true, info.Dialed, true, info.WallOff
	}
	return r
}

// askNode asks the node at addr for a report.
func askNode[T any](ctx context.Context, addr netip.AddrPort, what func(*client.Client, context.Context) (T, error), options ...client.Option) (report T, err error) {
	ctx, cancel := context.WithTimeout(ctx, doctorPatience)
	defer cancel()
	c, err := client.Dial(ctx, addr.String(), options...)
	if err != nil {
		return report, err
	}
	defer c.Close()
	return what(c, ctx)
}

// local is where a node that listens there answers its own machine.
func local(listen netip.AddrPort) netip.AddrPort {
	if listen.Addr().IsUnspecified() {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), listen.Port())
	}
	return listen
}

// reached reports whether others get through to this machine; nothing where that cannot be known: nobody is there, or announces do not
// get out.
func (w *view) reached() []finding {
	f := finding{Subject: fmt.Sprintf("TCP port %d from outside", w.reach.port), Verdict: good}
	if !w.reach.watched {
		return nil
	}
	if w.reach.dialed > 0 {
		f.Finding = "nodes on other machines have connected to the node here"
		return []finding{f}
	}
	heard, came := 0, 0
	for i := range w.sight.Nodes {
		n := &w.sight.Nodes[i]
		if !w.ours(n) {
			continue
		}
		heard++
		if slices.Contains(w.reach.callers, n.Addr.Addr()) {
			came++
		}
	}
	switch {
	case came > 0:
		f.Finding = fmt.Sprintf("nodes on other machines reach it: of %d heard, %d connected", heard, came)
	case heard == 0 || !w.sight.Returned || w.sight.Refused != nil:
		return nil
	default:
		f.Verdict = problem
		f.Finding = fmt.Sprintf("of %d nodes that were heard none has connected, though nodes dial whoever announces himself: this machine's firewall keeps them out, so allow TCP port %d in its input rules; or they do not hear its announces", heard, w.reach.port)
	}
	return []finding{f}
}

// carry tries whether packets of the full size get to the nodes that TCP reaches, and back, maxNamed nodes at most.
func (w *view) carry(ctx context.Context) {
	addrs := connected(w.dials)
	w.tried, w.stuck = len(addrs), survey.Stuck(ctx, addrs)
}

// large reports whether packets of the full size get through. Where they do not, links come up and then stand still.
func (w *view) large() []finding {
	f := finding{Subject: "large packets", Verdict: good, Finding: fmt.Sprintf("come through: %d tried", w.tried)}
	switch {
	case w.tried == 0:
		return nil
	case len(w.stuck) > 0:
		var texts []string
		for _, addr := range w.stuck {
			texts = append(texts, addr.String())
		}
		f.Verdict = problem
		f.Finding = fmt.Sprintf("%s: small packets go there and back, large ones do not, so what is written does not arrive. A card here or there sends larger ones (MTU) than all of the way takes: "+
			"jumbo frames that a switch drops, or a tunnel. Give the cards of all machines one MTU that fits, as with `ip link set dev eth0 mtu 1400`", named(texts))
	}
	return []finding{f}
}

// connected returns some of the addresses that TCP reaches, maxNamed at most, in order.
func connected(dials map[netip.AddrPort]survey.Outcome) []netip.AddrPort {
	var addrs []netip.AddrPort
	for addr, o := range dials {
		if o == survey.Connected {
			addrs = append(addrs, addr)
		}
	}
	slices.SortFunc(addrs, netip.AddrPort.Compare)
	return addrs[:min(len(addrs), maxNamed)]
}

// localMembers asks the node of this machine whom it knows; nil when none answers.
func localMembers(ctx context.Context, listen netip.AddrPort, secrets seal.Secrets) []codec.MemberReport {
	members, err := askNode(ctx, local(listen), (*client.Client).Members, passwords(secrets)...)
	if err != nil {
		return nil
	}
	return members
}
