package main

import (
	"context"
	"strconv"
	"time"

	"covey/client"
	"covey/codec"
)

type infoVerb struct {
	nodeFlag
	outputFlag
}

// Help is the second part of `covey info --help`.
func (*infoVerb) Help() string {
	return `Prints one figure a line: its keys, memory, members and lag, and besides what ought to be 0 and is not. On a terminal sizes and times are for people; into a pipe or a file names and values are those of -o json, where version is 0 of a program that was built without a tag: release has it in full.

Examples:

    covey info
    covey info --addr 10.0.0.5:9000
    covey info -o json`
}

// Run prints a line for each figure.
func (v *infoVerb) Run(ctx context.Context, p *process) error {
	var r codec.InfoReport
	err := v.ask(ctx, p, func(ctx context.Context, c *client.Client) (err error) {
		r, err = c.Info(ctx)
		return err
	})
	if err != nil {
		return err
	}
	if v.json() {
		return printJSON(p.Stdout, r)
	}
	return figures(&r, isTerminal(p.Stdout)).print(p.Stdout)
}

// figures lists a report by the names of its JSON fields; sizes and times, the version and the security are for a person, or else what
// they are in JSON.
func figures(r *codec.InfoReport, person bool) *table {
	version, security := strconv.FormatFloat(r.Version, 'f', -1, 64), strconv.Itoa(r.Security)
	bytes, uptime := func(n int64) string { return strconv.FormatInt(n, 10) }, strconv.FormatFloat(r.Uptime, 'f', -1, 64)
	if person {
		bytes = func(n int64) string { return size(n).String() }
		if version, security = r.Release, "open"; r.Security != 0 {
			security = "keyed"
		}
		uptime = time.Duration(r.Uptime * float64(time.Second)).Round(time.Second).String()
	}
	t := &table{header: []string{"field", "value"}}
	t.add("id", r.ID)
	if !person {
		t.add("release", r.Release)
	}
	t.add("version", version)
	t.add("uptime_s", uptime)
	t.add("ready", strconv.Itoa(r.Ready))
	t.add("keys", strconv.FormatInt(r.Keys, 10))
	t.add("bytes", bytes(r.Bytes))
	t.add("max_memory", bytes(r.MaxMemory))
	t.add("members", strconv.Itoa(r.Members))
	t.add("digest", r.Digest)
	t.add("commands", strconv.FormatUint(r.Commands, 10))
	t.add("lag_ms", strconv.FormatInt(r.LagMS, 10))
	t.add("repaired_keys", strconv.FormatUint(r.RepairedKeys, 10))
	t.add("dropped_by_floor", strconv.FormatUint(r.DroppedByFloor, 10))
	t.add("evictions", strconv.FormatUint(r.Evictions, 10))
	t.add("connections", strconv.Itoa(r.Connections))
	t.add("security", security)
	for _, c := range []struct { // what ought to be 0
		name  string
		count uint64
	}{
		{"other_clusters", r.OtherClusters}, {"other_secrets", r.OtherSecrets}, {"denied", r.Denied}, {"refused", r.Refused}, {"overloads", r.Overloads},
		{"bad_input", r.BadInput}, {"bad_announces", r.BadAnnounces}, {"ahead_dropped", r.AheadDropped}, {"handler_panics", r.Panics},
	} {
		if c.count > 0 {
			t.add(c.name, strconv.FormatUint(c.count, 10))
		}
	}
	return t
}
