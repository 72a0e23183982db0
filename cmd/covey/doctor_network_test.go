package main

import (
	"fmt"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"covey/cmd/covey/internal/survey"
	"covey/codec"
)

func TestTheDoctorJudgesWhatWasHeard(t *testing.T) {
	const cluster = 7
	at := netip.MustParseAddrPort("10.0.0.2:9000")
	heard := func(change func(*survey.Heard)) survey.Heard {
		n := survey.Heard{Announce: codec.Announce{Cluster: cluster, Node: 2<<16 | 9000}, Addr: at, UDP: true}
		change(&n)
		return n
	}
	plain := heard(func(*survey.Heard) {})
	with := func(n survey.Heard, o survey.Outcome) view {
		return view{port: 9000, cluster: cluster, sight: survey.Sight{Returned: true, Nodes: []survey.Heard{n}}, dials: map[netip.AddrPort]survey.Outcome{at: o}}
	}
	for _, c := range []struct {
		name string
		view view
		want string // verdict, subject, part of the finding
	}{
		{"all is well", with(plain, survey.Connected), "ok|node|heard, and TCP reaches 10.0.0.2:9000"},
		{"TCP is dropped", with(plain, survey.TimedOut), "problem|node|allow TCP port 9000 on that machine"},
		{"TCP is rejected", with(plain, survey.Rejected), "problem|node|a firewall there rejects it"},
		{"another network", with(plain, survey.Unreachable), "problem|node|there is no route to 10.0.0.2:9000"},
		{"frames alone", with(heard(func(n *survey.Heard) { n.UDP, n.Frame = false, true }), survey.Connected), "note|node|Ethernet frames alone"},
		{"another cluster", with(heard(func(n *survey.Heard) { n.Announce.Cluster = 8 }), 0), "note|other clusters|10.0.0.2:9000"},
		{"a secret there", with(heard(func(n *survey.Heard) { n.Announce.Auth[0] = 1 }), 0), "note|other secrets|10.0.0.2:9000"},
		{"nobody", view{sight: survey.Sight{Returned: true}}, "note|other nodes|none was heard within 6s"},
		{"nothing comes in", view{port: 9000}, "problem|broadcasts|input rules"},
		{"nothing goes out", view{port: 9000, sight: survey.Sight{Refused: fmt.Errorf("write: %w", syscall.EPERM)}}, "problem|broadcasts|output rules"},
		{"no route", view{sight: survey.Sight{Refused: syscall.ENETUNREACH}}, "problem|broadcasts|routes"},
		{"a cloned MAC", view{sight: survey.Sight{Clones: []netip.Addr{at.Addr()}}}, "problem|MAC address|10.0.0.2"},
		{"an address twice", view{sight: survey.Sight{Twins: []netip.Addr{at.Addr()}}}, "problem|IP address|another machine has the address 10.0.0.2"},
		{"linked, but never heard", view{members: []codec.MemberReport{{ID: "x", Addr: at.String(), State: "alive"}}, dials: map[netip.AddrPort]survey.Outcome{at: survey.Connected}}, "note|node x|none of its announces is heard"},
	} {
		want := strings.Split(c.want, "|")
		found := false
		for _, f := range c.view.findings(6 * time.Second) {
			found = found || f.Verdict == want[0] && strings.HasPrefix(f.Subject, want[1]) && strings.Contains(f.Finding, want[2])
		}
		if !found {
			t.Errorf("%s: the findings are %+v, want %q", c.name, c.view.findings(6*time.Second), c.want)
		}
	}
	if got := named(strings.Split(strings.Repeat("a,", 9)+"a", ",")); !strings.HasSuffix(got, "a and 2 more") {
		t.Errorf("ten are named as %q", got)
	}
}
