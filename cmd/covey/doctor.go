package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"covey/client"
	"covey/cmd/covey/internal/machine"
	"covey/cmd/covey/internal/survey"
	"covey/ifaces"
	"covey/loop"
	"covey/seal"
)

const (
	// doctorPatience is how long a node that holds the port has to answer.
	doctorPatience = time.Second
	// doctorLookup is how long the system has to look a name up.
	doctorLookup = 5 * time.Second
	// longestWait is how long the doctor listens at most: an announce tells of the time in 32 bits of milliseconds.
	longestWait = time.Hour
	// fewDescriptors is a descriptor limit below which a node is likely to turn clients away.
	fewDescriptors = 1024
)

// Verdicts of the doctor.
const (
	good    = "ok"
	note    = "note"    // works, though not as well as it could
	problem = "problem" // a node will not work as it should
)

// finding is one line of the doctor's.
type finding struct {
	Subject string `json:"subject"`
	Verdict string `json:"verdict"` // ok, note or problem
	Finding string `json:"finding"` // what is, and what to do about it
}

type doctorVerb struct {
	outputFlag
	Listen        string        `default:"0.0.0.0:9000" placeholder:"ADDR:PORT" help:"The TCP address that the node would listen on (default ${default})."`
	DiscoveryPort uint16        `default:"9000" placeholder:"PORT" help:"The UDP port on which nodes find each other (default ${default})."`
	Interfaces    string        `placeholder:"PATTERN" help:"The cards that the node would be told to use."`
	Cluster       string        `default:"default" placeholder:"NAME" help:"The cluster that the node would be of (default ${default})."`
	Wait          time.Duration `default:"6500ms" placeholder:"TIME" help:"How long to listen for other nodes, which announce themselves every 5 s; 0 looks at this machine alone (default ${default})."`
	Peer          peers         `placeholder:"HOST:PORT" help:"A node that the node would be told of, to be tried; may be repeated."`
	secretFlag
}

// Help is the second part of `covey doctor --help`.
func (*doctorVerb) Help() string {
	return `Looks at the cards, the ports, the permissions and the limits of this machine, announces itself, hears who is there and tries to connect, and says in one line each what it found and what to do. Exit status 1 means that there is a problem.

Examples:

    covey doctor
    covey doctor --interfaces 'en*' --listen 0.0.0.0:9001
    covey doctor --peer 10.1.0.5:9000
    covey doctor -o json`
}

// Run looks at one thing after the other.
func (v *doctorVerb) Run(ctx context.Context, p *process) error {
	listen, pattern, err := v.check()
	if err != nil {
		return err
	}
	secrets, err := v.secretFlag.read(p)
	if err != nil {
		return err
	}
	cards, err := ifaces.List()
	if err != nil {
		return failf(exitFailed, "%v", err)
	}
	cards = ifaces.Choose(cards, pattern)
	findings := append(judgeCards(cards), judgeExposure(cards, listen, len(secrets) > 0)...)
	findings = append(findings, lookAtTCP(ctx, listen, secrets), lookAtUDP(ctx, v.DiscoveryPort), lookAtBeacon(machine.Raw()),
		lookAtDescriptors(machine.Descriptors()), lookAtMemory(machine.ReadMemory()))
	named, err := lookAtPeers(ctx, v.Peer, len(secrets) > 0)
	if err != nil {
		return err
	}
	findings = append(findings, named...)
	if v.Wait > 0 && ctx.Err() == nil {
		findings = append(findings, v.lookAtNetwork(ctx, listen, cards, secrets)...)
	}
	if err := ctx.Err(); err != nil {
		return err // what was not waited for is not known
	}
	if err := v.print(p, findings); err != nil {
		return err
	}
	for _, f := range findings {
		if f.Verdict == problem {
			return &failure{status: exitFailed}
		}
	}
	return nil
}

// check refuses what a node would refuse.
func (v *doctorVerb) check() (listen netip.AddrPort, pattern ifaces.Pattern, err error) {
	if listen, err = parseListen(v.Listen); err != nil {
		return listen, pattern, failf(exitUsage, "%v", err)
	}
	if v.Wait < 0 || v.Wait > longestWait {
		return listen, pattern, failf(exitUsage, "--wait %v: give 0s to %v", v.Wait, longestWait)
	}
	node := loop.Config{Listen: listen, DiscoveryPort: v.DiscoveryPort, Interfaces: v.Interfaces, Peers: v.Peer, Cluster: v.Cluster, MaxMemory: loop.MaxMemory, Horizon: time.Hour}
	if err := node.Check(); err != nil {
		return listen, pattern, ofUsage(err)
	}
	pattern, err = ifaces.ParsePattern(v.Interfaces)
	return listen, pattern, err
}

