// Command demo shows covey on one machine: three nodes that find each other, a value set on one and read on the others.
//
//  1. It picks free ports, so that neither root nor port 9000 is needed, and a cluster name of its own on loopback, so
//     that it meets no node that is really in use.
//  2. It starts three nodes and waits until each lists the three.
//  3. It runs the verbs that a user would, and prints each with what it answered.
//  4. It stops the nodes, and them alone, by their process ids.
//
// Run it with `make demo`.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

const (
	nodeCount   = 3
	defaultPort = 9000
	portTries   = 200
	meetLimit   = 10 * time.Second
	verbLimit   = 10 * time.Second
	leaveLimit  = 5 * time.Second
	pause       = 20 * time.Millisecond // between two looks at the members
)

func main() {
	binary := flag.String("binary", "bin/covey", "the covey program to show")
	port := flag.Int("port", defaultPort, "the first TCP port to try")
	flag.Parse()
	// SIGPIPE: nobody reads on, as after `make demo | head`; the nodes are to be stopped all the same.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGPIPE)
	defer stop()
	if err := run(ctx, *binary, *port, os.Stdout); err != nil {
		if ctx.Err() == nil { // else it was told to end, and says no more
			fmt.Fprintln(os.Stderr, "demo:", err)
		}
		stop()
		os.Exit(1)
	}
}

// A show is three nodes and where the demonstration is printed.
type show struct {
	binary string
	out    io.Writer
	nodes  []*node
}

// A node is one process of the show.
type node struct {
	addr  string
	cmd   *exec.Cmd
	ended chan error
}

func run(ctx context.Context, binary string, port int, out io.Writer) (err error) {
	s := &show{binary: binary, out: out}
	addrs, discovery, err := freePorts(port)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	fmt.Fprintln(out, "# three nodes on this machine; none is told where the others are")
	for _, addr := range addrs {
		if err := s.start(addr, discovery); err != nil {
			return err
		}
	}
	begin := time.Now()
	if err := s.meet(ctx); err != nil {
		return err
	}
	fmt.Fprintf(out, "# each lists all three after %v\n\n", time.Since(begin).Round(time.Millisecond))
	fmt.Fprintln(out, "# a value set on the first is read on the others")
	if _, err := s.verb(ctx, "set", "greeting", "hello from "+addrs[0], "--addr", addrs[0]); err != nil {
		return err
	}
	for _, addr := range addrs[1:] {
		if err := s.read(ctx, addr, "hello from "+addrs[0]+"\n"); err != nil {
			return err
		}
	}
	fmt.Fprintln(out, "\n# who is there")
	_, err = s.verb(ctx, "members", "--addr", addrs[2])
	return err
}

// freePorts gives three free TCP addresses on loopback, from a first port on, and a free UDP port.
func freePorts(first int) (addrs []string, discovery string, err error) {
	for port := first; port < first+portTries && len(addrs) < nodeCount; port++ {
		addr := fmt.Sprintf("127.0.0.1:%d", port)
		// Any address: a node that is in use listens on all of them.
		probe, err := net.Listen("tcp4", fmt.Sprintf(":%d", port))
		if err != nil {
			continue
		}
		probe.Close()
		addrs = append(addrs, addr)
	}
	if len(addrs) < nodeCount {
		return nil, "", fmt.Errorf("fewer than %d free TCP ports from %d to %d", nodeCount, first, first+portTries-1)
	}
	probe, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		return nil, "", fmt.Errorf("no free UDP port: %w", err)
	}
	defer probe.Close()
	_, discovery, err = net.SplitHostPort(probe.LocalAddr().String())
	return addrs, discovery, err
}

