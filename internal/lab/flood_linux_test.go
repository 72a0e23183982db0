package lab

import (
	"encoding/binary"
	"math/rand/v2"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"

	"covey/codec"
	"covey/peer"
)

// Announces of nodes that there are none of, as fast as one host sends them; every other one names one of a few ports. What the
// senders take of the machine is not counted: they are of this process.
func TestAFloodOfAnnouncesCostsLittle(t *testing.T) {
	hosts := New(t).Hosts(2)
	node := hosts[0].Start()
	waitReady(t, hosts[:1])
	before := residentMiB(t, node)
	knocks := hearKnocks(t, hosts[1])
	rate := besieged(20_000, 100_000)
	cpu, begin := node.Processor(), time.Now()
	sent := announce(t, hosts[1], hosts[0], besieged(2*time.Second, 10*time.Second), rate)
	took := time.Since(begin)
	cpu = node.Processor() - cpu
	grown := residentMiB(t, node) - before
	dials, soonest := 0, time.Hour
	for _, at := range knocks() {
		dials += len(at)
		for i := 1; i < len(at); i++ {
			soonest = min(soonest, at[i].Sub(at[i-1]))
		}
	}
	t.Logf("%d announces in %v, %.0f a second (wanted: %d): %.3f of a core, RSS grew by %d MiB, %d dials, the soonest of one address after %v",
		sent, took.Round(time.Millisecond), float64(sent)/took.Seconds(), rate, cpu.Seconds()/took.Seconds(), grown, dials, soonest.Round(time.Millisecond))
	if grown > 16 {
		t.Errorf("RSS grew by %d MiB", grown)
	}
	if cpu.Seconds() > took.Seconds()/4 {
		t.Errorf("%v of processor time in %v", cpu, took)
	}
	if most := int(took/peer.TickInterval+2) * peer.MaxStrangers; dials == 0 || dials > most {
		t.Errorf("%d dials, at most %d", dials, most)
	}
	if soonest < peer.StrangerRest-besieged(peer.StrangerRest/2, peer.TickSlack) { // it is heard late on a busy machine
		t.Errorf("an address was dialed again after %v", soonest)
	}
	if members := hosts[0].States(); len(members) != 1 {
		t.Errorf("%d members", len(members))
	}
}

// floodBatch is how many announces go with one system call, and floodSenders how many goroutines send them: one processor does not
// send 100,000 a second through a bridge.
const (
	floodBatch   = 64
	floodSenders = 2
)

// announce sends made-up announces, so many a second, and says how many.
func announce(t *testing.T, from, to *Host, lasts time.Duration, rate int) (sent int) {
	t.Helper()
	counts := make(chan int)
	for i := range floodSenders {
		conn := ipv4.NewPacketConn(from.ListenPacket("0.0.0.0:0"))
		at := &net.UDPAddr{IP: to.Addr.AsSlice(), Port: 9000}
		go func() { counts <- announceAt(t, conn, at, lasts, rate/floodSenders, uint64(i)) }()
	}
	for range floodSenders {
		sent += <-counts
	}
	return sent
}

// announceAt is one sender of them.
func announceAt(t *testing.T, conn *ipv4.PacketConn, at net.Addr, lasts time.Duration, rate int, seed uint64) (sent int) {
	defer conn.Close()
	random := rand.New(rand.NewPCG(seed, 7))
	batch := make([]ipv4.Message, floodBatch)
	for i := range batch {
		batch[i] = ipv4.Message{Buffers: [][]byte{make([]byte, 0, codec.AnnounceLen)}, Addr: at}
	}
	pace := time.NewTicker(loadPace)
	defer pace.Stop()
	for begin := time.Now(); time.Since(begin) < lasts; {
		if due := int(time.Since(begin).Seconds() * float64(rate)); sent > due {
			<-pace.C
			continue
		}
		for i := range batch {
			a := codec.Announce{
				Form: codec.FormAnnounce, ProtoMin: codec.ProtoMin, ProtoMax: codec.ProtoMax, State: codec.StateReady, Cluster: peer.ClusterTag("default"),
				Node: random.Uint64(), Incarnation: random.Uint64(), Sequence: 1, Port: uint16(1024 + i), Lifetime: 15_000,
			}
			if i%2 == 0 {
				a.Port = uint16(2048 + random.IntN(60_000))
			}
			batch[i].Buffers[0] = codec.AppendAnnounce(batch[i].Buffers[0][:0], a)
		}
		n, err := conn.WriteBatch(batch, 0)
		if err != nil {
			t.Error(err)
			return sent
		}
		sent += n
	}
	return sent
}

// hearKnocks notes the connections that a host is asked for until what it returns is called: when, by port.
func hearKnocks(t *testing.T, h *Host) (end func() map[uint16][]time.Time) {
	t.Helper()
	var fd int
	var err error
	const ip = unix.ETH_P_IP<<8&0xff00 | unix.ETH_P_IP>>8 // in the order of the network
	h.inside.visit(func() {
		fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, ip)
	}, &err)
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(fd), "knocks")
	heard := make(chan map[uint16][]time.Time)
	go func() {
		ports, b := map[uint16][]time.Time{}, make([]byte, 2048)
		for {
			n, err := file.Read(b)
			if err != nil {
				heard <- ports
				return
			}
			if port, asked := knock(b[:n]); asked {
				ports[port] = append(ports[port], time.Now())
			}
		}
	}()
	return func() map[uint16][]time.Time { _ = file.Close(); return <-heard }
}

// knock tells of an IPv4 packet whether it asks for a connection, and at which port.
func knock(b []byte) (port uint16, asked bool) {
	const syn, ack = 0x02, 0x10
	if len(b) < 20 || b[9] != unix.IPPROTO_TCP || len(b) < int(b[0]&15)*4+20 {
		return 0, false
	}
	tcp := b[int(b[0]&15)*4:]
	return binary.BigEndian.Uint16(tcp[2:]), tcp[13]&(syn|ack) == syn
}
