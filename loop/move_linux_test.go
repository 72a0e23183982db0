package loop

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// Connections with pipelines move to the reserve and back while they go on, again and again: each reply is the right one and in its
// place, nothing is carried out twice or not at all, and the counts of connections stay true.
// It is so with pipelines that a read does not hold, and with several loops on each side; and a node
// that is told to end while they move does so.
func TestConnectionsMoveWhileTheyAreServed(t *testing.T) {
	for _, loops := range []int{1, 2} {
		t.Run(fmt.Sprint(loops), func(t *testing.T) {
			t.Parallel()
			moveAbout(t, loops)
		})
	}
}

func moveAbout(t *testing.T, loops int) {
	cfg := testConfig(t, freePort(t))
	cfg.Loops, cfg.Reserve, cfg.busy = loops, loops, full
	var procs atomic.Int64
	cfg.Procs = func(loops int) { procs.Store(int64(loops)) }
	tn := startNode(t, cfg)
	eventually(t, "ready", tn.ready)
	const clients = 8
	var batch atomic.Int64 // 0: it is over
	var totals [clients]int
	var all sync.WaitGroup
	defer all.Wait()
	defer batch.Store(0)
	batch.Store(1)
	for i := range clients {
		c := dialRaw(t, tn.addr)
		all.Add(1)
		go func() {
			defer all.Done()
			for n := int(batch.Load()); n > 0; n = int(batch.Load()) {
				if err := counted(c, i, n); err != nil {
					t.Errorf("client %d, after %d: %v", i, totals[i], err)
					return
				}
				totals[i] += n
			}
		}()
	}
	moved := &tn.n.reserve.moved
	for _, size := range []int64{100, 1000, 64} {
		was := moved[inReserve].Load()
		batch.Store(size)
		eventually(t, "some of them have moved to the reserve", func() bool { return moved[inReserve].Load() >= was+clients/4 })
		batch.Store(1)
		eventually(t, "all are at home again", func() bool { return moved[atHome].Load() == moved[inReserve].Load() })
	}
	if procs.Load() != int64(2*loops) {
		t.Errorf("%d loops are said to be at work", procs.Load())
	}
	batch.Store(0)
	all.Wait()
	c := dialRaw(t, tn.addr)
	for i, want := range totals {
		if got := c.do("GET", fmt.Sprint("count:", i)); got != fmt.Sprint(want) {
			t.Errorf("client %d counted to %d, and the node says %s", i, want, got)
		}
	}
	if got := tn.n.counters.connections.Load(); got < clients+1 {
		t.Errorf("%d connections are counted", got)
	}
	if got := tn.n.counters.accepted.Load(); got > clients+5 {
		t.Errorf("%d connections are counted as accepted", got)
	}
	was := moved[inReserve].Load()
	for i := range clients {
		c := dialRaw(t, tn.addr)
		all.Go(func() {
			for {
				if err := counted(c, clients+i, 64); err != nil {
					return // the node has ended
				}
			}
		})
	}
	eventually(t, "some move", func() bool { return moved[inReserve].Load() > was })
	if err := tn.stop(); err != nil {
		t.Error(err)
	}
}

