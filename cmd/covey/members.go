package main

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"time"

	"covey/client"
	"covey/codec"
)

type membersVerb struct {
	nodeFlag
	outputFlag
}

// Help is the second part of `covey members --help`.
func (*membersVerb) Help() string {
	return `States are self (the node that was asked), alive, suspect, dead and left. The lag is how many updates a member has not acknowledged yet, and the age of the oldest; the clock is its cluster time minus that of the node asked; a member is synced when it is ready and has acknowledged them all. For a member that the node asked has no link with, via is a peer that passes its writes on.

On a terminal the columns are for people. Into a pipe or a file they are the fields of -o json, with tabs between them: id mac addr state last_seen rtt_us lag synced readiness lag_ms clock_offset_ms via.

Examples:

    covey members
    covey members --addr 10.0.0.5:9000
    covey members | awk -F'\t' '$4 == "dead"'
    covey members -o json`
}

// Run prints a row for each member.
func (v *membersVerb) Run(ctx context.Context, p *process) error {
	var members []codec.MemberReport
	err := v.ask(ctx, p, func(ctx context.Context, c *client.Client) (err error) {
		members, err = c.Members(ctx)
		return err
	})
	switch {
	case err != nil:
		return err
	case v.json():
		return printJSON(p.Stdout, members)
	case isTerminal(p.Stdout):
		return memberTable(members, time.Now()).print(p.Stdout)
	default:
		return memberRows(members).print(p.Stdout)
	}
}

// memberRows has the fields as scripts read them.
func memberRows(members []codec.MemberReport) *table {
	t := &table{header: []string{"id", "mac", "addr", "state", "last_seen", "rtt_us", "lag", "synced", "readiness", "lag_ms", "clock_offset_ms", "via"}}
	for _, m := range members {
		t.add(m.ID, m.MAC, m.Addr, m.State, m.LastSeen.Format(time.RFC3339Nano), strconv.FormatInt(m.RTT, 10),
			strconv.FormatUint(m.Lag, 10), strconv.FormatBool(m.Synced), m.Readiness, strconv.FormatInt(m.LagMS, 10), strconv.FormatInt(m.Offset, 10), m.Via)
	}
	return t
}

// memberTable has what a person looks for.
func memberTable(members []codec.MemberReport, now time.Time) *table {
	t := &table{header: []string{"ID", "ADDRESS", "STATE", "LAST SEEN", "ROUND TRIP", "CLOCK", "LAG", "SYNCED", "VIA"}}
	for _, m := range members {
		seen, trip, synced := ago(now.Sub(m.LastSeen)), fmt.Sprintf("%.2f ms", float64(m.RTT)/1000), "no"
		clock := fmt.Sprintf("%+d ms", m.Offset)
		if m.State == "self" {
			seen, trip, clock = "now", "-", "-"
		}
		if m.Synced {
			synced = "yes"
		}
		if m.Readiness != "ready" && m.Readiness != "" {
			synced = m.Readiness
		}
		if m.Via != "" {
			trip, clock = "-", "-"
		}
		t.add(m.ID, m.Addr, m.State, seen, trip, clock, lagged(&m), synced, cmp.Or(m.Via, "-"))
	}
	return t
}

// lagged says how many updates a member has not acknowledged, and for how long.
func lagged(m *codec.MemberReport) string {
	if m.LagMS < 1000 {
		return strconv.FormatUint(m.Lag, 10)
	}
	return fmt.Sprintf("%d since %d s", m.Lag, m.LagMS/1000)
}

// ago says how long ago something was, as exactly as a person cares for.
func ago(d time.Duration) string {
	switch {
	case d < time.Second:
		return "now"
	case d < time.Minute:
		return fmt.Sprintf("%d s ago", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", d/time.Minute)
	default:
		return fmt.Sprintf("%d h ago", d/time.Hour)
	}
}
