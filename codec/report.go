package codec

import "time"

// The reports are JSON on the wire and on the command line; both ends share these types. Field names are a contract
// with scripts: fields are added, never renamed.

// MemberReport is one element of the answer to TopicMembers, the node's own included.
type MemberReport struct {
	ID          string    `json:"id"`                 // as FormatID shows it
	MAC         string    `json:"mac"`                // as FormatMAC shows it
	Addr        string    `json:"addr"`               // host:port
	State       string    `json:"state"`              // self, alive, suspect, dead, left
	LastSeen    time.Time `json:"last_seen"`          // wall clock of the answering node
	RTT         int64     `json:"rtt_us"`             // microseconds
	Lag         uint64    `json:"lag"`                // updates that the member has not acknowledged yet
	LagMS       int64     `json:"lag_ms"`             // age of the oldest of them, in milliseconds
	Synced      bool      `json:"synced"`             // it is ready and has acknowledged all there is
	Incarnation uint64    `json:"incarnation,string"` // number of its present start; a string, for it is beyond 2^53
	Offset      int64     `json:"clock_offset_ms"`    // its clock minus ours, in milliseconds
	Readiness   string    `json:"readiness"`          // seeking, loading, ready; empty: not known
	Via         string    `json:"via"`                // of one that is not linked with the answering node: a peer that is, as FormatID shows it; empty: none
}

// InfoReport answers TopicInfo. ID, Digest and Release are strings, the rest are numbers.
type InfoReport struct {
	ID             string  `json:"id"`
	Release        string  `json:"release"`    // in full, such as 0.1.0
	Version        float64 `json:"version"`    // of the program, major.minor, such as 0.1; 0 of one that was built without a tag
	Uptime         float64 `json:"uptime_s"`   // seconds
	Ready          int     `json:"ready"`      // 1 or 0
	Keys           int64   `json:"keys"`       // live entries
	Bytes          int64   `json:"bytes"`      // that the store has in use
	MaxMemory      int64   `json:"max_memory"` // bytes
	Members        int     `json:"members"`    // alive ones, itself included
	Digest         string  `json:"digest"`     // 16 hex digits
	Commands       uint64  `json:"commands"`   // executed since start
	RepairedKeys   uint64  `json:"repaired_keys"`
	DroppedByFloor uint64  `json:"dropped_by_floor"`
	LagMS          int64   `json:"lag_ms"` // age of the oldest write of this node that a linked peer has not acknowledged, in ms; 0: all have all
	Evictions      uint64  `json:"evictions"`
	Connections    int     `json:"connections"`          // of clients and peers, open now
	WallOff        int64   `json:"wall_clock_offset_ms"` // the cluster's time minus the wall clock of the answering node
	Dialed         uint64  `json:"dialed_links"`         // that nodes on other machines have opened with this one, since its start
	Security       int     `json:"security"`             // 0: open; 1: a secret is set

	BadInput      uint64 `json:"bad_input"`      // connections closed for bytes that are no protocol of ours
	BadAnnounces  uint64 `json:"bad_announces"`  // datagrams and Ethernet frames that are no announce
	OtherClusters uint64 `json:"other_clusters"` // announces and greetings of other clusters, ignored
	OtherSecrets  uint64 `json:"other_secrets"`  // announces and handshakes of nodes of this cluster with another secret, or with none where this one has one
	IdleClosed    uint64 `json:"idle_closed"`    // connections closed for saying nothing, or half a command
	Denied        uint64 `json:"denied"`         // connections of hosts of other networks, which without a secret are not served
	Refused       uint64 `json:"refused"`        // connections beyond the limit
	Overloads     uint64 `json:"overloads"`      // connections closed for queues beyond their limit
	AheadDropped  uint64 `json:"ahead_dropped"`  // records dropped because they are more than 10 s ahead (R8)
	Expired       uint64 `json:"expired"`        // entries whose time to live has ended
	Tombstones    int64  `json:"tombstones"`     // deletions remembered
	Panics        uint64 `json:"handler_panics"` // each cost its connection and nothing else
}

// VerifyReport answers TopicVerify (R20).
type VerifyReport struct {
	Converged bool      `json:"converged"`
	Digest    string    `json:"digest"`    // 16 hex digits: the root of the epoch compared
	Since     time.Time `json:"since"`     // end of the last epoch in which the members differed, or one was not linked; the start of the node if none
	Members   int       `json:"members"`   // compared, itself included
	Differing []string  `json:"differing"` // ids; never null
	LeftOut   int       `json:"left_out"`  // leaves that are partial somewhere, and so not compared
	Unlinked  int       `json:"unlinked"`  // members that only peers are linked with: not compared
}
