package peer

import (
	"bufio"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"covey/codec"
)

var rewrite = flag.Bool("rewrite", false, "write what the transcripts in testdata print")

// TestTranscripts plays the scenarios of testdata/*.txt. A line is a command; what stands between "----" and an empty
// line is what it must print: what the nodes wished for, and the frames that were delivered. Lines that begin with # say
// what is going on. The commands are the cases of playTime, playNetwork and playNode.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) { playFile(t, file) })
	}
}

func playFile(t *testing.T, file string) {
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := newBench(t)
	var out strings.Builder
	in := bufio.NewScanner(f)
	for line := 1; in.Scan(); line++ {
		text := in.Text()
		if text == "" || strings.HasPrefix(text, "#") {
			fmt.Fprintln(&out, text)
			continue
		}
		at := line
		var want []string
		if !in.Scan() || in.Text() != "----" {
			t.Fatalf("%s:%d: no ---- after a command", file, at)
		}
		for line++; in.Scan() && in.Text() != ""; line++ {
			want = append(want, in.Text())
		}
		line++
		b.log = nil
		play(b, strings.Fields(text))
		got := b.log
		if len(got) == 0 {
			got = []string{"ok"}
		}
		fmt.Fprintf(&out, "%s\n----\n%s\n\n", text, strings.Join(got, "\n"))
		if !*rewrite && strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s:%d: %s\n got:\n%s\nwant:\n%s", file, at, text, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	if *rewrite {
		if err := os.WriteFile(file, []byte(strings.TrimRight(out.String(), "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// play carries out one command.
func play(b *bench, args []string) {
	for _, carriesOut := range []func(*bench, []string) bool{playTime, playNetwork, playNode} {
		if carriesOut(b, args) {
			return
		}
	}
	b.t.Fatalf("unknown command %v", args)
}

// named returns the node that an argument of a command names.
func (b *bench) named(args []string, i int) *bnode {
	if i < len(args) && b.nodes[args[i]] != nil {
		return b.nodes[args[i]]
	}
	b.t.Fatalf("%v: no such node", args)
	return nil
}

// lasts returns the duration that an argument of a command is.
func (b *bench) lasts(arg string) time.Duration {
	d, err := time.ParseDuration(arg)
	if err != nil {
		b.t.Fatal(err)
	}
	return d
}

// playTime carries out a command by which time passes; false: it is none.
func playTime(b *bench, args []string) bool {
	switch args[0] {
	case "pass": // pass DURATION: ticks, and all is delivered
		b.pass(b.lasts(args[1]))
		b.summarise()
	case "stall": // stall NAME GAP DURATION: its ticker fires every GAP only, and nothing comes to it
		n, gap, d := b.named(args, 1), b.lasts(args[2]), b.lasts(args[3])
		for end := b.now + int64(d); b.now < end; {
			b.now += int64(gap)
			before := len(b.log)
			n.Tick(b.now)
			b.carryOut(n)
			for i := before; i < len(b.log); i++ {
				b.log[i] += fmt.Sprintf(" (after %v)", d-time.Duration(end-b.now))
			}
		}
	case "tick": // tick NAME: its ticker fires
		n := b.named(args, 1)
		b.now += int64(TickInterval)
		n.Tick(b.now)
		b.carryOut(n)
	default:
		return false
	}
	return true
}

// playNetwork carries out a command of what the network does; false: it is none.
func playNetwork(b *bench, args []string) bool {
	switch args[0] {
	case "heard": // heard FROM BY: an announce arrives
		b.heard(b.named(args, 1), b.named(args, 2), codec.FormAnnounce)
	case "connect": // connect FROM TO: a dial that FROM wished for is answered
		b.connect(b.named(args, 1), b.named(args, 2))
	case "fail": // fail FROM: its first dial comes to nothing
		n := b.named(args, 1)
		if len(n.dials) == 0 {
			b.t.Fatalf("%v: it does not wish to dial", args)
		}
		d := n.dials[0]
		n.dials = n.dials[1:]
		n.Step(b.now, Event{Kind: EventDialFailed, Addr: d.Addr, Number: d.Number})
		b.carryOut(n)
	case "deliver": // deliver FROM TO: one frame
		b.deliverOne(b.named(args, 1), b.named(args, 2))
	case "settle": // all frames, until nobody has more to say
		b.deliverAll()
		b.summarise()
	case "drop": // drop A B: the connection between two nodes breaks
		b.drop(b.named(args, 1), b.named(args, 2))
	case "cut": // cut A B: nothing passes between them any more, and nobody is told
		b.cut(b.named(args, 1), b.named(args, 2))
	default:
		return false
	}
	return true
}

// playNode carries out a command of what one node does or tells; false: it is none.
func playNode(b *bench, args []string) bool {
	switch args[0] {
	case "node": // node NAME ID [incarnation=N] [skew=MS] [peer=NAME]
		addNode(b, args)
	case "crash": // crash NAME: its connections end without a goodbye
		b.crash(b.named(args, 1))
	case "leave":
		n := b.named(args, 1)
		n.Leave(b.now)
		b.carryOut(n)
	case "set": // set NAME KEY VALUE
		b.set(b.named(args, 1), args[2], args[3])
	case "get": // get NAME KEY
		b.logf("%s", b.get(b.named(args, 1), args[2]))
	case "members":
		for _, m := range b.named(args, 1).Members(nil) {
			line := fmt.Sprintf("%s %s, %s, lag %d, synced %v, offset %d ms", b.who(m.ID), m.State, m.Readiness, m.Lag, m.Synced, m.Offset)
			if m.Via != 0 {
				line += ", via " + b.who(m.Via)
			}
			b.logf("%s", line)
		}
	case "clock": // clock NAME: how far it has stepped
		n := b.named(args, 1)
		b.logf("%d ms, settled %v", n.clock.Offset(), n.TimeSettled())
		if step := n.steps.number.Load(); step > 0 {
			b.logf("after step %d", step)
		}
	default:
		return false
	}
	return true
}

func addNode(b *bench, args []string) {
	id, err := strconv.ParseUint(args[2], 0, 64)
	if err != nil {
		b.t.Fatal(err)
	}
	var incarnation uint64
	var skew int64
	var static []netip.AddrPort
	for _, a := range args[3:] {
		k, v, _ := strings.Cut(a, "=")
		switch k {
		case "incarnation":
			incarnation, err = strconv.ParseUint(v, 0, 64)
		case "skew":
			skew, err = strconv.ParseInt(v, 0, 64)
		case "peer":
			static = append(static, b.nodes[v].addr)
		default:
			err = fmt.Errorf("unknown argument %s", a)
		}
		if err != nil {
			b.t.Fatal(err)
		}
	}
	b.add(args[1], id<<16|9000, incarnation, skew, static...)
}

// deliverOne hands over the next frame from one node to another, on whatever connection has one.
func (b *bench) deliverOne(from, to *bnode) {
	for _, c := range b.conns {
		for _, s := range c.sides {
			if s.node == to && c.sides[1-s.i].node == from && len(s.in) > 0 {
				b.deliver(s)
				return
			}
		}
	}
	b.logf("nothing is on its way")
}

// crash ends a node: what it has not sent is lost, what is on its way arrives.
func (b *bench) crash(n *bnode) {
	n.down = true
	for _, c := range b.conns {
		for _, s := range c.sides {
			if s.node == n && s.open {
				s.open = false
				other := c.sides[1-s.i]
				other.in = append(other.in, bframe{end: true})
			}
		}
	}
}

// drop breaks the connections between two nodes: both sides hear of it at once.
func (b *bench) drop(x, y *bnode) {
	for _, c := range b.conns {
		if s, o := c.sides[0].node, c.sides[1].node; s == x && o == y || s == y && o == x {
			b.closed(c.sides[0])
			b.closed(c.sides[1])
		}
	}
}

// cut makes the connections between two nodes deaf.
func (b *bench) cut(x, y *bnode) {
	for _, c := range b.conns {
		if s, o := c.sides[0].node, c.sides[1].node; s == x && o == y || s == y && o == x {
			c.deaf = true
		}
	}
}

// summarise folds the lines about frames that come in crowds: heartbeats, pulls and their answers, acknowledgements.
func (b *bench) summarise() {
	crowd := map[string]int{}
	var kept []string
	for _, line := range b.log {
		_, what, ok := strings.Cut(line, ": ")
		if ok && strings.Contains(line, " <- ") {
			if kind := strings.TrimRight(strings.Fields(what)[0], ","); kind == "Heartbeat" || kind == "HeartbeatResponse" || kind == "Pull" || kind == "Records" || kind == "Ack" {
				crowd[kind]++
				continue
			}
		}
		kept = append(kept, line)
	}
	for _, kind := range []string{"Heartbeat", "HeartbeatResponse", "Pull", "Records", "Ack"} {
		if crowd[kind] > 0 {
			kept = append(kept, fmt.Sprintf("(and %d frames %s)", crowd[kind], kind))
		}
	}
	b.log = kept
}
