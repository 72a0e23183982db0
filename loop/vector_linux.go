package loop

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// vector is what a read to several places, or a write from them, tells the kernel; it is kept, so that it allocates nothing.
type vector struct{ iov []unix.Iovec }

// read reads from a socket to places, one after the other, and returns how many bytes: 0 when there are none, or the stream has
// ended.
func (v *vector) read(fd int, places [][]byte) (int, error) {
	return v.call(unix.SYS_READV, fd, places)
}

// write writes places to a socket, one after the other, and returns how many bytes it took.
func (v *vector) write(fd int, places [][]byte) (int, error) {
	return v.call(unix.SYS_WRITEV, fd, places)
}

func (v *vector) call(trap uintptr, fd int, places [][]byte) (int, error) {
	v.iov = v.iov[:0]
	for _, b := range places {
		i := unix.Iovec{Base: &b[0]}
		i.SetLen(len(b))
		v.iov = append(v.iov, i)
	}
	n, _, errno := unix.RawSyscall(trap, uintptr(fd), uintptr(unsafe.Pointer(&v.iov[0])), uintptr(len(v.iov))) // as raw
	clear(v.iov)
	switch errno {
	case 0:
		return int(n), nil
	case unix.EAGAIN, unix.EINTR:
		return 0, nil
	}
	return 0, errno
}
