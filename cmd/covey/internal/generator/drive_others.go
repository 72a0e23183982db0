//go:build !linux

package generator

import (
	"net"
	"sync/atomic"
)

// drive runs a worker's connections to their end. It owns conns.
func (w *worker) drive(conns []net.Conn, stop *atomic.Bool) error {
	return w.driveBlocking(conns, stop)
}
