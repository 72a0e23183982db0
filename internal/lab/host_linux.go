package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
)

// A Host is a machine of the LAN. It is used by one goroutine, that of its test; Dial alone may be called by any.
type Host struct {
	Name string
	Addr netip.Addr
	MAC  string // of eth0, aa:bb:cc:dd:ee:ff

	net    *Network
	port   string // the other end of its cable, in the switch
	routed bool
	inside *namespace
	nodes  []*Node
}

// Output is what a program printed and how it ended.
type Output struct {
	Stdout, Stderr string
	Code           int // exit status
}

// ID is the id of a node on this host that takes the given TCP port.
func (h *Host) ID(port int) string {
	return fmt.Sprintf("%s-%d", strings.ReplaceAll(h.MAC, ":", ""), port)
}

// Exec runs a program on the host and waits for its end. Only a program that cannot be run, or that does not end in
// time, fails the test; an exit status is for the caller to judge.
func (h *Host) Exec(program string, args ...string) Output {
	h.net.t.Helper()
	return h.ExecInput("", program, args...)
}

// ExecInput is Exec with text on the program's standard input.
func (h *Host) ExecInput(input, program string, args ...string) Output {
	h.net.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), execLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &stdout, &stderr
	cmd.SysProcAttr = diesWithThread()
	err := h.inside.start(cmd)
	if err == nil {
		err = cmd.Wait()
	}
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || ctx.Err() != nil) {
		h.net.t.Fatalf("%s: %s %v: %v\n%s", h.Name, program, args, err, stderr.String())
	}
	return Output{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// Covey runs a verb of the binary on the host: Covey("get", "key").
func (h *Host) Covey(args ...string) Output {
	h.net.t.Helper()
	return h.Exec(Binary(h.net.t), args...)
}

// RedisCLI runs redis-cli against the node on the host's port 9000.
func (h *Host) RedisCLI(args ...string) Output {
	h.net.t.Helper()
	Need(h.net.t, "redis-cli")
	return h.Exec("redis-cli", append([]string{"-p", "9000"}, args...)...)
}

// Dial connects from the host: an address of 127.0.0.1 is the host's own. It fits a client's dialer option.
func (h *Host) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return h.inside.dial(ctx, network, address)
}

// MustDial connects from the host; the connection is closed when the test ends.
func (h *Host) MustDial(network, address string) net.Conn {
	h.net.t.Helper()
	conn, err := h.Dial(context.Background(), network, address)
	if err != nil {
		h.net.t.Fatalf("%s: %v", h.Name, err)
	}
	h.net.t.Cleanup(func() { conn.Close() })
	return conn
}

// ListenPacket opens a UDP socket on the host that may send broadcasts.
func (h *Host) ListenPacket(address string) net.PacketConn {
	h.net.t.Helper()
	var conn net.PacketConn
	var err error
	h.inside.visit(func() { conn, err = net.ListenPacket("udp4", address) }, &err)
	if err != nil {
		h.net.t.Fatalf("%s: %v", h.Name, err)
	}
	h.net.t.Cleanup(func() { conn.Close() })
	return conn
}

// Listen opens a TCP listener on the host.
func (h *Host) Listen(address string) net.Listener {
	h.net.t.Helper()
	var listener net.Listener
	var err error
	h.inside.visit(func() { listener, err = net.Listen("tcp4", address) }, &err)
	if err != nil {
		h.net.t.Fatalf("%s: %v", h.Name, err)
	}
	h.net.t.Cleanup(func() { listener.Close() })
	return listener
}

// CableDown pulls the cable out of the switch: the host's card loses its carrier and nothing passes.
func (h *Host) CableDown() { h.net.t.Helper(); h.net.must(h.net.driver.cable(h.port, false)) }

// CableUp plugs the cable in again.
func (h *Host) CableUp() { h.net.t.Helper(); h.net.must(h.net.driver.cable(h.port, true)) }

// CardDown takes the host's interface down, as an administrator would.
func (h *Host) CardDown() { h.net.t.Helper(); h.mustIP("link set eth0 down") }

// CardUp takes it up again, with the default route that the kernel dropped.
func (h *Host) CardUp() {
	h.net.t.Helper()
	h.mustIP("link set eth0 up")
	if h.routed {
		h.mustIP("route replace default via " + h.net.gateway().String())
	}
}

// Renumber gives the host another address in its network, as a DHCP server may: the last number changes.
func (h *Host) Renumber(last byte) {
	h.net.t.Helper()
	old := h.Addr
	bytes := old.As4()
	bytes[3] = last
	h.Addr = netip.AddrFrom4(bytes)
	h.mustIP(fmt.Sprintf("addr del %s/24 dev eth0", old), fmt.Sprintf("addr add %s/24 brd + dev eth0", h.Addr))
	if h.routed {
		h.mustIP("route replace default via " + h.net.gateway().String())
	}
}

// waitCarrier waits until a card that was plugged in is running: the kernel may take a second to notice.
func (h *Host) waitCarrier(card string) {
	h.net.t.Helper()
	Poll(h.net.t, endLimit, card+" of "+h.Name+" to have a carrier", func() bool {
		var found *net.Interface
		var err error
		h.inside.visit(func() { found, err = net.InterfaceByName(card) }, &err)
		return err == nil && found.Flags&net.FlagRunning != 0
	})
}

// Rules loads an nftables ruleset on the host; "" removes all rules.
func (h *Host) Rules(ruleset string) {
	h.net.t.Helper()
	Need(h.net.t, "nft")
	if out := h.ExecInput("flush ruleset\n"+ruleset+"\n", "nft", "-f", "-"); out.Code != 0 {
		h.net.t.Fatalf("%s: nft: %s", h.Name, out.Stderr)
	}
}

// Links counts the established TCP connections that the host has with each other host on the given port, at either end.
func (h *Host) Links(port int) map[netip.Addr]int {
	h.net.t.Helper()
	out := h.Exec("ss", "-Htn", "state", "established")
	if out.Code != 0 {
		h.net.t.Fatalf("%s: ss: %s", h.Name, out.Stderr)
	}
	return countLinks(h.net.t, out.Stdout, h.Addr, uint16(port))
}

// LinkCount is the number of all those connections.
func (h *Host) LinkCount(port int) int {
	h.net.t.Helper()
	total := 0
	for _, count := range h.Links(port) {
		total += count
	}
	return total
}

// countLinks reads the lines of `ss -Htn state established`: two queue lengths, the local and the remote address.
func countLinks(t testing.TB, text string, own netip.Addr, port uint16) map[netip.Addr]int {
	t.Helper()
	links := map[netip.Addr]int{}
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 4 {
			t.Fatalf("ss printed a line that is not understood: %q", line)
		}
		local, err1 := netip.ParseAddrPort(fields[2])
		remote, err2 := netip.ParseAddrPort(fields[3])
		if err := errors.Join(err1, err2); err != nil {
			t.Fatalf("ss printed a line that is not understood: %q: %v", line, err)
		}
		if remote.Addr() == own || remote.Addr().IsLoopback() {
			continue
		}
		if local.Port() == port || remote.Port() == port {
			links[remote.Addr()]++
		}
	}
	return links
}

func (h *Host) mustIP(lines ...string) {
	h.net.t.Helper()
	if err := ipBatch(h.inside.name, lines...); err != nil {
		h.net.t.Fatal(err)
	}
}
