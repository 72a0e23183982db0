package loop

import (
	"net/netip"
	"strings"
	"testing"
)

func TestAStrangerIsToldOfOnceAnHour(t *testing.T) {
	addr := func(n int) whose { return whose{netip.AddrFrom4([4]byte{10, 0, byte(n >> 9), byte(n >> 1)}), n&1 == 1} }
	var s strangers
	hour, after := int64(strangerEvery), int64(strangerAfter)
	for i := range maxStrangers {
		if s.due(0, addr(i)) || s.due(after-1, addr(i)) || !s.due(after, addr(i)) || s.due(after+1, addr(i)) || s.due(hour-1, addr(i)) {
			t.Fatalf("address %d is told of not once, and after a while", i)
		}
	}
	if more := addr(maxStrangers); s.due(hour-after-1, more) || s.due(hour-1, more) || len(s.heard) != maxStrangers {
		t.Errorf("one more than may be is told of: %d", len(s.heard))
	}
	if s.due(hour, addr(0)) || !s.due(hour+after, addr(0)) || s.due(hour+after+1, addr(0)) {
		t.Error("an address is not told of again after an hour, and once")
	}
	if more := addr(maxStrangers); s.due(hour+1, more) || len(s.heard) != 2 || !s.due(hour+1+after, more) {
		t.Errorf("%d are remembered once all but one are out of date, want 2", len(s.heard))
	}
}

// While a secret is replaced, one node may sign with a secret that the other has not: they are linked all the same, and nobody is warned.
func TestReplacingASecretWarnsOfNobody(t *testing.T) {
	t.Parallel()
	discovery := freePort(t)
	cfg := testConfig(t, discovery)
	cfg.Secrets = secretsOf(t, 2, 1)
	both, one := startNode(t, cfg), startKeyed(t, discovery, 1)
	eventually(t, "the two are linked", func() bool { return len(one.n.mind.Links()) == 1 && len(both.n.mind.Links()) == 1 })
	eventually(t, "an announce that only one of them takes for genuine, a while after the first", func() bool {
		one.n.strangers.mu.Lock()
		defer one.n.strangers.mu.Unlock()
		for _, was := range one.n.strangers.heard {
			return was.told
		}
		return false
	})
	eventually(t, "two more of them", func() bool { return one.n.counters.otherSecrets.Load() >= 3 })
	if text := one.log.String() + both.log.String(); strings.Contains(text, "do not link") {
		t.Error(text)
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
	cfg = testConfig(t, discovery)
	cfg.Cluster, cfg.Secrets = "elsewhere and keyed", secretsOf(t, 3)
	far := startNode(t, cfg)
	says := func(tn *testNode, what string) func() bool {
		return func() bool { return strings.Contains(tn.log.String(), what) }
	}
	eventually(t, "the open node's warning", says(open, "a node of this cluster has a secret and this one has none"))
	eventually(t, "the warning of one keyed node", says(keyed, "a node of this cluster has another secret, or none"))
	eventually(t, "the warning of the other", says(other, "a node of this cluster has another secret, or none"))
	eventually(t, "a word of the node of another cluster", says(elsewhere, "a node of another cluster is here, and none of this one"))
	eventually(t, "a word of a keyed one", says(far, "a node of another cluster is here, and none of this one"))
	for _, tn := range []*testNode{keyed, open, other, elsewhere, far} { // all have the address 127.0.0.1
		for _, what := range []string{"do not link", "a node of another cluster is here"} {
			if n := strings.Count(tn.log.String(), what); n > 1 {
				t.Errorf("%q is said %d times of one address:\n%s", what, n, tn.log.String())
			}
		}
	}
}
