package lab

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// tunDevice is where TAP devices are made.
const tunDevice = "/dev/net/tun"

// A tap is a card whose frames this process reads and writes. It lives as long as its descriptor is open: it is gone with the
// process, however that ends.
type tap struct {
	file *os.File
}

// newTap makes a card in a namespace. Its checksums are whole: nothing is left to hardware that is not there.
func newTap(space *namespace, card, mac string) (*tap, error) {
	var fd int
	var err error
	space.visit(func() { fd, err = unix.Open(tunDevice, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0) }, &err)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", tunDevice, err)
	}
	request, err := unix.NewIfreq(card)
	if err == nil {
		request.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
	}
	if err == nil {
		err = ipBatch(space.name, "link set "+card+" address "+mac)
	}
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("TAP device %s: %w", card, err)
	}
	return &tap{os.NewFile(uintptr(fd), card)}, nil
}

// carrier gives the card its carrier, or takes it.
func (t *tap) carrier(on bool) error {
	value := 0
	if on {
		value = 1
	}
	raw, err := t.file.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = unix.IoctlSetPointerInt(int(fd), unix.TUNSETCARRIER, value) }); err != nil {
		return err
	}
	return failed
}
