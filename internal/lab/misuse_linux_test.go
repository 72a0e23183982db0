package lab

import (
	"bytes"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"covey/codec"
)

// frameBytes is a frame's header by hand, as docs/PROTOCOL.md has it, and a body of any length.
func frameBytes(kind, flags byte, length uint32, body []byte) []byte {
	b := []byte{0xC5, kind, flags, 0}
	b = binary.LittleEndian.AppendUint32(b, length)
	b = binary.LittleEndian.AppendUint32(b, 0)
	return append(b, body...)
}

// noise is n bytes from a fixed seed, none of them a line's end.
func noise(n int) []byte {
	random := rand.New(rand.NewPCG(7, 7))
	b := make([]byte, n)
	for i := range b {
		for b[i] == 0 || b[i] == '\n' {
			b[i] = byte(random.Uint32())
		}
	}
	return b
}

// closesWithin says whether the other side closes the connection, whatever it sends before.
func closesWithin(conn net.Conn, limit time.Duration) bool {
	conn.SetReadDeadline(time.Now().Add(limit))
	_, err := io.Copy(io.Discard, conn)
	timeout, ok := err.(net.Error)
	return !ok || !timeout.Timeout()
}

// counted is one field of the node's figures.
func counted(h *Host, field string) float64 {
	h.net.t.Helper()
	r, ok := h.Report("info")
	if !ok {
		h.net.t.Fatalf("%s does not answer covey info", h.Name)
	}
	return h.Number(r, field)
}

func TestBadInputOnTCPCostsItsConnectionAndNothingElse(t *testing.T) {
	t.Parallel()
	hosts, nodes := mesh(t, 3)
	target := hosts[0]
	served := startTraffic(t, target)
	greeting := frameBytes(0x01, 0, 200, noise(200))
	for _, c := range []struct {
		name  string
		bytes []byte
	}{
		{"64 KiB of garbage", noise(64 << 10)},
		{"garbage after a frame's magic", append([]byte{0xC5}, noise(100)...)},
		{"a frame of 4 GiB", frameBytes(0x21, 0, 1<<32-1, nil)},
		{"a frame one byte over the limit", frameBytes(0x21, 0, 16<<20+64<<10+4096+1, nil)},
		{"a frame of an unknown kind", frameBytes(0x7F, 0, 4, noise(4))},
		{"a reserved byte that is set", append([]byte{0xC5, 0x20, 0, 1}, make([]byte, 20)...)},
		{"a set of a value shorter than its length says", frameBytes(0x21, 0, 24, bytes.Repeat([]byte{0xFF}, 24))},
		{"a greeting of garbage", greeting},
		{"a batch before the greeting", frameBytes(0x05, 0, 64, make([]byte, 64))},
		{"a heartbeat before the greeting", frameBytes(0x03, 0, 200, make([]byte, 200))},
		{"a bulk of a terabyte", []byte("*2\r\n$3\r\nGET\r\n$1099511627776\r\n")},
		{"a bulk without a length", []byte("*1\r\n$x\r\n")},
		{"a command of two thousand million words", []byte("*2000000000\r\n")},
		{"an HTTP request", []byte("GET / HTTP/1.1\r\nHost: covey\r\n\r\n")},
		{"an HTTP request that sets", []byte("POST / HTTP/1.1\r\nHost: covey\r\nContent-Length: 16\r\n\r\nSET stolen yes\r\n")},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := counted(target, "bad_input")
			conn := dialFrom(t, hosts[1], target)
			if _, err := conn.Write(c.bytes); err != nil {
				t.Logf("closed while it was sent: %v", err)
			}
			if !closesWithin(conn, 2*time.Second) {
				t.Error("the connection stays open")
			}
			Poll(t, 2*time.Second, "the node to count it under bad_input", func() bool { return counted(target, "bad_input") > before })
		})
	}
	if out := target.Covey("get", "stolen"); out.Code != 3 {
		t.Errorf("an HTTP request was executed: %q", out.Stdout)
	}
	served.finish(t, "bad input on TCP")
	stillWhole(t, hosts, nodes)
}

// dialFrom connects one host to the node of another, from outside as a stranger of the LAN would.
func dialFrom(t *testing.T, from, to *Host) net.Conn {
	t.Helper()
	return from.MustDial("tcp4", to.Addr.String()+":9000")
}

// stillWhole fails the test when a node has ended or its members or links have suffered.
func stillWhole(t *testing.T, hosts []*Host, nodes []*Node) {
	t.Helper()
	for i, n := range nodes {
		if !n.Running() {
			t.Errorf("the node on %s has ended:\n%s", n.Host.Name, strings.Join(n.Lines(), "\n"))
		} else if why := lacks(hosts[i], hosts); why != "" {
			t.Error(why)
		} else if panics := counted(hosts[i], "handler_panics"); panics != 0 {
			t.Errorf("%s survived %v panics; there must be none", n.Host.Name, panics)
		}
	}
}

