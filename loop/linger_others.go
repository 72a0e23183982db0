//go:build !linux

package loop

// linger is of Linux alone: elsewhere a loop waits where gnet does.
func (l *eventLoop) linger() {}

func pollerOf(int) int { return -1 }
