//go:build !linux

package client

import (
	"net"
	"time"
)

// noticeGone does nothing: there is no such option on every system, and the system's own time counts.
func noticeGone(net.Conn, time.Duration) {}