// Who falls silent in reserve goes home without a word, and then the reserve has no processors, and is not woken any more: it would
// keep the processor of a loop at home until the scheduler's monitor looks, 15 ms in which nobody is served.
func TestWhoIsSilentGoesHomeAndTheReserveRests(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t, freePort(t))
	cfg.Loops, cfg.Reserve, cfg.busy = 1, 1, full
	var procs atomic.Int64
	cfg.Procs = func(loops int) { procs.Store(int64(loops)) }
	tn := startNode(t, cfg)
	eventually(t, "ready", tn.ready)
	h := &tn.n.reserve
	clients := make([]*rawClient, 4)
	for i := range clients {
		clients[i] = dialRaw(t, tn.addr)
	}
	eventually(t, "some are in reserve", func() bool {
		for i, c := range clients {
			if err := counted(c, i, 64); err != nil {
				t.Fatal(err)
			}
		}
		return h.conns.Load() > 0
	})
	eventually(t, "all are at home, and the reserve has no processors", func() bool {
		return h.conns.Load() == 0 && h.moved[atHome].Load() == h.moved[inReserve].Load() && procs.Load() == 1
	})
	var loops, resting int
	eventually(t, "the loop in reserve is not woken any more", func() bool {
		loops, resting = 0, 0
		for l := range tn.n.eachLoop() {
			if loops++; l.resting.Load() {
				resting++
			}
		}
		return loops == 2 && resting == 1
	})
	if h.awake.Load() {
		t.Error("the reserve may keep a processor waiting")
	}
	for i, c := range clients {
		if err := counted(c, i, 64); err != nil {
			t.Errorf("client %d has come home, but: %v", i, err)
		}
	}
}

// counted has a counter go up n times in one write, the last command in two pieces, and reads what it says.
func counted(c *rawClient, i, n int) error {
	var b bytes.Buffer
	for range n {
		b.Write(respCommand("INCR", fmt.Sprint("count:", i)))
	}
	cut := b.Len() - 7
	if _, err := c.Write(b.Bytes()[:cut]); err != nil {
		return err
	}
	if _, err := c.Write(b.Bytes()[cut:]); err != nil {
		return err
	}
	was := 0
	for k := range n {
		line, err := c.r.ReadString('\n')
		if err != nil {
			return err
		}
		var got int
		if _, err := fmt.Sscanf(line, ":%d\r\n", &got); err != nil || k > 0 && got != was+1 {
			return fmt.Errorf("%q after %d: %v", strings.TrimSpace(line), was, err)
		}
		was = got
	}
	return nil
}

// What ends while it moves, or right after, is taken out of all counts.
func TestConnectionsThatEndWhileTheyMove(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t, freePort(t))
	cfg.Loops, cfg.Reserve, cfg.busy = 1, 1, full
	tn := startNode(t, cfg)
	eventually(t, "ready", tn.ready)
	load := bytes.Repeat(respCommand("SET", "k", "v"), 100)
	moved := &tn.n.reserve.moved[inReserve]
	const moves = 24
	var all sync.WaitGroup
	for i := range 12 {
		all.Go(func() {
			for moved.Load() < moves {
				c := dialRaw(t, tn.addr)
				for was := moved.Load(); was < moves && moved.Load() == was; { // the last one alone would not move any more
					if _, err := c.Write(load); err != nil {
						t.Error(err)
						return
					}
					if _, err := io.ReadFull(c.r, make([]byte, 500)); err != nil {
						t.Error(err)
						return
					}
				}
				if i%2 == 0 {
					_, _ = c.Write(load) // and does not read what it gets
				}
				_ = c.Close()
			}
		})
	}
	all.Wait()
	eventually(t, "nobody is counted any more", func() bool {
		return tn.n.served.Load() == 0 && tn.n.counters.connections.Load() == 0 && tn.n.holdings.held.Load() == 0
	})
}

