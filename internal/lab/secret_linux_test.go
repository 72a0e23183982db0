package lab

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"covey/codec"
	"covey/peer"
	"covey/seal"
)

// newSecret makes a file with a secret, as a user would, and gives its text.
func newSecret(t *testing.T, h *Host) (file, text string) {
	t.Helper()
	text = strings.TrimSpace(mustCovey(t, h, "secret", "new"))
	file = filepath.Join(t.TempDir(), "covey.secret")
	writeSecrets(t, file, text)
	return file, text
}

// writeSecrets replaces a secret file in one step.
func writeSecrets(t *testing.T, file string, texts ...string) {
	t.Helper()
	if err := os.WriteFile(file+".new", []byte(strings.Join(texts, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
}

// present is how many members a node that is asked with args has that are there, itself included.
func present(h *Host, args ...string) int {
	count := 0
	for _, state := range h.States(args...) {
		if state == "self" || state == "alive" {
			count++
		}
	}
	return count
}

// Two keyed nodes, an open one and one with another secret are on one LAN. The keyed ones find each other alone, and whoever
// does not know the secret hears not one byte.
func TestKeyedAndOpenNodesOfOneLANKeepApart(t *testing.T) {
	t.Parallel()
	Need(t, "redis-cli")
	hosts := New(t).Hosts(4)
	file, text := newSecret(t, hosts[0])
	otherFile, other := newSecret(t, hosts[0])
	with, withOther := []string{"--secret-file", file}, []string{"--secret-file", otherFile}
	for i, args := range [][]string{with, with, withOther, nil} {
		hosts[i].Start(args...)
	}
	asked := [][]string{with, with, withOther, nil}
	for i, want := range []int{2, 2, 1, 1} {
		Poll(t, patience, fmt.Sprintf("node %d to be ready with %d members", i, want), func() bool {
			return hosts[i].Ready(asked[i]...) && present(hosts[i], asked[i]...) == want
		})
	}
	mustCovey(t, hosts[0], append([]string{"set", "k", "v"}, with...)...)
	Poll(t, patience, "the value on the other keyed node", func() bool {
		return hosts[1].Covey(append([]string{"get", "k"}, with...)...).Stdout == "v\n"
	})
	mustCovey(t, hosts[3], "set", "intruder", "x")
	for _, i := range []int{2, 3} {
		Poll(t, patience, "the others to be noticed", func() bool {
			r, ok := hosts[i].Report("info", asked[i]...)
			return ok && hosts[i].Number(r, "other_secrets") > 0
		})
		if out := hosts[i].Covey(append([]string{"get", "k"}, asked[i]...)...); out.Code != 3 {
			t.Errorf("node %d: get gives status %d, %q", i, out.Code, out.Stdout)
		}
	}
	for i := range 2 {
		if out := hosts[i].Covey(append([]string{"get", "intruder"}, with...)...); out.Code != 3 {
			t.Errorf("a keyed node took what an open one was told: status %d, %q", out.Code, out.Stdout)
		}
	}
	wrong, err := seal.Parse([]byte(other))
	if err != nil {
		t.Fatal(err)
	}
	_, hello, err := seal.Dial(wrong[0], bytes.NewReader(bytes.Repeat([]byte{5}, 64)))
	if err != nil {
		t.Fatal(err)
	}
	greeting := codec.AppendGreeting(nil, codec.Greeting{Dialed: true, ProtoMin: 1, ProtoMax: 1, Cluster: peer.ClusterTag("default"), Node: 7, Stream: 7, Dial: 1})
	for name, b := range map[string][]byte{"another secret's handshake": hello, "a greeting without one": greeting, "a batch": codec.AppendBatchHeader(nil, 1, 1, 1, 0, 64)} {
		conn := dialFrom(t, hosts[2], hosts[0])
		if _, err := conn.Write(b); err != nil {
			t.Fatal(err)
		}
		_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		heard, err := io.ReadAll(conn)
		if slow, ok := err.(net.Error); len(heard) > 0 || ok && slow.Timeout() {
			t.Errorf("%s: heard %d bytes, %v", name, len(heard), err)
		}
	}
	if got := hosts[2].Exec("redis-cli", "-h", hosts[0].Addr.String(), "-p", "9000", "get", "k"); !strings.Contains(got.Stdout, "NOAUTH") {
		t.Errorf("redis-cli without a password prints %q, %q", got.Stdout, got.Stderr)
	}
	if got := hosts[2].Exec("redis-cli", "--no-auth-warning", "-a", text, "-h", hosts[0].Addr.String(), "-p", "9000", "get", "k"); got.Stdout != "v\n" {
		t.Errorf("redis-cli with the secret prints %q, %q", got.Stdout, got.Stderr)
	}
}

// Three nodes under load get another secret one after the other: first both count, then the new one alone.
func TestASecretIsReplacedUnderLoad(t *testing.T) {
	t.Parallel()
	Need(t, "redis-cli")
	hosts := New(t).Hosts(3)
	_, old := newSecret(t, hosts[0])
	_, fresh := newSecret(t, hosts[0])
	var files []string
	var nodes []*Node
	for _, h := range hosts {
		file, _ := newSecret(t, h)
		writeSecrets(t, file, old)
		files = append(files, file)
		nodes = append(nodes, h.Start("--secret-file", file))
	}
	whole := func() bool {
		for i, h := range hosts {
			if !h.Ready("--secret-file", files[i]) || present(h, "--secret-file", files[i]) != 3 || h.LinkCount(9000) != 2 {
				return false
			}
		}
		return true
	}
	Poll(t, patience, "three keyed nodes to be a mesh", whole)
	var served []*traffic
	for _, h := range hosts {
		served = append(served, startTraffic(t, h, old))
	}
	for _, round := range [][]string{{fresh, old}, {fresh}} {
		for i := range hosts {
			writeSecrets(t, files[i], round...)
			Poll(t, patience, "the node to take them", func() bool {
				return nodes[i].Count("secrets read anew", fmt.Sprint("count=", len(round))) == 1
			})
			Poll(t, patience, "the mesh to be whole", whole)
		}
	}
	mustCovey(t, hosts[0], "set", "after", "v", "--secret-file", files[0])
	for i, h := range hosts {
		served[i].finish(t, h.Name+", secrets replaced")
		Poll(t, patience, "what was written after", func() bool {
			return h.Covey("get", "after", "--secret-file", files[i]).Stdout == "v\n"
		})
	}
	Poll(t, patience, "all to hold the same", func() bool { return hosts[0].Covey("verify", "--secret-file", files[0]).Code == 0 })
	for _, n := range nodes {
		if dead := n.Count("state=dead"); dead > 0 {
			t.Errorf("%s took %d members for dead", n.Host.Name, dead)
		}
	}
	if got := hosts[1].Exec("redis-cli", "--no-auth-warning", "-a", old, "-p", "9000", "get", "after"); strings.Contains(got.Stdout, "v\n") {
		t.Error("the old secret still opens")
	}
}

// routed is two networks with a router between them, and a host on each.
func routed(t *testing.T) (near, far *Host) {
	t.Helper()
	one, two := New(t), New(t)
	router := one.Host()
	second := two.AddCard(router, "eth1")
	if out := router.Exec("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"); out.Code != 0 {
		t.Fatalf("forwarding: %s", out.Stderr)
	}
	near, far = one.Host(), two.Host()
	near.mustIP("route replace default via " + router.Addr.String())
	far.mustIP("route replace default via " + second.Addr.String())
	return near, far
}

// A host beyond a router hears that it is not served; nothing is read from it. With --peer on both sides, or with a secret,
// the two networks are one mesh.
func TestHostsOfOtherNetworksAreDenied(t *testing.T) {
	t.Parallel()
	Need(t, "redis-cli")
	near, far := routed(t)
	node := near.Start()
	Poll(t, patience, "the node to be ready", func() bool { return near.Ready() })
	addr := near.Addr.String()
	out := far.Covey("get", "k", "--addr", addr+":9000")
	if out.Code != 1 || !strings.Contains(out.Stderr, "serves only hosts of its own networks, and "+far.Addr.String()+" is on none of them") {
		t.Errorf("covey get from another network: status %d, %s", out.Code, out.Stderr)
	}
	for range 20 {
		if out := far.Exec("redis-cli", "-h", addr, "-p", "9000", "set", "k", "v"); !strings.Contains(out.Stdout+out.Stderr, "DENIED without a secret") {
			t.Errorf("redis-cli prints %q, %q", out.Stdout, out.Stderr)
		}
	}
	if denied := counted(near, "denied"); denied < 21 {
		t.Errorf("denied is %v", denied)
	}
	// It is dialed by a node that was told of it, and not the other way round: it denies that too.
	lonely := far.Start("--peer", addr)
	Poll(t, patience, "the far node to say why", func() bool { return lonely.Count("--peer cannot be reached", "DENIED without a secret") == 1 })
	if n := len(near.States()); n != 1 {
		t.Errorf("the near node has %d members", n)
	}
	node.Term()
	node.WaitExit(endLimit)
	near.Start("--peer", far.Addr.String())
	for _, h := range []*Host{near, far} {
		Poll(t, patience, h.Name+" to see the other, named on both sides", func() bool { return present(h) == 2 })
	}
}

func TestWithASecretOtherNetworksAreServed(t *testing.T) {
	t.Parallel()
	near, far := routed(t)
	file, _ := newSecret(t, near)
	with := []string{"--secret-file", file}
	near.Start(with...)
	far.Start(append(with, "--peer", near.Addr.String())...)
	for _, h := range []*Host{near, far} {
		Poll(t, patience, h.Name+" to see the other, named on one side", func() bool { return present(h, with...) == 2 })
	}
	if out := far.Covey(append([]string{"set", "k", "v", "--addr", near.Addr.String() + ":9000"}, with...)...); out.Code != 0 {
		t.Errorf("covey set from another network: status %d, %s", out.Code, out.Stderr)
	}
}

// A machine on the internet: without a secret a node does not start there unless it is told to.
func TestAPublicAddressIsNotListenedOnUnasked(t *testing.T) {
	t.Parallel()
	h := New(t).Host()
	h.mustIP("addr add 8.8.8.8/24 dev eth0")
	out := h.Covey("run")
	if out.Code != 2 || !strings.Contains(out.Stderr, "has the public address 8.8.8.8") {
		t.Errorf("status %d, %s", out.Code, out.Stderr)
	}
	told := h.Start("--listen", "0.0.0.0:9000")
	Poll(t, patience, "the node that was told to", func() bool { return h.Ready() })
	told.Term()
	told.WaitExit(endLimit)
	file, _ := newSecret(t, h)
	h.Start("--secret-file", file)
	Poll(t, patience, "the node with a secret", func() bool { return h.Ready("--secret-file", file) })
}

// An address that guesses is not heard any more after ten wrong passwords, right or wrong; other addresses are.
func TestAnAddressThatGuessesIsHeldOff(t *testing.T) {
	t.Parallel()
	hosts := New(t).Hosts(3)
	file, text := newSecret(t, hosts[0])
	hosts[0].Start("--secret-file", file)
	Poll(t, patience, "the node to be ready", func() bool { return hosts[0].Ready("--secret-file", file) })
	auth := func(from *Host, password string) string {
		conn := dialFrom(t, from, hosts[0])
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(patience))
		if _, err := fmt.Fprintf(conn, "AUTH %s\r\n", password); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(conn).ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		return line
	}
	for i := range 10 {
		if got := auth(hosts[1], fmt.Sprint("guess", i)); !strings.HasPrefix(got, "-WRONGPASS invalid") {
			t.Fatalf("guess %d is answered %q", i, got)
		}
	}
	for _, password := range []string{"guess", text} {
		if got := auth(hosts[1], password); !strings.HasPrefix(got, "-WRONGPASS too many") {
			t.Errorf("after ten guesses: %q", got)
		}
	}
	if got := auth(hosts[2], text); got != "+OK\r\n" {
		t.Errorf("another address: %q", got)
	}
}
