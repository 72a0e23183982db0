//go:build !linux

package loop

import "golang.org/x/sys/unix"

// vector is of use where the kernel is told of several places at a time.
type vector struct{}

// read reads from a socket to the first of the places, and returns how many bytes: 0 when there are none, or the stream has
// ended.
func (*vector) read(fd int, places [][]byte) (int, error) {
	n, err := unix.Read(fd, places[0])
	if err == unix.EAGAIN || err == unix.EINTR {
		return 0, nil
	}
	return max(n, 0), err
}

// write writes the first of the places to a socket, and returns how many bytes it took.
func (*vector) write(fd int, places [][]byte) (int, error) {
	n, err := unix.Write(fd, places[0])
	if err == unix.EAGAIN || err == unix.EINTR {
		return 0, nil
	}
	return max(n, 0), err
}
