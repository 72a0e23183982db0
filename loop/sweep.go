package loop

import (
	"time"

	"golang.org/x/sys/unix"
)

// sweep begins once in sweepInterval and goes on at each of the loop's bells until it has come to every connection. It closes those
// that never spoke or stopped in the middle of something, and links whose secret no longer counts. It gives back buffers that are
// empty, and counts anew what connections hold.
func (l *eventLoop) sweep(now int64) {
	if l.roster.unswept == 0 {
		if now-l.swept < int64(sweepInterval) {
			return
		}
		l.swept = now
		l.releaseFrame()
		l.roster.unswept = len(l.roster.conns)
	}
	for n := 0; n < sweepAtOnce && l.roster.unswept > 0; n++ {
		l.inspect(l.roster.next(), now)
	}
	if l.roster.unswept > 0 {
		l.bell.ring(nil)
		return
	}
	l.resting.Store(len(l.roster.conns) == 0 && l.keptFrame == nil && l.span.work == 0)
}

// inspect is the sweep's part with one connection.
func (l *eventLoop) inspect(c *conn, now int64) {
	if late, why := c.overdue(now); late {
		l.n.counters.idleClosed.Add(1)
		if why != "" {
			l.dismiss(c, why)
		}
		c.close()
		return
	}
	if l.side == inReserve && now-c.lastByte > int64(sweepInterval) {
		l.sendsHome(c)
	}
	l.expired(c, now)
	switch {
	case c.held == 0:
	case len(c.in) == 0 && now-c.lastByte > int64(sweepInterval):
		c.release()
	default:
		c.weigh()
	}
}

// spoken reports whether bytes wait in a socket. Then the client is not silent but the loop late, on a machine that was busy or
// asleep.
func spoken(fd int) bool {
	var first [1]byte
	n, _, _ := unix.Recvfrom(fd, first[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
	return n > 0
}

// mayBeSilent reports whether a connection that has not spoken yet is one of a program on this machine. Pools of connections are opened
// long before they are needed, and many clients take an error that they did not ask for as the reply to their first command, or fail.
// Such a program can rest as well after a command, so this costs nothing. With a secret clients speak at once.
func (c *conn) mayBeSilent() bool { return c.client.From.IsLoopback() && c.l.n.guard == nil }

// overdue reports whether a connection was waited for long enough: for its first bytes, the first record of its session, its password, the
// rest of a command, a frame or a record, or for it to read; and why, if it is to be told. Who is in the middle of a command is: what comes
// is the reply to that. Who is not would mostly take it for the reply to his next command.
func (c *conn) overdue(now int64) (late bool, why string) {
	switch {
	case c.protocol == protocolUnknown && !c.mayBeSilent():
		return now-c.begun > int64(firstByteTimeout) && !spoken(c.g.Fd()), ""
	case c.protocol == protocolProving:
		return now-c.begun > int64(firstByteTimeout), ""
	case c.unproved() && now-c.client.Since > int64(authTimeout):
		return true, ""
	case c.pin != nil && c.tail == nil && !c.ending:
		return c.stuck(now), ""
	}
	part := len(c.in) - c.from
	if c.draft != nil {
		part += c.draft.Have()
	}
	if part == 0 && c.session != nil {
		part = c.session.In.Pending()
	}
	switch {
	case part == 0 || c.waiting || c.rest:
		return false, ""
	case now-c.lastByte <= int64(frameTimeout) && now-c.begun <= int64(frameTimeout)+int64(part)*int64(time.Second)/slowestFrame:
		return false, ""
	case c.protocol == protocolUnknown: // part of a header: whose, it does not say
		return true, ""
	}
	return true, "the rest of a command did not come within 30 s, or slower than 16 KiB a second; send whole commands"
}
