package loop

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"covey/codec"
	"covey/internal/harness"
	"covey/store"
)

// testNode is a whole node in this process, on loopback sockets of its own.
type testNode struct {
	t    *testing.T
	n    *node
	addr string
	out  *lockedBuffer
	log  *lockedBuffer
	stop func() error
}

// What tests of other packages need too.
type lockedBuffer = harness.Buffer

var (
	freePort   = harness.FreePort
	eventually = harness.Eventually
)

func testConfig(t testing.TB, discovery uint16) Config {
	return Config{
		Listen:        netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), freePort(t)),
		ListenSet:     true,
		DiscoveryPort: discovery,
		Cluster:       "test",
		MaxMemory:     256 << 20,
		Horizon:       time.Hour,
		Loops:         2,
		HTTP:          "off",
		Version:       "test",
	}
}

// readyNode starts a node on a free port of the loopback and waits until it is ready.
func readyNode(t *testing.T) *testNode {
	t.Helper()
	tn := startNode(t, testConfig(t, freePort(t)))
	eventually(t, "ready", tn.ready)
	return tn
}

// startNode runs a node until the test ends or stop is called.
func startNode(t *testing.T, cfg Config) *testNode {
	t.Helper()
	tn := &testNode{t: t, addr: cfg.Listen.String(), out: &lockedBuffer{}, log: &lockedBuffer{}}
	cfg.Out = tn.out
	cfg.Logger = slog.New(slog.NewTextHandler(tn.log, nil))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	got := make(chan *node, 1)
	cfg.seen = func(n *node) { got <- n }
	go func() { done <- Run(ctx, cfg) }()
	select {
	case tn.n = <-got:
	case err := <-done:
		cancel()
		t.Fatalf("Run returned %v", err)
	}
	select {
	case <-tn.n.running:
	case err := <-done:
		cancel()
		t.Fatalf("Run returned %v", err)
	}
	var once sync.Once
	var err error
	tn.stop = func() error {
		once.Do(func() { cancel(); err = <-done })
		return err
	}
	t.Cleanup(func() {
		if err := tn.stop(); err != nil {
			t.Errorf("node %s ended with %v", tn.addr, err)
		}
		if t.Failed() {
			t.Logf("node %s:\n%s%s", tn.addr, tn.out, tn.log)
		}
	})
	return tn
}

// startHooked is startNode with a turnHook, which is in place before the node's first turn and goes when its last has ended. Such a test
// is not parallel: all nodes of the process have the hook.
func startHooked(t *testing.T, cfg Config, hook func(l *eventLoop, begins bool)) *testNode {
	t.Helper()
	turnHook = hook
	t.Cleanup(func() { turnHook = nil }) // behind the node's
	return startNode(t, cfg)
}

// bareNode is a node that has a store and nothing else.
func bareNode(t *testing.T) *node {
	st, err := store.New(store.Options{Shards: 1, MaxBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	return &node{store: st, holdings: newHoldings(0)}
}

func bareLoop(t *testing.T) *eventLoop { return &eventLoop{n: bareNode(t)} }

func (tn *testNode) ready() bool { return tn.n.mind.State() == codec.StateReady }

const patience = harness.Patience

// rawClient speaks RESP by hand, to see bytes and not what a library makes of them. Who dials a node with a secret speaks soon: it closes
// what is silent for firstByteTimeout, and on a busy machine that is no long time to prepare something in.
type rawClient struct {
	t testing.TB
	net.Conn
	r *bufio.Reader
}

// dialRaw connects to an address, or to the path of a Unix socket.
func dialRaw(t testing.TB, addr string) *rawClient {
	t.Helper()
	network := "tcp4"
	if strings.HasPrefix(addr, "/") {
		network = "unix"
	}
	c, err := net.Dial(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(2 * patience))
	return &rawClient{t, c, bufio.NewReaderSize(c, 64<<10)}
}

// command frames one command.
func respCommand(args ...string) []byte {
	size := 32
	for _, a := range args {
		size += 32 + len(a)
	}
	b := fmt.Appendf(make([]byte, 0, size), "*%d\r\n", len(args))
	for _, a := range args {
		b = append(append(fmt.Appendf(b, "$%d\r\n", len(a)), a...), "\r\n"...)
	}
	return b
}

// reply reads one reply: the line, and for a bulk its bytes.
func (c *rawClient) reply() string {
	c.t.Helper()
	r, err := c.answer()
	if err != nil {
		c.t.Fatal(err)
	}
	return r
}

// answer is reply for a goroutine that may not end the test.
func (c *rawClient) answer() (string, error) {
	line, err := c.r.ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("reply: %w", err)
	}
	line = strings.TrimSuffix(line, "\r\n")
	if line[0] != '$' || line == "$-1" {
		return line, nil
	}
	n, err := strconv.Atoi(line[1:])
	if err != nil {
		return "", fmt.Errorf("reply %q: %w", line, err)
	}
	b := make([]byte, n+2)
	if _, err := io.ReadFull(c.r, b); err != nil {
		return "", fmt.Errorf("reply of %d bytes: %w", n, err)
	}
	return string(b[:n]), nil
}

// answerTo sends a command and reads its reply.
func (c *rawClient) answerTo(args ...string) (string, error) {
	if _, err := c.Write(respCommand(args...)); err != nil {
		return "", err
	}
	return c.answer()
}

func (c *rawClient) do(args ...string) string {
	c.t.Helper()
	if _, err := c.Write(respCommand(args...)); err != nil {
		c.t.Fatal(err)
	}
	return c.reply()
}

// closedByNode reports whether the node closes the connection; whatever it says before is dropped.
func (c *rawClient) closedByNode() bool {
	_, err := io.Copy(io.Discard, c.r)
	var ne net.Error
	return err == nil || !errors.As(err, &ne) || !ne.Timeout()
}
