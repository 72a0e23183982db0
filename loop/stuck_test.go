package loop

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"covey/store"
)

// A client that takes nothing of a value that is pinned for it is closed once another's value could not be pinned for so long; not before,
// not while there is room for all, and not if it takes some.
func TestWhoKeepsAPinnedValueFromOthersIsClosed(t *testing.T) {
	st, err := store.New(store.Options{Node: 1, MaxBytes: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	const now = 1_790_000_000_000
	key := func(name string) ([]byte, uint64) { return []byte(name), st.Hash([]byte(name)) }
	for _, name := range []string{"mine", "theirs"} {
		k, hash := key(name)
		if _, res := st.Set(nil, k, pattern(1, 10<<20), hash, now, store.SetOptions{}); !res.Written {
			t.Fatal(res)
		}
	}
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(ends[0])
	defer unix.Close(ends[1])
	l := &eventLoop{n: &node{store: st, holdings: newHoldings(64 << 20)}}
	l.turn.Pin = new(store.Pin)
	c := &conn{l: l, protocol: protocolRESP, g: &socket{fd: ends[0]}}
	get := func(name string, p *store.Pin) bool {
		k, hash := key(name)
		if _, ok := st.GetOrPin(nil, k, hash, now, p); !ok {
			t.Fatal(name, "is not there")
		}
		return p.Begun()
	}
	if !get("mine", l.turn.Pin) || !l.takePin(c, false) {
		t.Fatal("the value was not pinned")
	}
	at := int64(time.Hour)
	looks := func(what string, want bool) {
		t.Helper()
		if late, why := c.overdue(at); late != want || why != "" {
			t.Errorf("%s: to be closed %v, told %q", what, late, why)
		}
	}
	looks("the first look", false)
	at += 2 * int64(stuckTimeout)
	looks("nobody else wants room", false)
	if get("theirs", new(store.Pin)) {
		t.Fatal("there is room for two: the test needs larger values")
	}
	c.pin.Next(nil, 1)
	looks("it has taken a byte", false)
	at += int64(stuckTimeout)
	get("theirs", new(store.Pin))
	looks("for as long as it may", false)
	if _, err := unix.Write(ends[0], []byte("what the kernel has")); err != nil {
		t.Fatal(err)
	}
	at++
	looks("its kernel has taken some", false)
	get("theirs", new(store.Pin))
	at += int64(stuckTimeout)
	looks("for as long as it may, again", false)
	at++
	looks("for longer", true)
	c.ending = true
	looks("it is ending, and seen off otherwise", false)
}
