//go:build !linux

package machine

// Raw reports whether this process may open raw sockets: the layer-2 beacon is for Linux alone.
func Raw() (bool, error) { return false, ErrUnknown }

// Holder names the process that listens on a TCP port; this system does not tell.
func Holder(uint16) (Process, bool) { return Process{}, false }
