package loop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"covey/client"
	"covey/codec"
	"covey/peer"
	"covey/seal"
)

// socketPath is a path that is short enough for a socket, whatever the test is called.
func socketPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "covey")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}

func TestTheUnixSocketServesClients(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t, freePort(t))
	cfg.Unix = socketPath(t)
	tn := startNode(t, cfg)
	eventually(t, "ready", tn.ready)
	if !strings.Contains(tn.out.String(), "listening on "+cfg.Unix+" (clients of this machine)\n") {
		t.Errorf("the first lines do not tell of it: %s", tn.out.String())
	}
	near, far := dialRaw(t, cfg.Unix), dialRaw(t, tn.addr)
	large := strings.Repeat("v", 3<<20)
	for _, value := range []string{"v", large} {
		if got := near.do("SET", "k", value); got != "+OK" {
			t.Fatalf("SET answered %q", got)
		}
		if far.do("GET", "k") != value || near.do("GET", "k") != value {
			t.Errorf("a value of %d bytes is not the same by both ways", len(value))
		}
	}
	if got := near.do("CLIENT", "INFO"); !strings.Contains(got, " addr="+cfg.Unix+":0 ") {
		t.Errorf("CLIENT INFO says %q", got)
	}
	if got := near.do("FLUSHALL"); got != "+OK" {
		t.Errorf("FLUSHALL, which is for clients of this machine, answered %q", got)
	}
	ctx := context.Background()
	c, err := client.Dial(ctx, cfg.Unix)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Set(ctx, []byte("b"), []byte(large), client.SetOptions{}); err != nil {
		t.Fatal(err)
	}
	if v, err := c.Get(ctx, []byte("b")); err != nil || string(v) != large {
		t.Errorf("Get gave %d bytes, %v", len(v), err)
	}
	side := near.Conn.(*net.UnixConn)
	if _, err := side.Write(respCommand("SET", "last", "words")); err != nil {
		t.Fatal(err)
	}
	_ = side.CloseWrite()
	if got := near.reply(); got != "+OK" || !near.closedByNode() {
		t.Errorf("who ended its side got %q", got)
	}
	eventually(t, "the connection is not counted any more", func() bool { return tn.n.served.Load() == 2 })
	if err := tn.stop(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(cfg.Unix); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
}

// Connections of the Unix socket go to the reserve and home as all do.
func TestConnectionsOfTheUnixSocketMove(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t, freePort(t))
	cfg.Unix, cfg.Loops, cfg.Reserve, cfg.busy = socketPath(t), 1, 1, full
	tn := startNode(t, cfg)
	eventually(t, "ready", tn.ready)
	if tn.n.reserve.engine == nil {
		t.Skip("there is no reserve on this system")
	}
	clients := make([]*rawClient, 4)
	for i := range clients {
		clients[i] = dialRaw(t, cfg.Unix)
	}
	all := func(n int) {
		for i, c := range clients {
			if err := counted(c, i, n); err != nil {
				t.Fatal(err)
			}
		}
	}
	eventually(t, "some are in reserve", func() bool { all(64); return tn.n.reserve.conns.Load() > 0 })
	eventually(t, "all are at home", func() bool { all(1); return tn.n.reserve.conns.Load() == 0 })
	if got := clients[0].do("CLIENT", "INFO"); !strings.Contains(got, " addr="+cfg.Unix+":0 ") {
		t.Errorf("CLIENT INFO says %q after it moved", got)
	}
}

func TestNoLinkIsMadeByTheUnixSocket(t *testing.T) {
	t.Parallel()
	greeting := codec.AppendGreeting(nil, codec.Greeting{Dialed: true, ProtoMin: 1, ProtoMax: 1, Cluster: peer.ClusterTag("test"), Node: 7, Stream: 7, Dial: 1})
	_, hello, err := seal.Dial(secretsOf(t, 1)[0], rand.NewChaCha8([32]byte{1}))
	if err != nil {
		t.Fatal(err)
	}
	for _, keyed := range []bool{false, true} {
		cfg := testConfig(t, freePort(t))
		cfg.Unix = socketPath(t)
		if keyed {
			cfg.Secrets = secretsOf(t, 1)
		}
		tn := startNode(t, cfg)
		eventually(t, "ready", tn.ready)
		for name, b := range map[string][]byte{"a greeting": greeting, "a handshake": hello, "a handshake, cut": bytes.Clone(hello[:9])} {
			if !closesSilently(t, cfg.Unix, b) {
				t.Errorf("secret %v: %s is answered", keyed, name)
			}
		}
		if tn.n.mind.Linked() != 0 {
			t.Errorf("secret %v: there is a link", keyed)
		}
		if c := dialRaw(t, cfg.Unix); keyed {
			if got := c.do("GET", "k"); !strings.HasPrefix(got, "-NOAUTH") {
				t.Errorf("GET before AUTH answered %q", got)
			}
			if got := c.do("AUTH", secretText(t, 1)); got != "+OK" {
				t.Errorf("AUTH answered %q", got)
			}
		}
	}
}

// The socket of a node that was killed makes room for the next; nothing else is taken away.
func TestWhatIsAtThePathOfTheUnixSocket(t *testing.T) {
	path := socketPath(t)
	first, err := openUnix(path) // not of a node: nothing else says that it is taken
	if err != nil {
		t.Fatal(err)
	}
	refused := func(path, want string) {
		t.Helper()
		_, release, err := listenUnix(path)
		if err == nil {
			release()
		}
		if !errors.Is(err, ErrConfig) || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	refused(path, "is taken by another process")
	_ = first.UnixListener.Close() // as if it were killed
	_, release, err := listenUnix(path)
	if err != nil {
		t.Fatal(err)
	}
	there, err := os.Stat(path)
	if err != nil || there.Mode().Perm() != unixMode {
		t.Errorf("its rights are %v, %v", there.Mode(), err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	refused(filepath.Dir(path)+"//s", "is taken by another process") // a node has claimed it, though nothing is there
	release()
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused(path, "is not a socket")
	if b, _ := os.ReadFile(path); string(b) != "precious" {
		t.Error("what was there is gone")
	}
	refused(filepath.Join(path+"-none", "s"), "a folder that is there")
	for path, want := range map[string]string{"covey.sock": "give the whole path", "/" + strings.Repeat("s", maxUnixPath): "at most 103 bytes"} {
		cfg := testConfig(t, freePort(t))
		cfg.Unix = path
		if err := cfg.Check(); !errors.Is(err, ErrConfig) || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("--unix %.20s: %v, want %q", path, err, want)
		}
	}
}

// Whoever cleans up a folder may remove the socket of a running node, and another program may put its own there.
func TestWhoEndsLeavesTheSocketOfAnotherAtItsPath(t *testing.T) {
	path := socketPath(t)
	ln, err := openUnix(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	other, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	_ = ln.Close()
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("the socket of the other is gone: %v", err)
	}
}
