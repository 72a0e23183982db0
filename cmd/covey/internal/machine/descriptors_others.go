//go:build !unix

package machine

// Descriptors is how many files and sockets this process may have open at a time.
func Descriptors() (uint64, error) { return 0, ErrUnknown }
