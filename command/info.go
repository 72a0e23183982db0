package command

import (
	"fmt"
	"strings"

	"covey/codec"
)

// Facts is what INFO, CONFIG GET and CLIENT INFO tell about the node beyond the store.
type Facts struct {
	ID      uint64 // node id
	Release string // of covey
	Cluster string // its name
	Port    uint16 // TCP
	Keyed   bool   // it has a secret
	PID     int
	Loops   int

	Now    int64 // ns of the clock that Client.Created was read from
	Uptime int64 // s

	Connections    int // of clients and peers, open now
	MaxConnections int
	Accepted       uint64 // connections since the start
	Refused        uint64 // connections beyond the limit
	Commands       uint64 // executed since the start
	Tally          Tally  // of all loops

	MaxMemory int64  // bytes, as set
	Members   int    // alive ones, this node included
	Linked    int    // peers with a link
	Head      uint64 // of the own stream
}

// infoSections are the sections of INFO, in order. Those that Redis shows unasked are shown
// unasked; covey's own is too.
var infoSections = []struct {
	name  string
	write func(t *Turn, f *Facts, b *strings.Builder)
}{
	{"Server", infoServer},
	{"Clients", infoClients},
	{"Memory", infoMemory},
	{"Persistence", infoPersistence},
	{"Stats", infoStats},
	{"Replication", infoReplication},
	{"Cluster", infoCluster},
	{"Keyspace", infoKeyspace},
	{"Covey", infoCovey},
}

func info(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	facts := t.Host.Facts()
	var b strings.Builder
	for _, s := range infoSections {
		if !infoWanted(args[1:], s.name) {
			continue
		}
		if b.Len() > 0 {
			b.WriteString("\r\n")
		}
		fmt.Fprintf(&b, "# %s\r\n", s.name)
		s.write(t, &facts, &b)
	}
	return codec.AppendVerbatim(out, c.Proto, "txt", []byte(b.String())), Done
}

func infoWanted(asked [][]byte, section string) bool {
	if len(asked) == 0 {
		return true
	}
	for _, a := range asked {
		if is(a, "ALL") || is(a, "DEFAULT") || is(a, "EVERYTHING") || is(a, strings.ToUpper(section)) {
			return true
		}
	}
	return false
}

func infoServer(t *Turn, f *Facts, b *strings.Builder) {
	fmt.Fprintf(b, "redis_version:%s\r\nredis_mode:standalone\r\ncovey_version:%s\r\n", redisVersion, f.Release)
	fmt.Fprintf(b, "process_id:%d\r\ntcp_port:%d\r\nserver_time_usec:%d\r\n", f.PID, f.Port, t.Host.Wall())
	fmt.Fprintf(b, "uptime_in_seconds:%d\r\nuptime_in_days:%d\r\nio_threads_active:%d\r\n", f.Uptime, f.Uptime/86400, f.Loops)
}

func infoClients(t *Turn, f *Facts, b *strings.Builder) {
	fmt.Fprintf(b, "connected_clients:%d\r\nmaxclients:%d\r\nblocked_clients:0\r\ntracking_clients:%d\r\n", max(f.Connections-f.Linked, 0), f.MaxConnections, t.tracked().Clients)
}

func infoMemory(t *Turn, f *Facts, b *strings.Builder) {
	n := t.Store.Counts()
	fmt.Fprintf(b, "used_memory:%d\r\nused_memory_human:%s\r\n", n.Bytes, human(n.Bytes))
	fmt.Fprintf(b, "maxmemory:%d\r\nmaxmemory_human:%s\r\nmaxmemory_policy:allkeys-lru\r\n", f.MaxMemory, human(f.MaxMemory))
}

// infoPersistence has the field by which clients know a server that is not ready yet.
func infoPersistence(t *Turn, f *Facts, b *strings.Builder) {
	loading := 1
	if t.ready() {
		loading = 0
	}
	fmt.Fprintf(b, "loading:%d\r\naof_enabled:0\r\n", loading)
}

func infoStats(t *Turn, f *Facts, b *strings.Builder) {
	n := t.Store.Counts()
	fmt.Fprintf(b, "total_connections_received:%d\r\ntotal_commands_processed:%d\r\nrejected_connections:%d\r\n", f.Accepted, f.Commands, f.Refused)
	fmt.Fprintf(b, "expired_keys:%d\r\nevicted_keys:%d\r\n", n.Expired, n.Evictions)
	channels, patterns := t.Audience.Counts()
	fmt.Fprintf(b, "pubsub_channels:%d\r\npubsub_patterns:%d\r\n", channels, patterns)
	fmt.Fprintf(b, "keyspace_hits:%d\r\nkeyspace_misses:%d\r\ntotal_error_replies:%d\r\n", f.Tally.Hits, f.Tally.Misses, f.Tally.Errors)
	k := t.tracked()
	fmt.Fprintf(b, "tracking_total_keys:%d\r\ntracking_total_items:%d\r\ntracking_total_prefixes:%d\r\n", k.Keys, k.Items, k.Prefixes)
}

// infoReplication says what a client of Redis must hear to write here: every node takes
// writes, and none is anybody's replica.
func infoReplication(t *Turn, f *Facts, b *strings.Builder) {
	fmt.Fprintf(b, "role:master\r\nconnected_slaves:0\r\nmaster_repl_offset:%d\r\n", f.Head)
}

func infoCluster(t *Turn, f *Facts, b *strings.Builder) {
	b.WriteString("cluster_enabled:0\r\n")
}

func infoKeyspace(t *Turn, f *Facts, b *strings.Builder) {
	if n := t.Store.Len(); n > 0 {
		fmt.Fprintf(b, "db0:keys=%d,expires=0,avg_ttl=0\r\n", n)
	}
}

func infoCovey(t *Turn, f *Facts, b *strings.Builder) {
	security := "open"
	if f.Keyed {
		security = "keyed"
	}
	n := t.Store.Counts()
	fmt.Fprintf(b, "node_id:%s\r\ncluster_name:%s\r\nstate:%s\r\nsecurity:%s\r\n", codec.FormatID(f.ID), f.Cluster, t.Host.State(), security)
	fmt.Fprintf(b, "members:%d\r\nlinked_peers:%d\r\nstream_head:%d\r\n", f.Members, f.Linked, f.Head)
	fmt.Fprintf(b, "tombstones:%d\r\ndropped_by_floor:%d\r\ndropped_ahead:%d\r\nmessages_lost:%d\r\n", n.Tombstones, n.DroppedByFloor, n.Ahead, t.Audience.Lost())
}

// human is a size as Redis shows it: 1.50M.
func human(n int64) string {
	const units = "KMGTP"
	if n < 1024 {
		return fmt.Sprintf("%dB", n)
	}
	v, i := float64(n)/1024, 0
	for v >= 1024 && i < len(units)-1 {
		v /= 1024
		i++
	}
	return fmt.Sprintf("%.2f%c", v, units[i])
}
