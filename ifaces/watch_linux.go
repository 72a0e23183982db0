package ifaces

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Watch calls changed whenever cards or their IPv4 addresses may have changed, until ctx is done; then it
// returns nil. It is a hint: list again and compare with Equal. Bursts of events are one call, 50 ms after the
// last and at most 500 ms after the first. The first call comes as soon as Watch listens, so that nothing that
// happened since an earlier List is missed. changed runs on the goroutine of Watch. An error means that
// changes cannot be noticed on this system.
func Watch(ctx context.Context, changed func()) error {
	conn, err := openNetlink(unix.RTMGRP_LINK | unix.RTMGRP_IPV4_IFADDR)
	if err != nil {
		return fmt.Errorf("cannot watch the network cards for changes: %w", err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	changed()
	err = follow(conn, changed)
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("cannot watch the network cards for changes any more: %w", err)
}

// eventReader is the side of a netlink socket that follow needs.
type eventReader interface {
	Read(b []byte) (int, error)
	SetReadDeadline(t time.Time) error
}

// follow calls changed after every burst of events until a read fails, and returns that failure. What an event
// says is not looked at; ENOBUFS says that events were lost, which is an event too.
func follow(events eventReader, changed func()) error {
	buf := make([]byte, netlinkBuffer)
	for {
		// 1. Wait for an event, as long as it takes.
		if err := nextEvent(events, buf, time.Time{}); err != nil {
			return err
		}
		// 2. Let the burst pass.
		latest := time.Now().Add(watchDelay)
		for {
			deadline := time.Now().Add(watchQuiet)
			if deadline.After(latest) {
				deadline = latest
			}
			err := nextEvent(events, buf, deadline)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
			if err != nil {
				return err
			}
		}
		// 3. Tell.
		changed()
	}
}

// nextEvent waits for one event. A zero deadline is none.
func nextEvent(events eventReader, buf []byte, deadline time.Time) error {
	if err := events.SetReadDeadline(deadline); err != nil {
		return err
	}
	if _, err := events.Read(buf); err != nil && !errors.Is(err, unix.ENOBUFS) {
		return err
	}
	return nil
}
