//go:build !linux

package ifaces

import "fmt"

// Beacon sends and hears Ethernet broadcasts on one card. There is none on this system.
type Beacon struct{}

// OpenBeacon returns ErrUnsupported, by errors.Is.
func OpenBeacon(ifi Interface, _ func(payload []byte, src MAC)) (*Beacon, error) {
	return nil, fmt.Errorf("cannot open a layer-2 beacon on %s: %w", ifi.Name, ErrUnsupported)
}

// Send returns ErrUnsupported.
func (*Beacon) Send([]byte) error { return ErrUnsupported }

// Close does nothing.
func (*Beacon) Close() error { return nil }

// Err returns nil.
func (*Beacon) Err() error { return nil }
