package loop

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Replies that are kept leave in order, before whatever else is written to their connection, and before it is closed; those of
// connections that are gone are dropped.
func TestKeptRepliesLeaveInOrder(t *testing.T) {
	l := bareLoop(t)
	l.kept.on = true
	var ears [3]*ear
	var conns [3]*conn
	for i := range conns {
		ears[i] = &ear{}
		conns[i] = &conn{g: ears[i], l: l}
	}
	said := func(want ...string) {
		t.Helper()
		for i, e := range ears {
			if string(e.said) != want[i] {
				t.Fatalf("connection %d: %q, want %q", i, e.said, want[i])
			}
			if e.said = nil; conns[i].kept {
				t.Fatalf("connection %d still has a reply kept", i)
			}
		}
	}
	keep := func(i int, text string) {
		t.Helper()
		if !l.keepsReply(conns[i], []byte(text)) {
			t.Fatalf("%d bytes are not kept", len(text))
		}
		l.keepReply(conns[i], []byte(text))
	}
	keep(0, "a")
	keep(1, "b")
	conns[1].write([]byte("more"))
	said("a", "bmore", "")

	keep(2, "c")
	keep(0, "d")
	keep(2, "e")
	conns[0].closed = true
	l.sendKept()
	said("", "", "ce")
	conns[0].closed = false

	keep(0, "f")
	l.now += int64(keepReplies) + 1
	l.sendKeptLong()
	keep(1, "g")
	l.sendKeptLong()
	if string(ears[0].said) != "f" || len(ears[1].said) > 0 {
		t.Fatalf("%q, %q: a reply is kept too long, or not at all", ears[0].said, ears[1].said)
	}
	h := strings.Repeat("h", 1000)
	for range 200 {
		keep(1, h)
		if n := len(l.kept.bytes); n > keptBytes {
			t.Fatalf("%d bytes are kept", n)
		}
	}
	l.sendKept()
	said("f", "g"+strings.Repeat(h, 200), "")

	long := make([]byte, maxShortReply+1)
	if l.keepsReply(conns[0], long) {
		t.Error("a long reply is kept")
	}
	if l.kept.on = false; l.keepsReply(conns[0], long[:1]) {
		t.Error("a reply is kept outside of a round")
	}
}

// What lies in several places is written behind the connection's replies that are kept.
func TestKeptRepliesLeaveBeforePlaces(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[0])
	defer unix.Close(fds[1])
	l := bareLoop(t)
	c := &conn{g: &socketPipe{fd: fds[0]}, l: l}
	l.keepReply(c, []byte("kept"))
	if !l.send(c, [][]byte{[]byte(" and"), []byte(" places")}) {
		t.Fatal("not sent")
	}
	got := make([]byte, 64)
	for n := 0; string(got[:n]) != "kept and places"; {
		m, err := unix.Read(fds[1], got[n:])
		if err != nil || !strings.HasPrefix("kept and places", string(got[:n+m])) {
			t.Fatalf("%q, %v", got[:n+m], err)
		}
		n += m
	}
}
