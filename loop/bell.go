package loop

import (
	"context"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"
)

// bell wakes one event loop from any goroutine without an allocation: a socket pair, one end
// of which the loop reads like any connection.
//
// Ringing is cheap when it has rung already: rung stays set until the loop answers.
type bell struct {
	fd   atomic.Int64 // the end that is written; -1 until the pair is enrolled
	rung atomic.Bool

	mu    sync.Mutex
	queue []*conn // connections to look at; each at most once (conn.queued)
}

// ring puts c, if any, on the loop's list and wakes the loop.
func (b *bell) ring(c *conn) {
	if c != nil && c.queued.CompareAndSwap(false, true) {
		b.mu.Lock()
		b.queue = append(b.queue, c)
		b.mu.Unlock()
	}
	if b.rung.Swap(true) {
		return
	}
	b.strike()
}

// strike writes the one byte. A full socket means the loop has bytes to wake by already.
func (b *bell) strike() {
	if fd := b.fd.Load(); fd >= 0 {
		_, _ = unix.Write(int(fd), []byte{1})
	}
}

// take moves the queue into dst. The flag is cleared first: a connection queued after that rings again.
func (b *bell) take(dst []*conn) []*conn {
	b.rung.Store(false)
	b.mu.Lock()
	dst = append(dst, b.queue...)
	clear(b.queue)
	b.queue = b.queue[:0]
	b.mu.Unlock()
	return dst
}

// bellConn is the context of the loop's end of the pair: it tells a doorbell from a client.
type bellConn struct{ l *eventLoop }

// closeBells gives back the written ends, and the slabs of the loops, when no goroutine is left that rings or runs.
func (n *node) closeBells() {
	for l := range n.eachLoop() {
		if fd := l.bell.fd.Swap(-1); fd >= 0 {
			_ = unix.Close(int(fd))
		}
		for c := range l.roster.all() {
			if c.tail != nil { // the engine has closed all others
				c.close()
			}
		}
		freeSlab(l.slab)
		freeSlab(l.spare)
		freeSlab(l.keptFrame)
		l.slab, l.spare, l.keptFrame, l.out = nil, nil, nil, nil
	}
}

// hang makes the pair and enrolls the loop's end in it. The end that is written becomes known
// in OnOpen, on the loop, which then answers whatever was rung before.
func (l *eventLoop) hang() error {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return noBell(os.NewSyscallError("socketpair", err))
	}
	for _, fd := range fds {
		unix.CloseOnExec(fd)
		_ = unix.SetNonblock(fd, true)
	}
	f := os.NewFile(uintptr(fds[0]), "doorbell")
	side, err := net.FileConn(f)
	_ = f.Close()
	if err != nil {
		_ = unix.Close(fds[1])
		return noBell(err)
	}
	l.bellWrite = fds[1]
	ctx := gnet.NewContext(context.Background(), &bellConn{l})
	done, err := l.gnet.Enroll(ctx, side)
	if err != nil {
		_ = side.Close()
		_ = unix.Close(fds[1])
		return noBell(err)
	}
	go func() { // gnet enrolls it once this handler has returned
		select {
		case res := <-done:
			if res.Err != nil {
				_ = unix.Close(fds[1])
				l.n.fail(noBell(res.Err))
			}
		case <-l.n.ctx.Done(): // an engine that has ended says nothing
		}
	}()
	return nil
}

// noBell explains that a loop cannot be woken, and so cannot serve.
func noBell(err error) error {
	return fmt.Errorf("a loop has no doorbell: %w; raise the descriptor limit (ulimit -n) and start the node again", err)
}
