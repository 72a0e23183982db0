//go:build darwin || freebsd

package machine

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// ReadMemory tells how much memory this process may use.
func ReadMemory() (Memory, error) {
	name := "hw.physmem"
	if runtime.GOOS == "darwin" { // where that one has 32 bits
		name = "hw.memsize"
	}
	n, err := unix.SysctlUint64(name)
	if err != nil || n == 0 || n >= noLimit {
		return Memory{}, fmt.Errorf("%w its memory: %w", ErrUnknown, err)
	}
	return Memory{Machine: int64(n)}, nil
}
