package main

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"covey/cmd/covey/internal/survey"
	"covey/codec"
	"covey/ifaces"
	"covey/internal/harness"
)

// came is a view of a doctor who held the port, and to whom these machines came.
func came(w view, callers ...netip.Addr) view {
	w.reach = reach{port: 9000, watched: true, callers: callers}
	return w
}

// dialed is a view with a node on this machine that others have linked with so often.
func dialed(w view, times uint64) view {
	w.reach = reach{port: 9000, watched: true, asked: true, dialed: times}
	return w
}

// clocks is a view of nodes whose clocks are ahead by so much.
func clocks(by ...time.Duration) (w view) {
	for i, d := range by {
		w.clocks = append(w.clocks, skew{netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)}), 9000), d})
	}
	return w
}

// TestTheDoctorReadsOtherClocks: of those that TCP reaches and that answer.
func TestTheDoctorReadsOtherClocks(t *testing.T) {
	f, mute := startFake(t), startFake(t)
	f.with(func() {
		f.reports[codec.TopicMembers] = []codec.MemberReport{{ID: "a", State: "alive"}, {ID: "b", State: "self", LastSeen: time.Now().Add(time.Hour)}}
	})
	mute.with(func() { mute.refusal = "go away" })
	at := netip.MustParseAddrPort(f.addr)
	got := readClocks(t.Context(), map[netip.AddrPort]survey.Outcome{
		at: survey.Connected, netip.MustParseAddrPort(mute.addr): survey.Connected, netip.MustParseAddrPort("127.0.0.1:1"): survey.Rejected,
	})
	if len(got) != 1 || got[0].addr != at || (got[0].by-time.Hour).Abs() > time.Minute {
		t.Errorf("read %+v", got)
	}
}

// TestACardOfANetworkOfOneAddressIsNoFirewall: nothing is sent on it, so that nothing comes back says nothing.
func TestACardOfANetworkOfOneAddressIsNoFirewall(t *testing.T) {
	port := harness.FreePort(t)
	v := doctorVerb{DiscoveryPort: port, Wait: time.Millisecond}
	card := ifaces.Interface{Name: "far", Index: 1 << 30, Usable: true, Addrs: []ifaces.Addr{{Prefix: netip.MustParsePrefix("10.0.0.5/32")}}}
	found := v.lookAtNetwork(t.Context(), netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port), []ifaces.Interface{card}, nil)
	if len(found) != 1 || found[0].Subject != "other nodes" {
		t.Errorf("found %+v", found)
	}
}

