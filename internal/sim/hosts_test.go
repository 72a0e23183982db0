package sim

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"covey/codec"
	"covey/peer"
)

const decades = 30 * 365 * 24 * hour

// addNodes adds more nodes to the machine of h: its clock, its address, ports of their own. Their ids are the highest, or the lowest.
func (w *World) addNodes(h *Host, count int, lowest bool) (all []*Host) {
	for i := range count {
		o := w.AddHost(h.skew, 1<<20)
		o.addr = netip.AddrPortFrom(h.addr.Addr(), port+uint16(i)+1)
		mac := [6]byte{2, 9, 0, 0, 0, byte(h.index + 1)}
		if lowest {
			mac = [6]byte{0, 0, 0, 0, 0, byte(h.index + 1)}
		}
		o.id, o.weak = codec.NodeID(mac, o.addr.Port()), h.weak
		all = append(all, o)
	}
	return all
}

// writeApart starts all, of which the first hosts do not reach the others, and has each write when it is ready: who has written steps to
// no other time but by R7.
func (w *World) writeApart(t *testing.T, first int) {
	t.Helper()
	w.apartUntilHealed(first)
	for _, h := range w.Hosts {
		h.Start()
	}
	within(t, w, 6*time.Second, "ready apart", w.ready)
	for _, h := range w.Hosts {
		h.set("by "+h.name, "1")
	}
}

// TestR7_OneHostUnderManyIdsMovesNoMesh: a machine whose clock is decades ahead has as many nodes as it likes, with the lowest ids,
// and they never step. The mesh keeps its time, also when a member of it is away for a while, and one starts anew.
func TestR7_OneHostUnderManyIdsMovesNoMesh(t *testing.T) {
	for weak, moved := range map[peer.Weakness]bool{0: false, peer.WithoutHosts: true} {
		t.Run(fmt.Sprintf("counted by hosts: %v", weak == 0), func(t *testing.T) {
			for seed := range uint64(4) {
				w := mesh(t, seed, 0)
				for range 4 {
					w.AddHost(0, 1<<20).weak = weak
				}
				evil := w.AddHost(decades, 1<<20)
				evil.weak = peer.WithoutStep
				w.addNodes(evil, 7, true)
				w.writeApart(t, 4)
				w.Run(time.Second)
				w.Heal()
				w.Run(20 * time.Second)
				w.Hosts[1].Crash()
				w.Run(5 * time.Second)
				w.Hosts[1].Start()
				w.Run(20 * time.Second)
				for _, h := range w.Hosts[:4] {
					off := int64(h.now()) - h.wall()
					if away := off > hour || off < -hour; away != moved {
						t.Errorf("seed %d: the time of %s is %d ms off", seed, h, off)
					}
				}
			}
		})
	}
}

// TestR7_ManyNodesOfOneMachineStepAsOneHost: honest ones, whichever side has more of them or more machines.
func TestR7_ManyNodesOfOneMachineStepAsOneHost(t *testing.T) {
	for _, c := range []struct{ many, others int }{{5, 1}, {5, 2}, {1, 1}} {
		for _, skew := range []int64{hour, to1970} {
			t.Run(fmt.Sprintf("%d on one, %d machines, %d ms", c.many, c.others, skew), func(t *testing.T) {
				w := mesh(t, 9, 0)
				first := w.AddHost(skew, 1<<20)
				w.addNodes(first, c.many-1, c.others == 1)
				for range c.others {
					w.AddHost(0, 1<<20)
				}
				w.apartUntilHealed(c.many)
				for _, h := range w.Hosts {
					h.Start()
				}
				within(t, w, 6*time.Second, "ready apart", w.ready)
				if wrong := meet(t, w, c.many); wrong != "" {
					t.Fatal(wrong)
				}
			})
		}
	}
}

// TestR7_TwoNetworksWithOneNodeBetweenBecomeOne: who is in the one network sees of the other only the node between, and believes it within
// a day of its own clock. Clocks of 1970 it does not.
func TestR7_TwoNetworksWithOneNodeBetweenBecomeOne(t *testing.T) {
	for _, c := range []struct {
		skew  int64
		there int // nodes there; three are here, with the one between
		one   bool
	}{{hour, 3, true}, {-hour, 2, true}, {5000, 5, true}, {to1970, 3, false}} {
		t.Run(fmt.Sprintf("%d nodes off by %d ms", c.there, c.skew), func(t *testing.T) {
			w := mesh(t, 11, 0)
			for range 4 { // the first is the one between
				w.AddHost(0, 1<<20)
			}
			for range c.there {
				h := w.AddHost(c.skew, 1<<20)
				for _, o := range w.Hosts[1:4] {
					w.Apart(o, h)
				}
			}
			w.writeApart(t, 4)
			w.Run(2 * time.Second)
			w.Heal()
			if one := w.RunUntil(90*time.Second, func() bool { return w.apartBy() < 250 }); one != c.one {
				t.Fatalf("one time: %v; clocks are %d ms apart", one, w.apartBy())
			}
			if c.one {
				w.Hosts[1].set("k", "v")
				within(t, w, 5*time.Second, "a write of the one network is in the other", func() bool { return w.all("k", "v") })
			}
		})
	}
}
