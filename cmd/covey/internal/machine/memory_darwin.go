package machine

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// ReadMemory tells how much memory this process may use.
func ReadMemory() (Memory, error) {
	n, err := unix.SysctlUint64("hw.memsize")
	if err != nil || n == 0 || n >= noLimit {
		return Memory{}, fmt.Errorf("%w its memory: %w", ErrUnknown, err)
	}
	return Memory{Machine: int64(n)}, nil
}
