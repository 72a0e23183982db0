package loop

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// share is how a node divides the descriptors it may open: whoever runs out of them inside accept
// takes the whole engine down, so each use has its bound.
type share struct {
	conns  int // accepted, clients and peers
	called int // links that were dialed here
	dials  int // under way at one time
	probes int // HTTP connections
}

// shareDescriptors divides limit among the uses of a node with that many loops, and others in reserve. The error says how
// many descriptors are needed.
func shareDescriptors(limit uint64, loops, reserve int) (share, error) {
	base := baseDescriptors + loopDescriptors*(loops+reserve)
	if reserve > 0 {
		base += 2 * maxMoving
	}
	rest := int(min(limit, 4*maxConns)) - base
	s := share{
		dials:  min(max(rest/dialShare, minDials), maxDials),
		probes: min(max(rest/probeShare, minProbes), maxProbes),
	}
	rest -= s.dials + s.probes
	s.called = min(max(rest/calledShare, 0), maxCalled)
	s.conns = min(rest-s.called, maxConns)
	if s.conns < minConns {
		needed := base + minDials + minProbes + minConns*calledShare/(calledShare-1) + 1
		if loops == 1 {
			return s, fmt.Errorf("%w: %d file descriptors are too few for a node; raise the limit to %d (ulimit -n)", ErrConfig, limit, needed)
		}
		return s, fmt.Errorf("%w: %d file descriptors are too few for %d loops; raise the limit to %d (ulimit -n), or give fewer --loops",
			ErrConfig, limit, loops, needed)
	}
	return s, nil
}

// descriptorLimit is how many descriptors this process may open.
func descriptorLimit() uint64 {
	var lim unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &lim); err != nil {
		return baseDescriptors
	}
	return uint64(lim.Cur)
}