func TestTruncatedInputIsDroppedWithItsConnection(t *testing.T) {
	t.Parallel()
	hosts, nodes := mesh(t, 2)
	open := counted(hosts[0], "connections")
	for _, bytes := range [][]byte{
		frameBytes(0x21, 0, 1000, noise(10)),                  // half a frame
		frameBytes(0x21, 0, 1000, nil)[:7],                    // half a header
		frameBytes(0x01, 0, 200, noise(50)),                   // half a greeting
		[]byte("*3\r\n$3\r\nSET\r\n$3\r\ncut\r\n$100\r\nhal"), // half a command
	} {
		conn := dialFrom(t, hosts[1], hosts[0])
		if _, err := conn.Write(bytes); err != nil {
			t.Fatal(err)
		}
		conn.Close()
	}
	Poll(t, 2*time.Second, "the connections to be gone", func() bool { return counted(hosts[0], "connections") <= open })
	if out := hosts[0].Covey("get", "cut"); out.Code != 3 {
		t.Errorf("half a command was executed: %q", out.Stdout)
	}
	stillWhole(t, hosts, nodes)
}

func TestBadDatagramsAreCountedAndIgnored(t *testing.T) {
	t.Parallel()
	hosts, nodes := mesh(t, 3)
	target := hosts[0]
	served := startTraffic(t, target)
	announce := codec.AppendAnnounce(nil, codec.Announce{
		Form: codec.FormAnnounce, ProtoMin: 1, ProtoMax: 1, Cluster: 12345, Node: 1, Incarnation: 1, Sequence: 1, Port: 9000, Lifetime: 15000,
	})
	socket := hosts[1].ListenPacket("0.0.0.0:0")
	to := &net.UDPAddr{IP: target.Addr.AsSlice(), Port: 9000}
	for _, c := range []struct {
		name, field string
		bytes       []byte
	}{
		{"an empty datagram", "bad_announces", nil},
		{"garbage", "bad_announces", noise(80)},
		{"half an announce", "bad_announces", announce[:40]},
		{"an announce with more behind it", "bad_announces", append(bytes.Clone(announce), 0)},
		{"a datagram of 60,000 bytes", "bad_announces", noise(60_000)},
		{"a datagram of 60,000 bytes that begins as an announce", "bad_announces", append(bytes.Clone(announce), noise(60_000-len(announce))...)},
		{"another cluster's announce", "other_clusters", announce},
	} {
		before := counted(target, c.field)
		if _, err := socket.WriteTo(c.bytes, to); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if _, ok := Watch(2*time.Second, func() bool { return counted(target, c.field) > before }); !ok {
			t.Errorf("%s is not counted under %s", c.name, c.field)
		}
	}
	served.finish(t, "bad datagrams")
	stillWhole(t, hosts, nodes)
}

func TestConnectionsThatSayNothingAreClosedAndCounted(t *testing.T) {
	t.Parallel()
	hosts, nodes := mesh(t, 2)
	served := startTraffic(t, hosts[0])
	before := counted(hosts[0], "idle_closed")
	silent := dialFrom(t, hosts[1], hosts[0])
	half := dialFrom(t, hosts[1], hosts[0])
	if _, err := half.Write([]byte("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n")); err != nil {
		t.Fatal(err)
	}
	idle := dialFrom(t, hosts[1], hosts[0])
	if _, err := idle.Write([]byte("PING\r\n")); err != nil {
		t.Fatal(err)
	}
	if !closesWithin(silent, 40*time.Second) {
		t.Error("a connection that says nothing stays open")
	}
	if !closesWithin(half, 40*time.Second) {
		t.Error("a connection that says half a command stays open")
	}
	Poll(t, 2*time.Second, "both to be counted under idle_closed", func() bool { return counted(hosts[0], "idle_closed") >= before+2 })
	if closesWithin(idle, 100*time.Millisecond) {
		t.Error("a client that has had its answer and rests is closed")
	}
	served.finish(t, "half-open connections")
	stillWhole(t, hosts, nodes)
}

func TestTwoHundredSilentConnectionsDoNotKeepOthersFromBeingServed(t *testing.T) {
	t.Parallel()
	hosts, nodes := mesh(t, 2)
	for range 200 {
		dialFrom(t, hosts[1], hosts[0])
	}
	served := startTraffic(t, hosts[0])
	mustCovey(t, hosts[1], "set", "k", "v")
	Poll(t, patience, "the value", func() bool { return hosts[0].Covey("get", "k").Stdout == "v\n" })
	served.finish(t, "200 silent connections")
	stillWhole(t, hosts, nodes)
}

// A machine that vanishes without a word is found out by the kernel, which asks it when its connection has rested.
func TestTheKernelAsksRestingClientsWhetherTheyAreThere(t *testing.T) {
	t.Parallel()
	hosts, _ := mesh(t, 2)
	conn := dialFrom(t, hosts[1], hosts[0])
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		t.Fatal(err)
	}
	Poll(t, patience, "a keepalive timer on the client's connection", func() bool {
		for line := range strings.Lines(hosts[0].Exec("ss", "-Htno", "state", "established").Stdout) {
			if strings.Contains(line, conn.LocalAddr().String()) && strings.Contains(line, "timer:(keepalive") {
				return true
			}
		}
		return false
	})
}