func (v *doctorVerb) print(p *process, findings []finding) error {
	if v.json() {
		return printJSON(p.Stdout, findings)
	}
	t := table{header: []string{"verdict", "subject", "finding"}}
	for _, f := range findings {
		t.add(f.Verdict, f.Subject, f.Finding)
	}
	return t.print(p.Stdout)
}

// judgeCards gives the verdict on each card.
func judgeCards(cards []ifaces.Interface) []finding {
	var findings []finding
	usable := 0
	for _, c := range cards {
		f := finding{"card " + c.Name, good, "used: " + addrs(&c)}
		switch {
		case !c.Usable:
			f.Finding = "skipped: " + c.Reason
		case alone(&c):
			usable++
			f.Verdict = problem
			f.Finding += "; that is a network of one or two addresses, whose broadcasts reach nobody: give the card the netmask of its network, such as /24, or name a node with `covey run --peer host:port`"
		default:
			usable++
		}
		findings = append(findings, f)
	}
	if usable == 0 {
		findings = append(findings, finding{"cards", problem, "none can be used, so nodes on other machines are not found: plug in a cable, " +
			"give a card an IPv4 address, name one with --interfaces, or name a node with `covey run --peer host:port`"})
	}
	return findings
}

// alone reports whether no address of a card is of a network with broadcasts.
func alone(c *ifaces.Interface) bool {
	return !slices.ContainsFunc(c.Addrs, func(a ifaces.Addr) bool { return a.Prefix.Bits() < 31 })
}

// judgeExposure tells of an address that the internet may reach, where a node without a secret would listen.
func judgeExposure(cards []ifaces.Interface, listen netip.AddrPort, secret bool) []finding {
	name, addr, found := loop.PublicCard(cards)
	if !found || secret || !listen.Addr().IsUnspecified() && listen.Addr() != addr {
		return nil
	}
	return []finding{{"public address", problem, fmt.Sprintf("card %s has the public address %s, and without a secret anybody on its network could read and write in the cache: "+
		"a node does not start there unless --listen is given; give --secret-file (covey secret new makes one)", name, addr)}}
}

// addrs lists the addresses of a card, and its MAC address.
func addrs(c *ifaces.Interface) string {
	var texts []string
	for _, a := range c.Addrs {
		texts = append(texts, a.Prefix.String())
	}
	if !c.MAC.IsZero() {
		texts = append(texts, "MAC "+c.MAC.String())
	}
	return strings.Join(texts, ", ")
}

// lookAtTCP reports whether the node's port is free, and if not which program has it.
func lookAtTCP(ctx context.Context, listen netip.AddrPort, secrets seal.Secrets) finding {
	f := finding{Subject: fmt.Sprintf("TCP port %d", listen.Port())}
	addr := local(listen)
	node, answer := ask(ctx, addr, passwords(secrets)...)
	if answer == nil {
		f.Verdict, f.Finding = good, fmt.Sprintf("%s answers at %s; a second node on this machine would take the next free port", node, addr)
		return f
	}
	ln, err := net.Listen("tcp4", listen.String())
	if err == nil {
		ln.Close()
		f.Verdict, f.Finding = good, "free; no node runs there"
		return f
	}
	if !machine.InUse(err) {
		f.Verdict, f.Finding = problem, fmt.Sprintf("cannot be listened on: %v; give --listen another address", err)
		return f
	}
	holder := "another user's process"
	if process, found := machine.Holder(listen.Port()); found {
		holder = process.String()
	}
	f.Verdict, f.Finding = judgeHolder(holder, addr, survey.Dial(ctx, []netip.AddrPort{addr})[addr], answer)
	return f
}

