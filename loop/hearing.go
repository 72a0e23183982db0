package loop

import (
	"slices"
	"sync"
	"time"
)

// hearing bounds what datagrams cost: after maxHeard between two ticks the sockets are deaf till the next. The kernel drops what
// comes meanwhile before anybody wakes up. An announce that is lost is repeated.
type hearing struct {
	mu    sync.Mutex
	count int   // since the last tick
	deaf  []int // sockets
}

// heard counts a datagram that came on a socket.
func (h *hearing) heard(fd int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.count++; h.count >= maxHeard && !slices.Contains(h.deaf, fd) && deafen(fd) == nil {
		h.deaf = append(h.deaf, fd)
	}
}

// rest is how long the reader of Ethernet frames, which has a goroutine of its own, is to sleep after one more.
func (h *hearing) rest() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.count++; h.count >= maxHeard {
		return tickInterval
	}
	return 0
}

// tick has all sockets hear again.
func (h *hearing) tick() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.count = 0
	for _, fd := range h.deaf {
		undeafen(fd)
	}
	h.deaf = h.deaf[:0]
}
