package loop

import (
	"math"
	"sync/atomic"
	"time"
)

// wallWatch notices when this machine's wall clock is not the cluster's time (R6), once for each change. The ticker owns it.
type wallWatch struct {
	looked int64 // when, ns
	said   int64 // by how many ms it was off when that was said; 0: it was right
}

// changed reports whether it is to be said that the cluster's time is off ms ahead of the wall clock: wrong by more than
// wallOff, and by another wallOff than was said, or right again.
func (w *wallWatch) changed(off int64) bool {
	wrong := max(off, -off) > wallOff
	switch d := off - w.said; {
	case wrong && max(d, -d) > wallOff:
		w.said = off
		return true
	case !wrong && w.said != 0 && max(off, -off) <= wallOff/2:
		w.said = 0
		return true
	}
	return false
}

// watchWall compares the clocks once a second, when the time is settled.
func (n *node) watchWall(now int64) {
	w := &n.wall
	if now-w.looked < int64(sweepInterval) || !n.mind.TimeSettled() {
		return
	}
	w.looked = now
	off := int64(n.cluster.Cluster(n.clock.now())) - time.Now().UnixMilli()
	switch {
	case !w.changed(off):
	case w.said == 0:
		n.log.Info("wall clock agrees with the cluster's time again", "clock_offset_ms", off)
	default:
		n.log.Warn("wall clock is not the cluster's time, set the clocks of all machines (NTP); EXPIREAT goes by this one",
			"clock_offset_ms", off)
	}
}

// wallOffset is how far the cluster's time is ahead of the wall clock, in whole ms. It is not rounded anew before it is off by more than
// wallSlack: otherwise it would change now and then, and a client would not get back the time of an EXPIREAT that it gave.
type wallOffset struct{ ms atomic.Int64 }

// rounded returns the offset in ms when it is really exact ns.
func (o *wallOffset) rounded(exact int64) int64 {
	ms := o.ms.Load()
	if d := exact - ms*1e6; max(d, -d) > int64(wallSlack) {
		ms = int64(math.Round(float64(exact) / 1e6))
		o.ms.Store(ms)
	}
	return ms
}