// Who resets its connection when that is about to move has everything carried out that came whole: to the other side's engine nobody moves
// who is not there any more.
func TestWhoIsGoneDoesNotMove(t *testing.T) {
	cfg := testConfig(t, freePort(t))
	cfg.Loops, cfg.Reserve, cfg.busy = 1, 1, func(int) int64 { return 0 }
	var armed atomic.Bool
	held, release := make(chan bool), make(chan string)
	moved := make(chan bool, 1)
	tn := startHooked(t, cfg, func(l *eventLoop, begins bool) {
		if !begins || !armed.CompareAndSwap(true, false) {
			return
		}
		held <- true
		gone := <-release
		for c := range l.roster.all() {
			if c.client.Addr == gone {
				moved <- l.moves(c)
				return
			}
		}
		moved <- true
	})
	eventually(t, "ready", tn.ready)
	beside, hasty := dialRaw(t, tn.addr), dialRaw(t, tn.addr)
	beside.do("PING")
	hasty.do("PING")
	armed.Store(true)
	if _, err := beside.Write(respCommand("PING")); err != nil {
		t.Fatal(err)
	}
	<-held
	if _, err := hasty.Write(append(manySets("s", 2000), respCommand("SET", "last", "1")...)); err != nil {
		t.Fatal(err)
	}
	_ = hasty.Conn.(*net.TCPConn).SetLinger(0)
	_ = hasty.Close()
	release <- hasty.LocalAddr().String()
	if <-moved {
		t.Error("it is on its way")
	}
	if got := beside.reply(); got != "+PONG" {
		t.Fatal(got)
	}
	eventually(t, "all is carried out", func() bool { return beside.do("EXISTS", "last") == ":1" })
	eventually(t, "nothing is left of it", func() bool { return tn.n.served.Load() == 1 && tn.n.counters.connections.Load() == 1 })
}

// unconnected is a connection that the loop has not found to have no other side any more.
type unconnected struct {
	ear
	fd int
}

func (u *unconnected) Fd() int { return u.fd }

// Who is at rest in reserve and cannot move keeps nobody from moving, and is not tried again and again: the next sweep finds it.
func TestWhoCannotMoveHomeIsLeftToTheNextSweep(t *testing.T) {
	l := loopFor(t, nil)
	l.side, l.now = inReserve, 2*int64(sweepInterval)
	l.n.reserve.slots = make(chan struct{}, 1)
	for range 3 {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		l.sendsHome(&conn{g: &unconnected{fd: fd}, l: l, protocol: protocolRESP})
	}
	l.goHome()
	if len(l.homeward) != 0 || l.crowded.Load() || len(l.n.reserve.slots) != 0 {
		t.Errorf("%d are tried again, crowded %v, %d slots taken", len(l.homeward), l.crowded.Load(), len(l.n.reserve.slots))
	}
}

// However many fall silent in reserve at once, one sweep has all of them go home: whoever has to wait for a slot moves when one is free,
// and the others do not wait for who is busy.
func TestOneSweepSendsAllHomeWhoAreSilent(t *testing.T) {
	t.Parallel()
	const clients = 5 * maxMoving
	cfg := testConfig(t, freePort(t))
	cfg.Loops, cfg.Reserve, cfg.busy = 1, 1, full
	tn := startNode(t, cfg)
	eventually(t, "ready", tn.ready)
	h := &tn.n.reserve
	all := make([]*rawClient, clients)
	for i := range all {
		all[i] = dialRaw(t, tn.addr)
	}
	eventually(t, "most are in reserve", func() bool {
		for i, c := range all {
			if err := counted(c, i, 64); err != nil {
				t.Fatal(err)
			}
		}
		return h.conns.Load() > 2*maxMoving
	})
	h.moving.Wait()
	for range maxMoving { // as if so many were on their way
		h.slots <- struct{}{}
	}
	allNoted := func() (noted bool) {
		tn.n.still(func() {
			for l := range tn.n.eachLoop() {
				if l.side == inReserve && len(l.homeward) == int(h.conns.Load()) {
					noted, l.swept = true, l.n.clock.now()+int64(patience) // no more sweeps
				}
			}
		})
		return noted
	}
	eventually(t, "the sweep has found them", allNoted)
	for range maxMoving {
		tn.n.freeSlot()
	}
	eventually(t, "all are at home", func() bool { return h.conns.Load() == 0 && h.moved[atHome].Load() == h.moved[inReserve].Load() })
	for i, c := range all {
		if err := counted(c, i, 64); err != nil {
			t.Errorf("client %d has come home, but: %v", i, err)
		}
	}
}
