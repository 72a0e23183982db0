//go:build !linux

package loop

import (
	"errors"

	"golang.org/x/sys/unix"
)

// claimName has no abstract socket to take off Linux; the probe alone guards the port.
func claimName(uint16) (release func(), err error) { return func() {}, nil }

func inUse(err error) bool { return errors.Is(err, unix.EADDRINUSE) }
