package lab

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"
)

// The switch of NewChaos, without a node.

func TestTheFatesOfFramesFollowFromTheSeed(t *testing.T) {
	const frames = 20_000
	f := Faults{Loss: 0.05, Twice: 0.02, Corrupt: 0.01, Late: 0.03, Delay: 2 * time.Millisecond, Jitter: 6 * time.Millisecond, Hold: 20 * time.Millisecond}
	play := func(seed uint64) (all []fate) {
		w := newWay(seed, 1, 2)
		for i := range frames {
			all = append(all, w.take(time.Duration(i)*time.Millisecond, 100, &f))
		}
		return all
	}
	all := play(7)
	if !slices.Equal(all, play(7)) || slices.Equal(all, play(8)) {
		t.Fatal("fates are to be the same under one seed, and others under another")
	}
	var lost, twice, corrupt, overtaken int
	var last time.Duration
	for i, one := range all {
		switch one.copies {
		case 0:
			lost++
			continue
		case 2:
			twice++
		}
		if one.corrupt {
			corrupt++
			if one.at < addressBytes || one.at >= 100 || one.change == 0 {
				t.Fatalf("changes byte %d by %d", one.at, one.change)
			}
		}
		if took := one.arrive[0] - time.Duration(i)*time.Millisecond; took < f.Delay || took > f.Delay+f.Jitter+f.Hold {
			t.Fatalf("a frame took %v", took)
		}
		if one.arrive[0] < last {
			overtaken++
		}
		last = max(last, one.arrive[0])
	}
	// What is behind a frame that was held overtakes it: it arrives before the last. Others keep their order.
	for what, c := range map[string]struct {
		got   int
		share float64
	}{"lost": {lost, f.Loss}, "twice": {twice, f.Twice}, "corrupt": {corrupt, f.Corrupt}} {
		if share := float64(c.got) / frames; share < c.share*0.8 || share > c.share*1.2 {
			t.Errorf("%s: %.4f of all frames, want about %.2f", what, share, c.share)
		}
	}
	if overtaken == 0 {
		t.Error("no frame was overtaken")
	}
	f.Late = 0
	last = 0
	for i, one := range play(7) {
		if one.copies > 0 && one.arrive[0] < last {
			t.Fatalf("frame %d overtakes one before it, and none is held back", i)
		}
		last = max(last, one.arrive[0])
	}
}

func TestTCPIsWholeOverASwitchThatLosesAndCorrupts(t *testing.T) {
	n := NewChaos(t, 5)
	hosts := n.Hosts(2)
	n.Faults(Faults{Loss: 0.02, Twice: 0.02, Corrupt: 0.02, Late: 0.02, Delay: 200 * time.Microsecond, Jitter: 300 * time.Microsecond, Hold: time.Millisecond})
	listener := hosts[1].Listen("0.0.0.0:7")
	sent := bytes.Repeat([]byte("0123456789abcdef"), 16<<10)
	got := make(chan [32]byte)
	go func() {
		defer close(got)
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		h := sha256.New()
		if _, err := io.Copy(h, conn); err == nil {
			got <- [32]byte(h.Sum(nil))
		}
	}()
	conn := hosts[0].MustDial("tcp4", netip.AddrPortFrom(hosts[1].Addr, 7).String())
	conn.SetDeadline(time.Now().Add(patience))
	if _, err := conn.Write(sent); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if sum, ok := <-got; !ok || sum != sha256.Sum256(sent) {
		t.Error("what came is not what was sent")
	}
}

// heard counts datagrams that come to a socket, by their number, until none has come for a while.
func heard(conn net.PacketConn) map[uint32]int {
	all := map[uint32]int{}
	for {
		var b [64]byte
		conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		n, _, err := conn.ReadFrom(b[:])
		if err != nil {
			return all
		}
		if n == 4 {
			all[binary.BigEndian.Uint32(b[:])]++
		}
	}
}

func TestTheSwitchLosesAndRepeatsDatagramsAndCutsOneWay(t *testing.T) {
	t.Parallel()
	n := NewChaos(t, 6)
	hosts := n.Hosts(2)
	a, b := hosts[0].ListenPacket("0.0.0.0:7"), hosts[1].ListenPacket("0.0.0.0:7")
	const count = 200 // fits the buffer of a socket that is not read meanwhile
	send := func(from net.PacketConn, to *Host) {
		address := net.UDPAddrFromAddrPort(netip.AddrPortFrom(to.Addr, 7))
		for i := range count {
			if _, err := from.WriteTo(binary.BigEndian.AppendUint32(nil, uint32(i)), address); err != nil {
				t.Fatal(err)
			}
		}
	}
	send(a, hosts[1]) // and what asks for the address
	if got := heard(b); len(got) != count {
		t.Fatalf("%d of %d datagrams came through a switch without a fault", len(got), count)
	}
	n.Faults(Faults{Loss: 0.2, Twice: 0.2})
	send(a, hosts[1])
	got, twice := heard(b), 0
	for _, times := range got {
		if times > 1 {
			twice++
		}
	}
	if len(got) < count*7/10 || len(got) > count*9/10 || twice < count/10 || twice > count/4 {
		t.Errorf("of %d datagrams %d came, %d twice; a fifth of either was asked for", count, len(got), twice)
	}
	n.Faults(Faults{})
	n.OneWay(hosts[0], hosts[1], true)
	send(a, hosts[1])
	if got := heard(b); len(got) != 0 {
		t.Errorf("%d datagrams came on a way that is cut", len(got))
	}
	send(b, hosts[0])
	if got := heard(a); len(got) != count {
		t.Errorf("%d of %d datagrams came on the way that is not", len(got), count)
	}
	n.OneWay(hosts[0], hosts[1], false)
	send(a, hosts[1])
	if got := heard(b); len(got) != count {
		t.Errorf("%d of %d datagrams came after the way was whole again", len(got), count)
	}
}

func TestASplitOfTheSwitchIsHealed(t *testing.T) {
	t.Parallel()
	for name, network := range drivers {
		t.Run(name, func(t *testing.T) {
			n := network(t)
			hosts := n.Hosts(3)
			for _, h := range hosts {
				serveEcho(h)
			}
			n.Split(hosts[2:])
			if echoes(hosts[0], hosts[2], 200*time.Millisecond) || !echoes(hosts[0], hosts[1], patience) {
				t.Error("only what is on one side may be reached")
			}
			n.Heal()
			if !echoes(hosts[0], hosts[2], patience) {
				t.Error("the other side is not reached after it was healed")
			}
		})
	}
}
