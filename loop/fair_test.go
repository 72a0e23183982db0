package loop

import (
	"bytes"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"covey/store"
)

// onlyLoop is the loop of a node that has one, once it has one.
func (tn *testNode) onlyLoop() (l *eventLoop) {
	for l = range tn.n.eachLoop() {
	}
	return l
}

// connsWith counts the connections of the only loop, between two turns, of which is is true.
func (tn *testNode) connsWith(is func(*conn) bool) (n int) {
	l := tn.onlyLoop()
	l.turning.Lock()
	defer l.turning.Unlock()
	for c := range l.roster.all() {
		if is(c) {
			n++
		}
	}
	return n
}

// While the loop is held up thousands of commands of one client come, then one of another. That one does not wait for all of
// them: what it sees of their work is that of two turns at most, one that was under way and one that came before it.
func TestALongPipelineIsCarriedOutInTurns(t *testing.T) {
	cfg := testConfig(t, freePort(t))
	cfg.Loops = 1
	tn := startNode(t, cfg)
	eventually(t, "ready", tn.ready)
	many, one := dialRaw(t, tn.addr), dialRaw(t, tn.addr)
	for _, c := range []*rawClient{many, one} {
		if got := c.do("SET", "n", "0"); got != "+OK" {
			t.Fatal(got)
		}
	}
	command := respCommand("INCR", "n")
	const commands = 4_000
	const most = 2 * readBuffer / 21
	if len(command) != 21 || most > commands/2 {
		t.Fatalf("a command has %d bytes, two turns have %d of %d", len(command), most, commands)
	}
	l := tn.onlyLoop()
	l.turning.Lock()
	_, errMany := many.Write(bytes.Repeat(command, commands))
	_, errOne := one.Write(respCommand("GET", "n"))
	l.turning.Unlock()
	if errMany != nil || errOne != nil {
		t.Fatal(errMany, errOne)
	}
	if seen, err := strconv.Atoi(one.reply()); err != nil || seen > most {
		t.Errorf("%d commands were carried out before that of another, at most %d may: %v", seen, most, err)
	}
	for i := range commands {
		if got := many.reply(); got != ":"+strconv.Itoa(i+1) {
			t.Fatalf("reply %d is %s", i, got)
		}
	}
}

// sink is the writing half of an engine's connection; it takes all.
type sink struct {
	pipe
	taken int
}

func (s *sink) Write(b []byte) (int, error) { s.taken += len(b); return len(b), nil }

// Connections that are owed much are paid in slices, a bounded number in each pass, one after the other: none is ahead of another
// by more than a slice.
func TestWhatIsOwedIsPaidInTurns(t *testing.T) {
	t.Run("others ready", func(t *testing.T) { owedIsPaid(t, -int64(carefulFor), turnPay) })
	t.Run("small commands about", func(t *testing.T) { owedIsPaid(t, 0, carefulPay) })
}

