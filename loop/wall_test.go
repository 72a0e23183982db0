package loop

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"covey/peer"
	"covey/store"
)

func TestR6_AWrongWallClockIsSaidOncePerChange(t *testing.T) {
	var w wallWatch
	for i, c := range []struct {
		off int64
		say bool
	}{
		{0, false}, {200, false}, {251, true}, {251, false}, {400, false}, {-200, false}, {-251, true}, {3_600_000, true},
		{3_600_100, false}, {240, false}, {100, true}, {0, false}, {-600, true},
	} {
		if say := w.changed(c.off); say != c.say {
			t.Fatalf("%d: %d ms off: said %v", i, c.off, say)
		}
	}
}

func TestR6_TheWarningNamesTheOffset(t *testing.T) {
	var out bytes.Buffer
	st, err := store.New(store.Options{Node: 1, MaxBytes: 8 << 20})
	if err != nil {
		t.Fatal(err)
	}
	n := &node{log: slog.New(slog.NewTextHandler(&out, nil)), clock: newBootClock(), store: st}
	n.cluster = peer.NewClock(n.clock.wallAtStart() + 2000)
	n.mind = peer.NewNode(peer.Config{ID: 1, Store: st, Ring: peer.NewRing(1, 1<<16), Clock: n.cluster})
	n.watchWall(int64(time.Minute))
	if out.Len() != 0 {
		t.Fatalf("the time is not settled, and yet: %s", &out)
	}
	n.mind.Tick(int64(time.Minute)) // starts it
	n.mind.Tick(int64(time.Minute + 2*time.Second))
	n.watchWall(int64(2 * time.Minute))
	n.watchWall(int64(3 * time.Minute))
	if got := out.String(); strings.Count(got, "level=WARN") != 1 || !strings.Contains(got, "clock_offset_ms=2") && !strings.Contains(got, "clock_offset_ms=199") {
		t.Fatalf("%q", got)
	}
}

// A time that a client gives comes back as it was given, whenever in a millisecond the command came.
func TestATimeOfTheWallClockComesBackAsItWasGiven(t *testing.T) {
	t.Parallel()
	tn := readyNode(t)
	c := dialRaw(t, tn.addr)
	if got := c.do("SET", "k", "v"); got != "+OK" {
		t.Fatal(got)
	}
	at := time.Now().Add(time.Hour).UnixMilli()
	for i := range int64(1000) {
		given := fmt.Sprint(at + i)
		if set, got, again := c.do("PEXPIREAT", "k", given), c.do("PEXPIRETIME", "k"), c.do("PEXPIREAT", "k", given, "GT"); set != ":1" || got != ":"+given || again != ":0" {
			t.Fatalf("PEXPIREAT of %s answers %s, PEXPIRETIME %s; the same with GT %s", given, set, got, again)
		}
	}
}

// The distance of the clocks is rounded to the nearest ms, and another when it is off by more than that alone makes it.
func TestTheDistanceOfTheClocksIsRoundedOnce(t *testing.T) {
	var o wallOffset
	for _, tc := range []struct {
		exact time.Duration
		want  int64
	}{
		{0, 0}, {400 * time.Microsecond, 0}, {700 * time.Microsecond, 0}, {800 * time.Microsecond, 1}, {300 * time.Microsecond, 1},
		{200 * time.Microsecond, 0}, {-700 * time.Microsecond, 0}, {-time.Minute, -60_000}, {time.Hour + 600*time.Microsecond, 3_600_001},
	} {
		if got := o.rounded(int64(tc.exact)); got != tc.want {
			t.Errorf("%v: %d ms, want %d", tc.exact, got, tc.want)
		}
	}
}
