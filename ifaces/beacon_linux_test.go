package ifaces

import (
	"bytes"
	"errors"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mdlayher/packet"
	"golang.org/x/sys/unix"
)

var (
	macA = MAC{2, 0, 0, 0, 0, 10}
	macB = MAC{2, 0, 0, 0, 0, 11}
)

// heard is one call of a beacon's recv.
type heard struct {
	payload string
	src     MAC
}

// openBeacon opens a beacon on eth0 of n that queues what it hears.
func openBeacon(t *testing.T, n *namespace) (*Beacon, <-chan heard) {
	t.Helper()
	frames := make(chan heard, 64)
	card := n.card(t, "eth0", isRunning)
	var b *Beacon
	var err error
	n.do(func() {
		b, err = OpenBeacon(card, func(payload []byte, src MAC) { frames <- heard{string(payload), src} })
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b, frames
}

func send(t *testing.T, b *Beacon, payload string) {
	t.Helper()
	if err := b.Send([]byte(payload)); err != nil {
		t.Fatal(err)
	}
}

// expect fails unless the next frame heard is want.
func expect(t *testing.T, frames <-chan heard, want heard) {
	t.Helper()
	if got := receive(t, "a beacon frame", frames); got != want {
		t.Fatalf("heard %q from %s, want %q from %s", got.payload, got.src, want.payload, want.src)
	}
}

// openRaw opens a socket on eth0 of n that sends and receives whole frames of EtherType.
func openRaw(t *testing.T, n *namespace) *packet.Conn {
	t.Helper()
	card := n.card(t, "eth0", isRunning)
	var conn *packet.Conn
	var err error
	n.do(func() {
		conn, err = packet.Listen(&net.Interface{Index: card.Index, HardwareAddr: card.MAC[:]}, packet.Raw, EtherType, nil)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func TestBeaconIsHeardByTheOtherHostAndNotByItself(t *testing.T) {
	a, b := twoHosts(t)
	beaconA, framesA := openBeacon(t, a)
	beaconB, framesB := openBeacon(t, b)

	for _, payload := range []string{"one", "two", strings.Repeat("x", MaxBeaconPayload)} {
		send(t, beaconA, payload)
		expect(t, framesB, heard{payload, macA})
	}
	// An echo of these would be in A's queue before B's answer.
	send(t, beaconB, "answer")
	expect(t, framesA, heard{"answer", macB})
	if len(framesA)+len(framesB) != 0 {
		t.Errorf("%d and %d frames too many", len(framesA), len(framesB))
	}
}

func TestBeaconFrameOnTheWire(t *testing.T) {
	a, b := twoHosts(t)
	wire := openRaw(t, b)
	beacon, _ := openBeacon(t, a)
	send(t, beacon, "announce")

	if err := wire.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	frame := make([]byte, 1500)
	n, _, err := wire.ReadFrom(frame)
	if err != nil {
		t.Fatal(err)
	}
	want := slices.Concat(bytes.Repeat([]byte{0xff}, 6), macA[:], []byte{0x88, 0xb5}, []byte("announce"))
	if !bytes.Equal(frame[:n], want) {
		t.Errorf("frame % x, want % x", frame[:n], want)
	}
}

func TestBeaconHearsOnlyBroadcastsOfItsNetworkThatFit(t *testing.T) {
	a, b := twoHosts(t)
	b.ip(t, "link set eth0 promisc on\n")
	_, frames := openBeacon(t, b)
	wire := openRaw(t, a)

	all, other := bytes.Repeat([]byte{0xff}, 6), []byte{2, 0, 0, 0, 0, 99}
	multicast, cardType, payload := []byte{1, 0, 0x5e, 0, 0, 1}, []byte{0x88, 0xb5}, []byte("no")
	frame := func(dst []byte, rest ...[]byte) []byte { return slices.Concat(dst, macA[:], slices.Concat(rest...)) }
	for _, f := range [][]byte{
		frame(macB[:], cardType, payload),
		frame(other, cardType, payload),
		frame(multicast, cardType, payload),
		frame(all, []byte{0x88, 0xb6}, payload),
		frame(all, []byte{0x81, 0x00, 0x00, 0x05}, cardType, payload), // tagged for VLAN 5
		frame(all, cardType, bytes.Repeat([]byte{1}, MaxBeaconPayload+1)),
		frame(all, cardType, []byte("yes"), make([]byte, 43)), // padded to 46 bytes, as a card does
	} {
		if _, err := wire.WriteTo(f, everyone); err != nil {
			t.Fatal(err)
		}
	}
	expect(t, frames, heard{"yes" + strings.Repeat("\x00", 43), macA})
}

func TestBeaconHearsAHostWithItsOwnAddress(t *testing.T) {
	a, b := twoHosts(t)
	b.ip(t, "link set eth0 address 02:00:00:00:00:0a\n")
	beaconA, _ := openBeacon(t, a)
	_, framesB := openBeacon(t, b)
	send(t, beaconA, "clone")
	expect(t, framesB, heard{"clone", macA})
}

func TestBeaconGoesOnAfterItsCardWasDown(t *testing.T) {
	a, b := twoHosts(t)
	beaconA, framesA := openBeacon(t, a)
	beaconB, framesB := openBeacon(t, b)
	for range maxReadFailures + 1 { // more often than reads may fail
		a.ip(t, "link set eth0 down\n")
		if err := beaconA.Send([]byte("lost")); !errors.Is(err, unix.ENETDOWN) {
			t.Fatalf("Send on a card that is down: %v", err)
		}
		a.ip(t, "link set eth0 up\n")
	}
	a.card(t, "eth0", isRunning)
	b.card(t, "eth0", isRunning)
	send(t, beaconA, "back")
	expect(t, framesB, heard{"back", macA})
	send(t, beaconB, "welcome")
	expect(t, framesA, heard{"welcome", macB})
}

func TestBeaconOnARemovedCardSaysSo(t *testing.T) {
	a, _ := twoHosts(t)
	beacon, _ := openBeacon(t, a)
	a.ip(t, "link del eth0\n")
	if err := beacon.Send([]byte("lost")); err == nil {
		t.Error("Send on a card that is gone succeeded")
	}
	if err := beacon.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func TestBeaconRefusesPayloadsOutOfBounds(t *testing.T) {
	a, _ := twoHosts(t)
	beacon, _ := openBeacon(t, a)
	for size, want := range map[int]string{
		0:                    "cannot send a beacon of 0 bytes on eth0: it may have 1 to 256",
		MaxBeaconPayload + 1: "cannot send a beacon of 257 bytes on eth0: it may have 1 to 256",
	} {
		if err := beacon.Send(make([]byte, size)); err == nil || err.Error() != want {
			t.Errorf("Send of %d bytes: %v, want %s", size, err, want)
		}
	}
}

func TestClosedBeaconNeitherSendsNorHears(t *testing.T) {
	a, b := twoHosts(t)
	beaconA, framesA := openBeacon(t, a)
	beaconB, _ := openBeacon(t, b)
	send(t, beaconB, "before")
	expect(t, framesA, heard{"before", macB})

	for range 2 { // closing again does nothing
		if err := beaconA.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	send(t, beaconB, "after")
	if err := beaconA.Send([]byte("late")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Send on a closed beacon: %v", err)
	}
	select {
	case <-beaconA.done: // the reader has returned: nothing can be heard any more
	default:
		t.Error("Close returned before the reader did")
	}
	if len(framesA) != 0 {
		t.Errorf("heard %v after Close", <-framesA)
	}
}

func TestBeaconWithoutPermissionSaysSo(t *testing.T) {
	a, _ := twoHosts(t)
	card := a.card(t, "eth0", isRunning)
	var err error
	a.do(func() {
		if err = dropRawPermission(); err == nil {
			_, err = OpenBeacon(card, func([]byte, MAC) {})
		}
	})
	const want = "cannot open a layer-2 beacon on eth0: not permitted to send Ethernet frames: " +
		"run as root or give the program the capability CAP_NET_RAW"
	if !errors.Is(err, ErrNotPermitted) || err.Error() != want {
		t.Errorf("OpenBeacon without CAP_NET_RAW: %v", err)
	}
}

// dropRawPermission takes CAP_NET_RAW from the calling thread.
func dropRawPermission() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	if err := unix.Capget(&header, &sets[0]); err != nil {
		return err
	}
	sets[0].Effective &^= 1 << unix.CAP_NET_RAW
	return unix.Capset(&header, &sets[0])
}

func TestBeaconNeedsAnEthernetAddress(t *testing.T) {
	_, err := OpenBeacon(Interface{Index: 1, Name: "lo"}, func([]byte, MAC) {})
	if err == nil || err.Error() != "cannot open a layer-2 beacon on lo: the card has no Ethernet address" {
		t.Errorf("OpenBeacon: %v", err)
	}
}

// TestBeaconThatCannotReadStopsAndSaysSo: it rests between its reads, and is over in the end.
func TestBeaconThatCannotReadStopsAndSaysSo(t *testing.T) {
	t.Parallel()
	a, _ := twoHosts(t)
	b, _ := openBeacon(t, a)
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	if err := b.conn.SetReadDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	<-b.done
	if err := b.Err(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the beacon says %v", err)
	}
	if err := b.Send([]byte("x")); err == nil || !strings.Contains(err.Error(), "stopped") {
		t.Errorf("Send says %v", err)
	}
}
