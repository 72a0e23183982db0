package survey

import (
	"errors"
	"net"
	"net/netip"
	"sync"
)

// Door is a TCP port that is listened on while a survey is under way: nodes dial whoever announces himself, so a connection to it
// shows that the port can be reached. Nothing is read from a connection, and nothing written: it is closed at once. A node dials a
// stranger that does not greet a few times and forgets it.
type Door struct {
	ln   net.Listener
	done chan struct{}

	mu      sync.Mutex
	callers []netip.Addr
}

// OpenDoor listens; the error says that the port is not free, or cannot be had.
func OpenDoor(listen netip.AddrPort) (*Door, error) {
	ln, err := net.Listen("tcp4", listen.String())
	if err != nil {
		return nil, err
	}
	d := &Door{ln: ln, done: make(chan struct{})}
	go d.watch()
	return d, nil
}

// watch closes what comes until the door is closed.
func (d *Door) watch() {
	defer close(d.done)
	for {
		conn, err := d.ln.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // a connection that was gone before it was taken
		}
		if from, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
			d.mu.Lock()
			d.callers = add(d.callers, from.AddrPort().Addr().Unmap())
			d.mu.Unlock()
		}
		_ = conn.Close()
	}
}

// Close closes the door and returns the machines that came, at most MaxHeard.
func (d *Door) Close() []netip.Addr {
	_ = d.ln.Close()
	<-d.done
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.callers
}
