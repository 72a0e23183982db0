package ifaces

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"github.com/mdlayher/packet"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Beacon sends and hears Ethernet broadcasts on one card. Its methods may be called from any goroutine.
type Beacon struct {
	card string
	conn *packet.Conn

	closing atomic.Bool
	closed  chan struct{} // closed with closing
	done    chan struct{} // closed when the reader has returned
	failure error         // why it did; written before done is closed, read after
}

// everyone is the Ethernet broadcast address, ff:ff:ff:ff:ff:ff.
var everyone = &packet.Addr{HardwareAddr: slices.Repeat(net.HardwareAddr{0xff}, len(MAC{}))}

// OpenBeacon opens the beacon of a card and starts its reader, which calls recv for every broadcast frame of
// EtherType that the card receives, one at a time. Frames sent here are not heard here.
//
// payload belongs to the beacon and is valid during the call only. It has at most MaxBeaconPayload bytes, and
// often more than were sent: Ethernet pads short frames with zeros to 46 bytes, and the pad cannot be told from
// the payload, so its true length must follow from what it says. src is what the sender claims to be; it may
// equal the card's own address, as on cloned machines.
//
// The beacon survives its card going down and up again. A card that was removed and came back has another index
// and needs a new beacon.
//
// The error is ErrNotPermitted or ErrUnsupported, by errors.Is, where the process may not or cannot do this.
func OpenBeacon(ifi Interface, recv func(payload []byte, src MAC)) (*Beacon, error) {
	if ifi.MAC.IsZero() {
		return nil, fmt.Errorf("cannot open a layer-2 beacon on %s: the card has no Ethernet address", ifi.Name)
	}
	filter, err := bpf.Assemble(beaconFilter)
	if err != nil {
		return nil, fmt.Errorf("cannot open a layer-2 beacon on %s: %w", ifi.Name, err)
	}
	// A datagram packet socket: the kernel writes and strips the Ethernet header, with the address that the card
	// has at that time. Since it is bound to one EtherType, what it sends is not echoed to it.
	card := &net.Interface{Index: ifi.Index, Name: ifi.Name, HardwareAddr: ifi.MAC[:]}
	conn, err := packet.Listen(card, packet.Datagram, EtherType, &packet.Config{Filter: filter})
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		err = ErrNotPermitted
	case errors.Is(err, unix.EAFNOSUPPORT):
		err = ErrUnsupported
	}
	if err != nil {
		return nil, fmt.Errorf("cannot open a layer-2 beacon on %s: %w", ifi.Name, err)
	}
	b := &Beacon{card: ifi.Name, conn: conn, closed: make(chan struct{}), done: make(chan struct{})}
	go b.read(recv)
	return b, nil
}

// beaconFilter runs in the kernel, after the socket's EtherType has been matched. It passes broadcasts that fit
// the buffer. Frames to one host and, where the card is in promiscuous mode, to others are dropped; so are those
// of VLANs this card does not belong to, which the kernel marks as meant for another host.
var beaconFilter = []bpf.Instruction{
	bpf.LoadExtension{Num: bpf.ExtType},
	bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.PACKET_BROADCAST, SkipTrue: 3},
	bpf.LoadExtension{Num: bpf.ExtLen},
	bpf.JumpIf{Cond: bpf.JumpGreaterThan, Val: MaxBeaconPayload, SkipTrue: 1},
	bpf.RetConstant{Val: MaxBeaconPayload},
	bpf.RetConstant{Val: 0},
}

// read is the reader goroutine. A card that goes down fails one read and then is silent until it is up again.
func (b *Beacon) read(recv func(payload []byte, src MAC)) {
	defer close(b.done)
	buf := make([]byte, MaxBeaconPayload)
	for failures := 0; failures < maxReadFailures; {
		n, from, err := b.conn.ReadFrom(buf)
		switch {
		case b.closing.Load():
			b.failure = net.ErrClosed
			return
		case errors.Is(err, unix.ENETDOWN):
		case err != nil:
			b.failure = err
			if failures++; failures < maxReadFailures && !b.rest(readRest<<min(failures-1, 6)) {
				b.failure = net.ErrClosed
				return
			}
		default:
			failures = 0
			if src, ok := from.(*packet.Addr); ok && len(src.HardwareAddr) == len(MAC{}) {
				recv(buf[:n], MAC(src.HardwareAddr))
			}
		}
	}
}

// rest waits before the next read; false: the beacon was closed meanwhile.
func (b *Beacon) rest(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-b.closed:
		return false
	}
}

// Err returns the error that stopped the beacon, nil while it hears.
func (b *Beacon) Err() error {
	select {
	case <-b.done:
		return b.failure
	default:
		return nil
	}
}

// Send broadcasts payload, 1 to MaxBeaconPayload bytes, to every host on the card's network. It does not keep
// payload. A frame that the card cannot take within 20 ms is given up. Once the beacon has stopped hearing, Send
// returns the error that stopped it: close it and open another.
func (b *Beacon) Send(payload []byte) error {
	if len(payload) == 0 || len(payload) > MaxBeaconPayload {
		return fmt.Errorf("cannot send a beacon of %d bytes on %s: it may have 1 to %d", len(payload), b.card, MaxBeaconPayload)
	}
	if err := b.Err(); err != nil {
		return fmt.Errorf("the layer-2 beacon on %s has stopped: %w", b.card, err)
	}
	err := b.conn.SetWriteDeadline(time.Now().Add(sendTimeout))
	if err == nil {
		_, err = b.conn.WriteTo(payload, everyone)
	}
	if err != nil {
		return fmt.Errorf("cannot send a beacon on %s: %w", b.card, err)
	}
	return nil
}

// Close stops the beacon and waits until its last call of recv has returned, so it must not be called from recv
// nor with a lock held that recv takes. Closing again does nothing.
func (b *Beacon) Close() error {
	var err error
	if !b.closing.Swap(true) {
		close(b.closed)
		err = b.conn.Close()
	}
	<-b.done
	return err
}
