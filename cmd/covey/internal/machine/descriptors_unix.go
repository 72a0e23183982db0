//go:build unix

package machine

import "golang.org/x/sys/unix"

// Descriptors is how many files and sockets this process may have open at a time.
func Descriptors() (uint64, error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, err
	}
	return uint64(limit.Cur), nil
}
