package peer

import (
	"net/netip"
	"strings"
	"testing"

	"covey/codec"
)

// A link whose secret counts no longer says so; nobody is dead, both dial again, and what is written meanwhile comes over the
// new link.
func TestALinkOfAnOldSecretEndsWithAWordAndIsMadeAnew(t *testing.T) {
	b, x, y, _ := linkedPair(t)
	x.Step(b.now, Event{Kind: EventSecret, Link: x.Links()[0]})
	b.carryOut(x)
	b.deliverAll()
	if log := strings.Join(b.log, "\n"); !strings.Contains(log, "secret") {
		t.Errorf("it is not said why:\n%s", log)
	}
	b.set(x, "k", "v")
	for range 8 { // 400 ms
		b.pass(TickInterval)
	}
	for _, n := range []*bnode{x, y} {
		if m := n.Members(nil)[1]; m.State == Dead || m.State == Left {
			t.Errorf("%s takes the other for %s", n.name, m.State)
		}
		if len(n.dials) == 0 {
			t.Errorf("%s does not dial the other again", n.name)
		}
	}
	b.wire(x, y, x.dials[len(x.dials)-1].Number)
	b.deliverAll()
	b.pass(TickInterval)
	if got := b.get(y, "k"); got != "v" {
		t.Errorf("the other has %q", got)
	}
}

func TestANodeIsExpectedWhereItWasAnnouncedOrNamed(t *testing.T) {
	b := newBench(t)
	n := b.add("n", 1<<16|9000, 0, 0, netip.MustParseAddrPort("192.168.7.7:9000"))
	b.hears(n, announceOf(b, 77, 1, 3), 2)
	for addr, want := range map[string]bool{"192.168.7.7": true, "10.9.9.2": true, "10.9.9.3": false, "192.168.7.8": false} {
		if got := n.Expects(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: expected %v, want %v", addr, got, want)
		}
	}
	if n.Expects(netip.Addr{}) {
		t.Error("no address is one")
	}
	if got := codec.ReasonSecret.String(); got != "secret" {
		t.Errorf("the reason is called %q", got)
	}
}
