package loop

import "covey/internal/status"

// metrics are the figures that covey info and INFO show, for those who watch a node over time. Their names are a contract with
// dashboards: metrics are added, never renamed.
func (n *node) metrics() []status.Metric {
	r, f := n.report(), n.Facts()
	gauge := func(name, help string, value float64) status.Metric {
		return status.Metric{Name: name, Help: help, Value: value}
	}
	count := func(name, help string, value uint64) status.Metric {
		return status.Metric{Name: name, Help: help, Count: true, Value: float64(value)}
	}
	return []status.Metric{
		{Name: "covey_build_info", Help: "1; the version of the program is the label.", Label: "version", Text: r.Release, Value: 1},
		gauge("covey_ready", "1 when the node holds what its peers hold, 0 before.", float64(r.Ready)),
		gauge("covey_uptime_seconds", "Since the start of the node.", r.Uptime),
		gauge("covey_keys", "Live entries.", float64(r.Keys)),
		gauge("covey_tombstones", "Deletions that are remembered.", float64(r.Tombstones)),
		gauge("covey_stored_bytes", "Memory that the store has in use.", float64(r.Bytes)),
		gauge("covey_max_memory_bytes", "The most that it may have, --max-memory.", float64(r.MaxMemory)),
		gauge("covey_members", "Members that are alive, the node included.", float64(r.Members)),
		gauge("covey_links", "Peers that the node is linked with.", float64(f.Linked)),
		gauge("covey_lag_seconds", "Age of the oldest write of the node that a linked peer has not acknowledged.", float64(r.LagMS)/1e3),
		gauge("covey_connections", "Connections of clients and peers.", float64(r.Connections)),
		gauge("covey_max_connections", "The most that there may be.", float64(f.MaxConnections)),
		count("covey_commands_total", "Commands carried out.", r.Commands),
		count("covey_hits_total", "Keys that reads found.", f.Tally.Hits),
		count("covey_misses_total", "Keys that reads did not find.", f.Tally.Misses),
		count("covey_errors_total", "Errors replied to Redis clients.", f.Tally.Errors),
		count("covey_evictions_total", "Entries evicted for want of memory.", r.Evictions),
		count("covey_expired_total", "Entries whose time to live has ended.", r.Expired),
		count("covey_accepted_connections_total", "Connections accepted.", f.Accepted),
		count("covey_refused_connections_total", "Connections beyond the limit.", r.Refused),
		count("covey_denied_connections_total", "Connections of hosts that are not served.", r.Denied),
		count("covey_overloads_total", "Connections closed for what they had the node keep.", r.Overloads),
		count("covey_messages_lost_total", "Messages (PUBLISH) for which a loop of the node had no room, so that its listeners did not hear them.", n.audience.Lost()),
		count("covey_idle_closed_total", "Connections closed for saying nothing, or half a command.", r.IdleClosed),
		count("covey_bad_input_total", "Connections closed for bytes that are no protocol of covey's.", r.BadInput),
		count("covey_other_secrets_total", "Announces and handshakes of nodes with another secret.", r.OtherSecrets),
		count("covey_repaired_keys_total", "Records that a comparison with a peer brought.", r.RepairedKeys),
		count("covey_handler_panics_total", "Faults of the program that cost a connection each.", r.Panics),
	}
}
