package ifaces

import "errors"

// EtherType marks the frames of covey's layer-2 beacon. It is the first of the two that IEEE 802 sets aside for
// local experiments, so other programs may use it too: the receiver must check that a payload is an announce.
const EtherType = 0x88B5

// ErrNotPermitted is returned by OpenBeacon to a process that may not open raw Ethernet sockets.
var ErrNotPermitted = errors.New("not permitted to send Ethernet frames: run as root or give the program the capability CAP_NET_RAW")

// ErrUnsupported is returned by OpenBeacon where the system has no raw Ethernet sockets.
var ErrUnsupported = errors.New("this system has no raw Ethernet sockets")