func owedIsPaid(t *testing.T, lastSmall int64, slice int) {
	st, err := store.New(store.Options{Node: 1, MaxBytes: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	const connections, owed = 5, 1 << 20
	l := &eventLoop{n: &node{store: st, holdings: newHoldings(64 << 20)}, parked: parked{conns: map[*conn]struct{}{}}, settled: true, lastSmall: lastSmall}
	l.bell.fd.Store(-1)
	var sinks []*sink
	for range connections {
		s := &sink{}
		sinks = append(sinks, s)
		c := &conn{g: s, l: l, reply: make([]byte, owed)}
		l.wait(c)
		if !c.pay() { // the turn's share is used up: there is none
			t.Fatal("the connection is gone")
		}
	}
	passes := 0
	for before := 0; len(l.debtors) > 0; passes++ {
		l.settled = false
		l.payDebtors(0)
		all, least, most := 0, owed, 0
		for _, s := range sinks {
			all, least, most = all+s.taken, min(least, s.taken), max(most, s.taken)
		}
		if all-before > slice || most-least > slice {
			t.Fatalf("pass %d wrote %d bytes; one has %d, another %d", passes, all-before, most, least)
		}
		before = all
	}
	if want := connections * owed / slice; passes != want {
		t.Errorf("%d passes, want %d", passes, want)
	}
	for i, s := range sinks {
		if s.taken != owed {
			t.Errorf("connection %d got %d of %d bytes", i, s.taken, owed)
		}
	}
	if len(l.parked.conns) != 0 {
		t.Errorf("%d connections still wait", len(l.parked.conns))
	}
}

// A loop knows when clients with small commands are about: those who write and read large values are not among them.
func TestALoopKnowsWhetherSmallCommandsAreAbout(t *testing.T) {
	cfg := testConfig(t, freePort(t))
	cfg.Loops = 1
	tn := startNode(t, cfg)
	eventually(t, "ready", tn.ready)
	c := dialRaw(t, tn.addr)
	last := func() int64 {
		l := tn.onlyLoop()
		l.turning.Lock()
		defer l.turning.Unlock()
		return l.lastSmall
	}
	large := strings.Repeat("large", 1<<20/5)
	before := last()
	for _, command := range []struct {
		want  string
		small bool
		words []string
	}{
		{"+OK", false, []string{"SET", "large", large}},
		{large, false, []string{"GET", "large"}},
		{"+OK", true, []string{"SET", "key", "value"}},
		{"value", true, []string{"GET", "key"}},
		{large, false, []string{"GET", "large"}},
	} {
		if got := c.do(command.words...); got != command.want {
			t.Fatalf("%s: a reply of %d bytes", command.words[0], len(got))
		}
		after := last()
		if small := after != before; small != command.small {
			t.Errorf("%s %s: a small command is about: %v", command.words[0], command.words[1], small)
		}
		before = after
	}
}

// socketPipe is a pipe over a socket.
type socketPipe struct {
	pipe
	fd int
}

func (p *socketPipe) Fd() int { return p.fd }

// However much of a large value has come, one turn takes a bounded part of it; what is behind the value waits in the
// connection's buffer.
func TestATurnTakesABoundedPartOfALargeValue(t *testing.T) {
	t.Run("large ones alone", func(t *testing.T) { takesAPart(t, -int64(carefulFor), fetchBytes) })
	t.Run("small commands about", func(t *testing.T) { takesAPart(t, 0, carefulFetch) })
}

func takesAPart(t *testing.T, lastSmall int64, fetch int) {
	st, err := store.New(store.Options{Node: 1, MaxBytes: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		defer unix.Close(fd)
		if err := unix.SetNonblock(fd, true); err != nil {
			t.Fatal(err)
		}
	}
	most := readBuffer + fetch
	value := pattern(3, 2_000_000)
	l := &eventLoop{n: &node{store: st, holdings: newHoldings(64 << 20)}, lastSmall: lastSmall}
	c := &conn{g: &socketPipe{fd: fds[0]}, l: l, draft: l.newDraft()}
	if !c.draft.Begin(st, []byte("key"), st.Hash([]byte("key")), len(value)) {
		t.Fatal("no draft")
	}
	stream := append(bytes.Clone(value), "\r\nbehind"...)
	turns := 0
	for whole := false; !whole; turns++ {
		n, err := unix.Write(fds[1], stream) // as much as the socket takes
		if err == nil {
			stream = stream[n:]
		}
		left := c.draft.Left()
		c.got = make([]byte, readBuffer)
		c.got = c.got[:readNow(fds[0], c.got)]
		if _, whole = l.fill(c); left-c.draft.Left() > most {
			t.Fatalf("one turn took %d bytes, at most %d may be", left-c.draft.Left(), most)
		}
	}
	if least := len(value) / most; turns < least {
		t.Errorf("%d turns, at least %d", turns, least)
	}
	rest := append(bytes.Clone(c.in), c.got...)
	for b := make([]byte, 64); ; {
		n, err := unix.Read(fds[0], b)
		if err != nil {
			break
		}
		rest = append(rest, b[:n]...)
	}
	if string(rest) != "\r\nbehind" {
		t.Errorf("behind the value came %q", rest)
	}
	if _, res := st.SetDraft(nil, c.draft, 1_790_000_000_000, store.SetOptions{}); !res.Written {
		t.Fatal(res)
	}
	if got, _, _ := st.Get(nil, []byte("key"), st.Hash([]byte("key")), 1_790_000_000_000); !bytes.Equal(got, value) {
		t.Error("the value came out wrong")
	}
}
