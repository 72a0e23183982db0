package loop

import (
	"strings"
	"testing"
)

// A turn that is under way when a node is told to end is one that its peers hear of: what was answered +OK is theirs before the node says left.
func TestSIGTERMFlushesWhatTheTurnUnderWayWrites(t *testing.T) {
	t.Parallel()
	discovery := freePort(t)
	a, b := startNode(t, testConfig(t, discovery)), startNode(t, testConfig(t, discovery))
	eventually(t, "linked", linked(1, a, b))
	c := dialRaw(t, a.addr)
	set := respCommand("SET", "last", strings.Repeat("v", heavyFrom-100))
	set = respCommand("SET", "last", strings.Repeat("v", heavyFrom-100+heavyFrom-len(set)))
	if _, err := c.Write(set[:readBuffer]); err != nil {
		t.Fatal(err)
	}
	held := &a.n.holdings
	eventually(t, "half of it has come", func() bool { return held.held.Load() >= readBuffer })
	held.mu.Lock() // the turn in which the connection comes to hold much goes no further
	before := held.held.Load()
	if _, err := c.Write(set[readBuffer:]); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the turn with all of it is under way", func() bool { return held.held.Load() >= before+heavyFrom-readBuffer })
	link := a.n.mind.Links()[0].User().(*conn)
	ended := make(chan error, 1)
	go func() { ended <- a.stop() }()
	eventually(t, "it has been told to end, and waits for the turn or not", func() bool {
		waits := !a.n.birth.TryLock()
		if !waits {
			a.n.birth.Unlock()
		}
		return a.n.leaving.Load() && (waits || link.closing.Load())
	})
	held.mu.Unlock()
	if got := c.reply(); got != "+OK" {
		t.Fatal(got)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if got := dialRaw(t, b.addr).do("EXISTS", "last"); got != ":1" {
		t.Errorf("what was written last is not with the peer: %s", got)
	}
}
