//go:build !unix

package machine

import "syscall"

// shareAddress leaves the socket as it is: this system shares ports in another way, or not at all.
func shareAddress(_, _ string, _ syscall.RawConn) error { return nil }
