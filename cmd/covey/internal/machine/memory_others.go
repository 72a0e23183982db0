//go:build !linux && !darwin && !freebsd

package machine

// ReadMemory tells how much memory this process may use.
func ReadMemory() (Memory, error) { return Memory{}, ErrUnknown }
