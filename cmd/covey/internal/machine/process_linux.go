package machine

import (
	"os"

	"golang.org/x/sys/unix"
)

// Raw reports whether this process may open raw sockets (CAP_NET_RAW).
func Raw() (bool, error) {
	text, err := readSmall(os.DirFS("/"), "proc/self/status")
	if err != nil {
		return false, err
	}
	set, ok := parseCapabilities(text)
	if !ok {
		return false, ErrUnknown
	}
	return set&(1<<unix.CAP_NET_RAW) != 0, nil
}

// Holder names the process that listens on a TCP port of any IPv4 address of this machine; found is false when it is
// another user's, whose descriptors cannot be read.
func Holder(port uint16) (p Process, found bool) {
	return linuxHolder(os.DirFS("/"), os.Readlink, "/", port)
}