// start starts a node and prints the command.
func (s *show) start(addr, discovery string) error {
	args := []string{"run", "--listen", addr, "--discovery-port", discovery, "--cluster", "demo", "--max-memory", "64m", "--http", "off", "--log-level", "warn"}
	n := &node{addr: addr, cmd: exec.Command(s.binary, args...), ended: make(chan error, 1)}
	n.cmd.Stderr = os.Stderr
	if err := n.cmd.Start(); err != nil {
		return fmt.Errorf("cannot start %s: %w; `make build` makes it", s.binary, err)
	}
	go func() { n.ended <- n.cmd.Wait() }()
	s.nodes = append(s.nodes, n)
	fmt.Fprintf(s.out, "$ covey %s &    (pid %d)\n", strings.Join(args, " "), n.cmd.Process.Pid)
	return nil
}

// meet waits until every node lists all nodes as alive.
func (s *show) meet(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, meetLimit)
	defer cancel()
	for _, n := range s.nodes {
		for s.alive(ctx, n) < nodeCount {
			select {
			case <-ctx.Done():
				return fmt.Errorf("the nodes did not find each other within %v", meetLimit)
			case err := <-n.ended:
				n.ended <- err
				return fmt.Errorf("the node on %s ended: %w", n.addr, err)
			case <-time.After(pause):
			}
		}
	}
	return nil
}

// alive is how many members the node lists as alive, itself included; 0 while it does not answer.
func (s *show) alive(ctx context.Context, n *node) int {
	text, err := exec.CommandContext(ctx, s.binary, "members", "-o", "json", "--addr", n.addr).Output()
	if err != nil {
		return 0
	}
	var members []struct{ State string }
	if json.Unmarshal(text, &members) != nil {
		return 0
	}
	alive := 0
	for _, m := range members {
		if m.State == "alive" || m.State == "self" {
			alive++
		}
	}
	return alive
}

// read gets the greeting from a node until it has the value: replication takes a moment, and no client waits for it.
func (s *show) read(ctx context.Context, addr, want string) error {
	ctx, cancel := context.WithTimeout(ctx, verbLimit)
	defer cancel()
	for {
		text, err := exec.CommandContext(ctx, s.binary, "get", "greeting", "--addr", addr).Output()
		if err == nil && string(text) == want {
			break
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the value is not on %s: %q", addr, text)
		case <-time.After(pause):
		}
	}
	_, err := s.verb(ctx, "get", "greeting", "--addr", addr)
	return err
}

// verb runs a verb of the program and prints both it and its answer.
func (s *show) verb(ctx context.Context, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, verbLimit)
	defer cancel()
	shown := make([]string, len(args))
	for i, arg := range args {
		shown[i] = arg
		if strings.Contains(arg, " ") {
			shown[i] = "'" + arg + "'"
		}
	}
	fmt.Fprintf(s.out, "$ covey %s\n", strings.Join(shown, " "))
	text, err := exec.CommandContext(ctx, s.binary, args...).CombinedOutput()
	fmt.Fprintf(s.out, "%s", text)
	if err != nil {
		return "", fmt.Errorf("covey %s: %w", args[0], err)
	}
	return string(text), nil
}

// stop ends the nodes with SIGTERM, and with SIGKILL those that do not go.
func (s *show) stop() error {
	var all error
	if len(s.nodes) > 0 {
		fmt.Fprintln(s.out, "\n# the nodes are told to leave (SIGTERM)")
	}
	for _, n := range s.nodes {
		n.cmd.Process.Signal(syscall.SIGTERM)
	}
	for _, n := range s.nodes {
		select {
		case err := <-n.ended:
			if err != nil {
				all = errors.Join(all, fmt.Errorf("the node on %s: %w", n.addr, err))
				continue
			}
			fmt.Fprintf(s.out, "pid %d has left, exit status 0\n", n.cmd.Process.Pid)
		case <-time.After(leaveLimit):
			n.cmd.Process.Kill()
			<-n.ended
			all = errors.Join(all, fmt.Errorf("the node on %s did not leave within %v and was killed", n.addr, leaveLimit))
		}
	}
	return all
}
