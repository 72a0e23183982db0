package peer

import (
	"sync/atomic"

	"github.com/zeebo/xxh3"
)

// Clock turns nanoseconds of the boot-time clock into cluster time in milliseconds (R6): the wall clock at boot, plus
// the time since, suspend included, plus an offset that the node moves to agree with its peers. Safe for concurrent use.
type Clock struct {
	wall   int64        // ms since 1970 when the boot-time clock read 0
	offset atomic.Int64 // ns
}

// NewClock returns a clock that reads bootWallMS at boot time 0.
func NewClock(bootWallMS int64) *Clock { return &Clock{wall: bootWallMS} }

// Cluster returns the cluster time in ms at mono ns of the boot-time clock.
func (c *Clock) Cluster(mono int64) uint64 {
	return uint64(max(0, c.wall+(mono+c.offset.Load())/1e6))
}

// ClusterNanos is Cluster in ns, of which no time is lost.
func (c *Clock) ClusterNanos(mono int64) int64 { return c.wall*1e6 + mono + c.offset.Load() }

// Offset returns how far cluster time is from this machine's own, in ms.
func (c *Clock) Offset() int64 { return c.offset.Load() / 1e6 }

// step moves the clock at mono, not to before 1970: there it would stand still.
func (c *Clock) step(mono, ms int64) {
	c.offset.Store(max(c.offset.Load()+ms*1e6, -c.wall*1e6-mono))
}

// slew moves the clock toward another time, ms away, for as much as may be after dt ns: so little that no time comes twice.
func (c *Clock) slew(ms, dt int64) {
	most := dt / 1e6 * slewRate
	c.offset.Add(min(max(ms*1e6, -most), most))
}

// ClusterTag returns the 64 bits that stand for a cluster's name on the wire.
func ClusterTag(cluster string) uint64 { return xxh3.HashString(cluster) }

// HashSeed returns the seed of the key hash, the same on all nodes of a cluster (R18).
func HashSeed(cluster string) uint64 { return xxh3.HashStringSeed(cluster, 1) }
