package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"time"

	"covey/cmd/covey/internal/survey"
	"covey/codec"
	"covey/ifaces"
	"covey/peer"
	"covey/seal"
)

// maxNamed is how many nodes one line of the doctor's names.
const maxNamed = 8

// view is all that the doctor knows of the network.
type view struct {
	port    uint16 // UDP
	cluster uint64
	secrets seal.Secrets
	own     []netip.Addr // addresses of this machine
	mute    bool         // no card has a broadcast address, so nothing is sent: the verdict on the cards has said what to do
	sight   survey.Sight
	dials   map[netip.AddrPort]survey.Outcome
	tried   int                  // how many were sent packets of the full size
	stuck   []netip.AddrPort     // those of them that did not get these
	members []codec.MemberReport // of the node on this machine, if one answers
	reach   reach
	clocks  []skew
}

// lookAtNetwork announces a node that does not exist, listens for other nodes, tries to connect to them, and returns its verdicts.
func (v *doctorVerb) lookAtNetwork(ctx context.Context, listen netip.AddrPort, cards []ifaces.Interface, secrets seal.Secrets) []finding {
	w := view{port: v.DiscoveryPort, cluster: peer.ClusterTag(v.Cluster), secrets: secrets, members: localMembers(ctx, listen, secrets)}
	usable := false
	w.mute = true
	for _, c := range cards {
		usable = usable || c.Usable
		w.mute = w.mute && !(c.Usable && !alone(&c))
		for _, a := range c.Addrs {
			w.own = append(w.own, a.Prefix.Addr())
		}
	}
	if !usable {
		return nil // the verdict on the cards has said what to do
	}
	s := survey.Survey{Port: v.DiscoveryPort, Cards: cards, Announce: codec.Announce{
		Form: codec.FormAnnounce, ProtoMin: codec.ProtoMin, ProtoMax: codec.ProtoMax, State: codec.StateSeeking, Cluster: w.cluster,
		Node: rand.Uint64()&^(3<<56)&^0xffff | 2<<56 | uint64(listen.Port()), Incarnation: uint64(time.Now().UnixMilli()) << 16,
		Port: listen.Port(), Lifetime: uint32(v.Wait.Milliseconds()),
	}}
	if len(secrets) > 0 {
		s.Sign = seal.NewAnnouncer(secrets).Sign
	}
	var err error
	w.reach = watchDoor(ctx, listen, secrets, func() { w.sight, err = s.Look(ctx, v.Wait) })
	if err != nil {
		return nil // the verdict on the UDP port has said what to do
	}
	var addrs []netip.AddrPort
	for _, n := range w.sight.Nodes {
		if w.ours(&n) {
			addrs = append(addrs, n.Addr)
		}
	}
	for _, m := range w.members {
		if addr, err := netip.ParseAddrPort(m.Addr); err == nil && m.State != "self" && !slices.Contains(addrs, addr) {
			addrs = append(addrs, addr)
		}
	}
	w.dials = survey.Dial(ctx, addrs)
	w.carry(ctx)
	if len(secrets) == 0 { // a password goes to no machine that merely says it is a node
		w.clocks = readClocks(ctx, w.dials)
	}
	return w.findings(v.Wait)
}

// ours reports whether a node that was heard is one of this cluster, with this secret, on another machine.
func (w *view) ours(n *survey.Heard) bool {
	return n.Announce.Cluster == w.cluster && !w.otherSecret(n) && !slices.Contains(w.own, n.Addr.Addr())
}

func (w *view) otherSecret(n *survey.Heard) bool {
	if signed := n.Announce.Auth != [32]byte{}; len(w.secrets) == 0 || !signed {
		return signed != (len(w.secrets) > 0)
	}
	return !seal.NewAnnouncer(w.secrets).Genuine(n.Bytes)
}

// findings judges what was seen.
func (w *view) findings(waited time.Duration) []finding {
	var all []finding
	if !w.mute {
		all = append(all, w.broadcasts())
	}
	for _, a := range w.sight.Clones {
		all = append(all, finding{"MAC address", problem, fmt.Sprintf("the machine at %s has the MAC address of a card of this one: a switch sends each what is for the other; give one of them another (a cloned virtual machine wants a new one)", a)})
	}
	for _, a := range w.sight.Twins {
		all = append(all, finding{"IP address", problem, fmt.Sprintf("another machine has the address %s too: give one of them another", a)})
	}
	all = append(all, w.here()...)
	heard, clusters, keyed := 0, []string{}, []string{}
	for i := range w.sight.Nodes {
		switch n := &w.sight.Nodes[i]; {
		case slices.Contains(w.own, n.Addr.Addr()):
		case n.Announce.Cluster != w.cluster:
			clusters = append(clusters, n.Addr.String())
		case w.otherSecret(n):
			keyed = append(keyed, n.Addr.String())
		default:
			heard++
			all = append(all, w.node(n))
		}
	}
	all = append(all, w.unheard()...)
	all = append(all, w.large()...)
	all = append(all, w.reached()...)
	all = append(all, w.clock()...)
	if len(clusters) > 0 {
		all = append(all, finding{"other clusters", note, "of another cluster are " + named(clusters) + ": nodes that are to be one need the same --cluster"})
	}
	if len(keyed) > 0 {
		all = append(all, finding{"other secrets", note, named(keyed) + ": their secret is not the doctor's, or one of the two has none; nodes that are to be one need the same --secret-file"})
	}
	if heard == 0 {
		none := "none"
		if len(w.sight.Nodes) > 0 {
			none = "none of the doctor's cluster and secret"
		}
		all = append(all, finding{"other nodes", note, fmt.Sprintf("%s was heard on another machine within %s: start one on another machine; if one runs there, `covey doctor` there says more; where broadcasts do not pass, use `covey run --peer host:port`", none, waited)})
	}
	return all
}

