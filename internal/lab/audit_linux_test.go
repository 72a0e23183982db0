package lab

import (
	"fmt"
	"maps"
	"testing"
	"time"
)

// The ledger itself, without a node: what it must see and what it must let pass.
func TestALedgerSeesWhatIsLostOrUndone(t *testing.T) {
	begin := time.Now()
	at := func(value string, seconds int, acked, sure bool) *op {
		when := begin.Add(time.Duration(seconds) * time.Second)
		return &op{value: value, issued: when, returned: when, acked: acked, sure: sure}
	}
	host := &Host{Name: "h"}
	two := func() []*writer {
		a := &writer{host: host, own: [][]*op{
			{at("old", 0, true, true), at("new", 1, true, true), at("tried", 2, false, false)},
			{at("was", 0, true, true), at("", 1, true, true)},
			{at("only", 0, true, false)},
		}}
		b := &writer{host: &Host{Name: "i"}}
		a.shared[0] = []*op{at("first", 0, true, true)}
		b.shared[0] = []*op{at("second", 5, true, true)}
		a.sums[0], b.sums[0] = tally{sure: 2, acked: 2, sent: 3}, tally{sure: 1, acked: 2, sent: 2}
		return []*writer{a, b}
	}
	good := map[string]string{"h-000000": "new", "h-000002": "only", "shared-0": "second", "sum-0": "4"}
	for _, c := range []struct {
		what, key, value string // "" takes the key away
		faults           int
	}{
		{"all is well", "h-000000", "new", 0},
		{"a write that was not answered may be there", "h-000000", "tried", 0},
		{"an older value", "h-000000", "old", 1},
		{"nothing where something was set", "h-000000", "", 1},
		{"a deleted key is back", "h-000001", "was", 1},
		{"a value that nobody wrote", "h-000001", "never", 1},
		{"what only a node that ended had may be gone", "h-000002", "", 0},
		{"the earlier of two writes 5 s apart", "shared-0", "first", 1},
		{"no winner", "shared-0", "", 1},
		{"an increment is lost", "sum-0", "2", 1},
		{"an increment counts twice", "sum-0", "6", 1},
	} {
		held := maps.Clone(good)
		held[c.key] = c.value
		if c.value == "" {
			delete(held, c.key)
		}
		if faults := audit(two(), held); len(faults) != c.faults {
			t.Errorf("%s: the faults are %q, want %d", c.what, faults, c.faults)
		}
	}
	writers := two()
	delete(good, "h-000002")
	audit(writers, good)
	if got := fmt.Sprint(writers[0].unsure, writers[1].unsure); got != "1 0" {
		t.Errorf("writes that only a node that ended had: %s, want 1 and 0", got)
	}
}
