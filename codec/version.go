package codec

import (
	"cmp"
	"encoding/binary"
	"fmt"
)

// ProtoMin and ProtoMax are the protocol versions that this package speaks.
const (
	ProtoMin = 1
	ProtoMax = 1
)

// Version orders writes: a hybrid logical clock stamp (milliseconds of cluster time << 16 | counter, R5) and the id of
// the node that made it. It is also the form of the expiry register's E, of a floor and of a flush.
type Version struct {
	Stamp, Node uint64
}

// Compare returns -1, 0 or +1: by stamp, then by node id.
func (v Version) Compare(o Version) int {
	if c := cmp.Compare(v.Stamp, o.Stamp); c != 0 {
		return c
	}
	return cmp.Compare(v.Node, o.Node)
}

// IsZero reports whether v is the zero version, which is older than every write.
func (v Version) IsZero() bool { return v == Version{} }

const versionLen = 16

func putVersion(b []byte, v Version) {
	binary.LittleEndian.PutUint64(b[8:], v.Node)
	binary.LittleEndian.PutUint64(b, v.Stamp)
}

func getVersion(b []byte) Version {
	return Version{Stamp: binary.LittleEndian.Uint64(b), Node: binary.LittleEndian.Uint64(b[8:])}
}

// State is how far a node is in getting complete (R21). It never goes back but by a restart.
type State uint8

// The states of a node.
const (
	StateSeeking State = 0 // looks for others
	StateLoading State = 1 // copies what its peers have
	StateReady   State = 2 // answers reads
)

const stateMax = StateReady

// String gives the state's name.
func (s State) String() string {
	switch s {
	case StateSeeking:
		return "seeking"
	case StateLoading:
		return "loading"
	case StateReady:
		return "ready"
	}
	return "unknown"
}

// NodeID makes a node id of a MAC address and a TCP port.
func NodeID(mac [6]byte, port uint16) uint64 {
	return uint64(mac[0])<<56 | uint64(mac[1])<<48 | uint64(mac[2])<<40 | uint64(mac[3])<<32 | uint64(mac[4])<<24 | uint64(mac[5])<<16 | uint64(port)
}

// FormatID shows a node id as 02fc00000001-9000.
func FormatID(id uint64) string { return fmt.Sprintf("%012x-%d", id>>16, uint16(id)) }

// FormatMAC shows the MAC address in a node id as 02:fc:00:00:00:01.
func FormatMAC(id uint64) string {
	return fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", byte(id>>56), byte(id>>48), byte(id>>40), byte(id>>32), byte(id>>24), byte(id>>16))
}
