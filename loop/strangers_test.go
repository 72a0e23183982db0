package loop

import (
	"net/netip"
	"strings"
	"testing"
)

func TestAStrangerIsToldOfOnceAnHour(t *testing.T) {
	addr := func(n int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)}) }
	var s strangers
	hour := int64(strangerEvery)
	for i := range maxStrangers {
		if !s.first(int64(i), addr(i)) || s.first(int64(i), addr(i)) {
			t.Fatalf("address %d is told of not once", i)
		}
	}
	if s.first(hour-1, addr(maxStrangers)) || len(s.told) != maxStrangers {
		t.Errorf("one more than may be is told of: %d", len(s.told))
	}
	if s.first(hour-1, addr(0)) || !s.first(hour, addr(0)) || s.first(hour+1, addr(0)) {
		t.Error("an address is not told of again after an hour, and once")
	}
	if later := 2*hour - 1; !s.first(later, addr(maxStrangers)) || len(s.told) != 2 {
		t.Errorf("%d are remembered once all but one are out of date, want 2", len(s.told))
	}
}

// Who starts a node that finds nobody is told why, once: a secret that differs, at once; a cluster that does while it is alone.
func TestANodeThatStaysAloneSaysWhoElseIsThere(t *testing.T) {
	t.Parallel()
	discovery := freePort(t)
	keyed := startKeyed(t, discovery, 1)
	open := startNode(t, testConfig(t, discovery))
	cfg := testConfig(t, discovery)
	cfg.Secrets = secretsOf(t, 2)
	other := startNode(t, cfg)
	cfg = testConfig(t, discovery)
	cfg.Cluster = "elsewhere"
	elsewhere := startNode(t, cfg)
	says := func(tn *testNode, what string) func() bool {
		return func() bool { return strings.Contains(tn.log.String(), what) }
	}
	eventually(t, "the open node's warning", says(open, "a node of this cluster has a secret and this one has none"))
	eventually(t, "the warning of one keyed node", says(keyed, "a node of this cluster has another secret, or none"))
	eventually(t, "the warning of the other", says(other, "a node of this cluster has another secret, or none"))
	eventually(t, "a word of the node of another cluster", says(elsewhere, "a node of another cluster is here, and none of this one"))
	for _, tn := range []*testNode{keyed, open, other, elsewhere} { // all have the address 127.0.0.1
		if n := strings.Count(tn.log.String(), "127.0.0.1\n") + strings.Count(tn.log.String(), "addr=127.0.0.1 "); n != 1 {
			t.Errorf("%d lines about one address:\n%s", n, tn.log.String())
		}
	}
}