// here reports nodes on this machine with another secret or cluster than the doctor was given: its findings do not apply to them.
func (w *view) here() []finding {
	var all []finding
	var told []uint64 // a node is heard at every address of the machine
	for i := range w.sight.Nodes {
		n := &w.sight.Nodes[i]
		if !slices.Contains(w.own, n.Addr.Addr()) || slices.Contains(told, n.Announce.Node) {
			continue
		}
		f := finding{Subject: "node " + codec.FormatID(n.Announce.Node), Verdict: note}
		switch {
		case n.Announce.Cluster != w.cluster:
			f.Finding = "runs on this machine and is of another cluster than the doctor: give `covey doctor` the --cluster of that node"
		case w.otherSecret(n):
			f.Finding = "runs on this machine with another secret than the doctor, or one of the two has none: give `covey doctor` the --secret-file of that node"
		default:
			continue
		}
		told = append(told, n.Announce.Node)
		all = append(all, f)
	}
	return all
}

// broadcasts reports whether announces leave this machine and come in.
func (w *view) broadcasts() finding {
	f := finding{Subject: "broadcasts", Verdict: problem}
	switch {
	case errors.Is(w.sight.Refused, syscall.EPERM):
		f.Finding = fmt.Sprintf("this machine's firewall does not let announces out: allow UDP port %d in its output rules", w.port)
	case w.sight.Refused != nil:
		f.Finding = fmt.Sprintf("announces cannot be sent: %v; look at the cards' addresses and routes", w.sight.Refused)
	case !w.sight.Returned:
		f.Finding = fmt.Sprintf("own announces do not come back, so this machine's firewall lets none in: allow UDP port %d in its input rules, and TCP port %d too, of which nothing can be known until announces come", w.port, w.reach.port)
	default:
		f.Verdict, f.Finding = good, "own announces come back: this machine lets them out and in"
	}
	return f
}

// node tells about a node of this cluster that was heard.
func (w *view) node(n *survey.Heard) finding {
	f := finding{Subject: "node " + codec.FormatID(n.Announce.Node), Verdict: problem}
	switch w.dials[n.Addr] {
	case survey.Connected:
		f.Verdict, f.Finding = good, fmt.Sprintf("heard, and TCP reaches %s", n.Addr)
		if !n.UDP {
			f.Verdict, f.Finding = note, fmt.Sprintf("TCP reaches %s, but its announces come as Ethernet frames alone: UDP port %d is filtered there, here or between, or the netmasks differ; allow it, and give both machines one netmask", n.Addr, w.port)
		}
	case survey.Rejected:
		f.Finding = fmt.Sprintf("heard, but TCP is refused at %s: a firewall there rejects it; allow TCP port %d on that machine", n.Addr, n.Addr.Port())
	case survey.TimedOut:
		f.Finding = fmt.Sprintf("heard, but TCP to %s is not answered: a firewall there, or between, drops it; allow TCP port %d on that machine", n.Addr, n.Addr.Port())
	default:
		f.Finding = fmt.Sprintf("heard, but there is no route to %s: give this machine an address in that network, or take the node's card into it", n.Addr)
	}
	return f
}

// unheard tells of members of this machine's node that TCP reaches and of which no announce came.
func (w *view) unheard() []finding {
	var all []finding
	for _, m := range w.members {
		addr, err := netip.ParseAddrPort(m.Addr)
		if err != nil || m.State != "alive" || w.dials[addr] != survey.Connected || slices.ContainsFunc(w.sight.Nodes, func(n survey.Heard) bool { return n.Addr == addr }) {
			continue
		}
		all = append(all, finding{"node " + m.ID, note, fmt.Sprintf("TCP reaches %s, but none of its announces is heard: broadcasts are filtered there or between (a router passes none); it stays linked by --peer or what others tell, or allow UDP port %d there", addr, w.port)})
	}
	return all
}

// named lists some and says how many more there are.
func named(all []string) string {
	if more := len(all) - maxNamed; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(all[:maxNamed], ", "), more)
	}
	return strings.Join(all, ", ")
}