// judgeHolder tells of a process that has the port and does not answer as a node at addr, but with an error: it may be one that cannot be
// reached there, or that has as many connections as it may.
func judgeHolder(holder string, addr netip.AddrPort, o survey.Outcome, answer error) (verdict, text string) {
	node := strings.HasPrefix(holder, "covey ")
	var said *client.ServerError
	switch {
	case node && errors.As(answer, &said):
		return problem, fmt.Sprintf("taken by %s, which turns connections away; it says: %s", holder, said.Text)
	case node && o == survey.Rejected:
		return problem, fmt.Sprintf("taken by %s, and TCP is refused at %s: if that node listens at another address (--listen), give `covey doctor` the same; if not, this machine's firewall rejects it: allow TCP port %d in its input rules", holder, addr, addr.Port())
	case node && o == survey.TimedOut:
		return problem, fmt.Sprintf("taken by %s, and TCP to %s is not answered: this machine's firewall drops it, so allow TCP port %d in its input rules; or that node is stopped or hangs, so start it again", holder, addr, addr.Port())
	case node:
		return problem, fmt.Sprintf("taken by %s, which takes connections and does not answer: it is stopped (SIGSTOP, a debugger) or hangs; let it go on, or start it again", holder)
	}
	return note, fmt.Sprintf("taken by %s, which does not answer as a node: without --listen a node takes the next free port; to have this one, stop that process", holder)
}

// ask says which node answers at addr.
func ask(ctx context.Context, addr netip.AddrPort, options ...client.Option) (node string, err error) {
	report, err := askNode(ctx, addr, (*client.Client).Info, options...)
	switch {
	case errors.Is(err, client.ErrDenied) && len(options) > 0:
		return "a node without a secret, or with another,", nil // a node, and it is well enough to say so
	case errors.Is(err, client.ErrDenied):
		return "a node with a secret", nil
	}
	return "node " + report.ID, err
}

// lookAtUDP reports whether announces can be heard on their port, which nodes of one machine share.
func lookAtUDP(ctx context.Context, port uint16) finding {
	f := finding{Subject: fmt.Sprintf("UDP port %d", port)}
	switch err := machine.TrySharedUDP(ctx, port); {
	case err == nil:
		f.Verdict, f.Finding = good, "can be shared with other nodes; the firewall must let UDP and TCP in on the node's ports"
	case machine.InUse(err):
		f.Verdict, f.Finding = problem, "held by a program that does not share it, so no node can be found: stop that program, or give every node the same other --discovery-port"
	default:
		f.Verdict, f.Finding = problem, fmt.Sprintf("cannot be opened: %v; give every node the same other --discovery-port", err)
	}
	return f
}

// lookAtBeacon reports whether announces can also be sent as Ethernet frames.
func lookAtBeacon(permitted bool, err error) finding {
	f := finding{Subject: "layer-2 beacon", Verdict: good, Finding: "permitted: nodes also find each other by Ethernet frames"}
	switch {
	case errors.Is(err, machine.ErrUnknown):
		f.Verdict, f.Finding = note, "this system has none: nodes find each other by UDP alone, which is enough on most networks"
	case err != nil || !permitted:
		f.Verdict, f.Finding = note, "not permitted: nodes find each other by UDP alone, which is enough on most networks; to permit it, run as root or `setcap cap_net_raw+ep` the program"
	}
	return f
}

// lookAtDescriptors reports whether the process may have as many connections as a node can serve.
func lookAtDescriptors(limit uint64, err error) finding {
	f := finding{Subject: "open files", Verdict: good}
	switch {
	case err != nil:
		f.Verdict, f.Finding = note, "the limit is not known on this system; each client and each peer takes one"
	case limit < fewDescriptors:
		f.Verdict, f.Finding = note, fmt.Sprintf("at most %s, and each client and each peer takes one: raise it with `ulimit -n 65536` or LimitNOFILE=65536", grouped(int64(limit)))
	default:
		f.Finding = fmt.Sprintf("at most %s; each client and each peer takes one", grouped(int64(min(limit, 1<<62))))
	}
	return f
}

// lookAtMemory tells what --max-memory would be.
func lookAtMemory(m machine.Memory, err error) finding {
	f := finding{Subject: "memory", Verdict: good}
	if err != nil {
		f.Verdict, f.Finding = note, fmt.Sprintf("%v; give `covey run --max-memory`", err)
		return f
	}
	group := "no limit of a control group"
	if m.Group > 0 {
		group = fmt.Sprintf("its control group allows %s", size(m.Group))
	}
	f.Finding = fmt.Sprintf("the machine has %s, %s: a node would use %s unless --max-memory says otherwise", size(m.Machine), group, size(halfOf(m)))
	return f
}