// TestWhoComesToTheDoctorIsSeen: while it looks, and the port is free again after that.
func TestWhoComesToTheDoctorIsSeen(t *testing.T) {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listen := netip.MustParseAddrPort(ln.Addr().String())
	ln.Close()
	for range 2 {
		r := watchDoor(t.Context(), listen, nil, func() {
			conn, err := net.Dial("tcp4", listen.String())
			if err != nil {
				t.Fatal(err)
			}
			if n, err := conn.Read(make([]byte, 1)); n != 0 || err == nil {
				t.Errorf("the doctor says %d bytes, %v", n, err)
			}
			conn.Close()
		})
		if !r.watched || len(r.callers) != 1 || r.callers[0] != listen.Addr() {
			t.Errorf("seen: %+v", r)
		}
	}
	f := startFake(t)
	f.with(func() { f.reports[codec.TopicInfo] = codec.InfoReport{Dialed: 4, WallOff: -7} })
	if r := watchDoor(t.Context(), netip.MustParseAddrPort(f.addr), nil, func() {}); !r.watched || r.dialed != 4 || r.wallOff != -7 || r.callers != nil {
		t.Errorf("of the node that has the port: %+v", r)
	}
}

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
	here := func(n survey.Heard) view { // a node on this machine, heard at two addresses
		w := with(n, 0)
		w.own = []netip.Addr{at.Addr(), netip.MustParseAddr("127.0.0.1")}
		n.Addr = netip.AddrPortFrom(w.own[1], 9000)
		w.sight.Nodes = append(w.sight.Nodes, n)
		return w
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
		{"a secret of the node here", here(heard(func(n *survey.Heard) { n.Announce.Auth[0] = 1 })), "note|node 000000000002-9000|give `covey doctor` the --secret-file of that node"},
		{"a cluster of the node here", here(heard(func(n *survey.Heard) { n.Announce.Cluster = 8 })), "note|node 000000000002-9000|give `covey doctor` the --cluster of that node"},
		{"nobody but another cluster", with(heard(func(n *survey.Heard) { n.Announce.Cluster = 8 }), 0), "note|other nodes|none of the doctor's cluster and secret was heard on another machine"},
		{"nobody", view{sight: survey.Sight{Returned: true}}, "note|other nodes|none was heard on another machine within 6s"},
		{"nothing comes in", view{port: 9000}, "problem|broadcasts|input rules"},
		{"nothing goes out", view{port: 9000, sight: survey.Sight{Refused: fmt.Errorf("write: %w", syscall.EPERM)}}, "problem|broadcasts|output rules"},
		{"no route", view{sight: survey.Sight{Refused: syscall.ENETUNREACH}}, "problem|broadcasts|routes"},
		{"a cloned MAC", view{sight: survey.Sight{Clones: []netip.Addr{at.Addr()}}}, "problem|MAC address|10.0.0.2"},
		{"an address twice", view{sight: survey.Sight{Twins: []netip.Addr{at.Addr()}}}, "problem|IP address|another machine has the address 10.0.0.2"},
		{"linked, but never heard", view{members: []codec.MemberReport{{ID: "x", Addr: at.String(), State: "alive"}}, dials: map[netip.AddrPort]survey.Outcome{at: survey.Connected}}, "note|node x|none of its announces is heard"},
		{"large packets come through", view{tried: 3}, "ok|large packets|come through: 3 tried"},
		{"large packets are lost", view{tried: 3, stuck: []netip.AddrPort{at}}, "problem|large packets|10.0.0.2:9000: small packets go there and back, large ones do not"},
		{"another machine has connected to the doctor", came(with(plain, survey.Connected), at.Addr()), "ok|TCP port 9000 from outside|of 1 heard, 1 connected"},
		{"nobody has", came(with(plain, survey.Connected)), "problem|TCP port 9000 from outside|of 1 nodes that were heard none has connected"},
		{"the node here was dialed", dialed(with(plain, survey.Connected), 3), "ok|TCP port 9000 from outside|have connected to the node here"},
		{"the node here was not", dialed(with(plain, survey.Connected), 0), "problem|TCP port 9000 from outside|this machine's firewall keeps them out"},
		{"the clocks agree", clocks(200*time.Millisecond, -100*time.Millisecond), "ok|clock|agrees with those of others: 2 asked"},
		{"one other clock is an hour ahead", clocks(time.Hour), "note|clock|10.0.0.1 is 1h0m0s ahead, by this machine's: one of the two is wrong"},
		{"this clock is behind most", clocks(time.Hour, time.Hour+time.Second/10), "note|clock|this machine's is 1h0m0s behind, by those of most nodes: set it (NTP)"},
		{"one of three others is behind", clocks(0, 0, -time.Minute), "note|clock|10.0.0.3 (1m0s behind)"},
		{"this clock is not the mesh's", view{reach: reach{asked: true, wallOff: -2000}}, "note|clock|this machine's is 2s ahead, by the time of the mesh"},
		{"this clock is", view{reach: reach{asked: true}}, "ok|clock|agrees with the time of the mesh"},
	} {
		want := strings.Split(c.want, "|")
		found := 0
		for _, f := range c.view.findings(6 * time.Second) {
			if f.Verdict == want[0] && strings.HasPrefix(f.Subject, want[1]) && strings.Contains(f.Finding, want[2]) {
				found++
			}
		}
		if found != 1 {
			t.Errorf("%s: the findings are %+v, want %q", c.name, c.view.findings(6*time.Second), c.want)
		}
	}
	if got := named(strings.Split(strings.Repeat("a,", 9)+"a", ",")); !strings.HasSuffix(got, "a and 2 more") {
		t.Errorf("ten are named as %q", got)
	}
}
