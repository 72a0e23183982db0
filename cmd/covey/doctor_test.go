package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"covey/client"
	"covey/cmd/covey/internal/machine"
	"covey/cmd/covey/internal/survey"
	"covey/codec"
	"covey/ifaces"
	"covey/internal/harness"
)

func TestTheDoctorGivesTheVerdictOnEachCard(t *testing.T) {
	card := func(name string, usable bool, reason string) ifaces.Interface {
		return ifaces.Interface{Name: name, MAC: ifaces.MAC{2, 0xfc, 0, 0, 0, 1}, Usable: usable, Reason: reason,
			Addrs: []ifaces.Addr{{Prefix: netip.MustParsePrefix("10.0.0.5/24")}}}
	}
	got := judgeCards([]ifaces.Interface{card("lo", false, "loopback"), card("eth0", true, "")})
	want := []finding{{"card lo", good, "skipped: loopback"}, {"card eth0", good, "used: 10.0.0.5/24, MAC 02:fc:00:00:00:01"}}
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("the verdicts are %v, want %v", got, want)
	}
	lonely := card("eth0", true, "")
	lonely.Addrs[0].Prefix = netip.MustParsePrefix("10.0.0.5/32")
	if got = judgeCards([]ifaces.Interface{lonely}); len(got) != 1 || got[0].Verdict != problem || !strings.Contains(got[0].Finding, "10.0.0.5/32") || !strings.Contains(got[0].Finding, "netmask") {
		t.Errorf("the verdict on a card with an address of no network is %v", got)
	}
	got = judgeCards([]ifaces.Interface{card("lo", false, "loopback")})
	if len(got) != 2 || got[1].Verdict != problem || !strings.Contains(got[1].Finding, "covey run --peer") {
		t.Errorf("without a usable card the verdicts are %v", got)
	}
}

func TestTheDoctorSaysWhoHoldsThePort(t *testing.T) {
	f := startFake(t)
	f.with(func() { f.reports[codec.TopicInfo] = codec.InfoReport{ID: "02fc00000001-9000"} })
	node := netip.MustParseAddrPort(f.addr)
	if got := lookAtTCP(t.Context(), node, nil); got.Verdict != good || !strings.Contains(got.Finding, "node 02fc00000001-9000 answers at "+f.addr) {
		t.Errorf("a node on the port: %+v", got)
	}

	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	stranger := netip.MustParseAddrPort(ln.Addr().String())
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			conn.Close()
		}
	}()
	if got := lookAtTCP(t.Context(), stranger, nil); got.Verdict != note || !strings.HasPrefix(got.Finding, "taken by ") {
		t.Errorf("a stranger on the port: %+v", got)
	}
	ln.Close()
	if got := lookAtTCP(t.Context(), stranger, nil); got.Verdict != good || got.Finding != "free; no node runs there" {
		t.Errorf("nobody on the port: %+v", got)
	}
	if got := lookAtTCP(t.Context(), netip.MustParseAddrPort("192.0.2.77:9"), nil); got.Verdict != problem || !strings.Contains(got.Finding, "--listen") {
		t.Errorf("an address of another machine: %+v", got)
	}
}

// TestANodeThatCannotBeReachedHereIsNoStranger: who is told to stop his own node, for a firewall or --listen hides it, is sent the wrong way.
func TestANodeThatCannotBeReachedHereIsNoStranger(t *testing.T) {
	at := netip.MustParseAddrPort("127.0.0.1:9000")
	_, full := ask(t.Context(), netip.MustParseAddrPort(saysAndCloses(t, "-ERR this node serves as many connections as it may; close some\r\n")))
	_, mail := ask(t.Context(), netip.MustParseAddrPort(saysAndCloses(t, "220 mail\r\n")))
	for _, c := range []struct {
		holder  string
		o       survey.Outcome
		answer  error
		verdict string
		want    string
	}{
		{"covey (process 7)", survey.Rejected, client.ErrUnreachable, problem, "give `covey doctor` the same"},
		{"covey (process 7)", survey.TimedOut, client.ErrUnreachable, problem, "allow TCP port 9000 in its input rules"},
		{"covey (process 7)", survey.Connected, context.DeadlineExceeded, problem, "it is stopped"},
		{"covey (process 7)", survey.Connected, full, problem, "turns connections away; it says: this node serves as many connections as it may; close some"},
		{"nginx (process 7)", survey.Rejected, client.ErrUnreachable, note, "stop that process"},
		{"nginx (process 7)", survey.Connected, mail, note, "stop that process"},
	} {
		verdict, text := judgeHolder(c.holder, at, c.o, c.answer)
		if verdict != c.verdict || !strings.HasPrefix(text, "taken by "+c.holder) || !strings.Contains(text, c.want) {
			t.Errorf("%s, %d: %s, %q", c.holder, c.o, verdict, text)
		}
	}
}

func TestTheDoctorSaysWhatToDoAboutEachLimit(t *testing.T) {
	held, err := net.ListenPacket("udp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	for _, c := range []struct {
		name    string
		got     finding
		verdict string
		part    string
	}{
		{"a held discovery port", lookAtUDP(t.Context(), uint16(held.LocalAddr().(*net.UDPAddr).Port)), problem, "--discovery-port"},
		{"a permitted beacon", lookAtBeacon(true, nil), good, "permitted"},
		{"a forbidden beacon", lookAtBeacon(false, nil), note, "setcap cap_net_raw+ep"},
		{"a system without one", lookAtBeacon(false, machine.ErrUnknown), note, "by UDP alone"},
		{"a beacon that cannot be judged", lookAtBeacon(false, errors.New("no /proc")), note, "setcap"},
		{"few descriptors", lookAtDescriptors(256, nil), note, "ulimit -n 65536"},
		{"many descriptors", lookAtDescriptors(1<<20, nil), good, "1,048,576"},
		{"unlimited descriptors", lookAtDescriptors(1<<64-1, nil), good, "at most"},
		{"unknown descriptors", lookAtDescriptors(0, machine.ErrUnknown), note, "not known"},
		{"a limited group", lookAtMemory(machine.Memory{Machine: 8 << 30, Group: 2 << 30}, nil), good, "its control group allows 2 GiB: a node would use 1 GiB"},
		{"an unlimited group", lookAtMemory(machine.Memory{Machine: 8 << 30}, nil), good, "a node would use 4 GiB"},
		{"more than a store takes", lookAtMemory(machine.Memory{Machine: 2 << 40}, nil), good, "a node would use 256 GiB"},
		{"unknown memory", lookAtMemory(machine.Memory{}, fmt.Errorf("%w its memory", machine.ErrUnknown)), note, "--max-memory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.got.Verdict != c.verdict || !strings.Contains(c.got.Finding, c.part) {
				t.Errorf("the finding is %+v, want %s and %q", c.got, c.verdict, c.part)
			}
		})
	}
}

func TestTheDoctorSaysThatAPublicAddressWantsASecret(t *testing.T) {
	cards := []ifaces.Interface{{Name: "eth0", Addrs: []ifaces.Addr{{Prefix: netip.MustParsePrefix("10.0.0.2/24")}}},
		{Name: "eth1", Addrs: []ifaces.Addr{{Prefix: netip.MustParsePrefix("8.8.4.4/24")}}}}
	anywhere := netip.MustParseAddrPort("0.0.0.0:9000")
	got := judgeExposure(cards, anywhere, false)
	if len(got) != 1 || got[0].Verdict != problem || !strings.Contains(got[0].Finding, "card eth1 has the public address 8.8.4.4") || !strings.Contains(got[0].Finding, "--secret-file") {
		t.Errorf("%+v", got)
	}
	if got := judgeExposure(cards, netip.MustParseAddrPort("8.8.4.4:9000"), false); len(got) != 1 {
		t.Errorf("listening there: %+v", got)
	}
	for name, got := range map[string][]finding{
		"with a secret":     judgeExposure(cards, anywhere, true),
		"on a private one":  judgeExposure(cards, netip.MustParseAddrPort("10.0.0.2:9000"), false),
		"with no such card": judgeExposure(cards[:1], anywhere, false),
	} {
		if len(got) != 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestTheDoctorTriesThePeersThatAreNamed(t *testing.T) {
	f := startFake(t)
	f.with(func() { f.reports[codec.TopicInfo] = codec.InfoReport{ID: "02fc00000001-9000"} })
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := ln.Addr().String()
	ln.Close()
	other := saysAndCloses(t, "220 mail\r\n")
	elsewhere := saysAndCloses(t, "-DENIED this node serves only hosts of its own networks\r\n")
	full := saysAndCloses(t, "-ERR this node serves as many connections as it may; close some\r\n")
	guarded := startFake(t)
	guarded.with(func() {
		guarded.answers[codec.KindReport] = func([]byte) (codec.Status, []byte) { return codec.StatusDenied, []byte("this node has a secret") }
	})
	named := peers{f.addr, closed, other, "no-such-host.invalid:9000", elsewhere, guarded.addr, full}
	for keyed, wants := range map[bool][]struct{ verdict, part string }{
		false: {
			{good, "node 02fc00000001-9000 answers at " + f.addr},
			{problem, "TCP is refused at " + closed},
			{problem, "does not answer as a node"},
			{problem, "no-such-host.invalid has no IPv4 address here"},
			{problem, "does not serve this machine, so it does not link with a node here; it says: this node serves only hosts of its own networks"},
			{problem, "a node with a secret answers at " + guarded.addr + ", and here is none"},
			{problem, "the node at " + full + " turns connections away; it says: this node serves as many connections as it may; close some"},
		},
		true: {{problem, "node 02fc00000001-9000 answers at " + f.addr + " and has no secret"}, 5: {good, "a node with a secret answers at " + guarded.addr}, 6: {}},
	} {
		got, err := lookAtPeers(t.Context(), named, keyed)
		if err != nil || len(got) != len(wants) {
			t.Fatalf("%+v, %v", got, err)
		}
		for i, want := range wants {
			if want.part == "" {
				continue // as without a secret
			}
			if got[i].Verdict != want.verdict || !strings.Contains(got[i].Finding, want.part) || !strings.HasPrefix(got[i].Subject, "--peer ") {
				t.Errorf("secret %v: %+v, want %s and %q", keyed, got[i], want.verdict, want.part)
			}
		}
	}
	call(t, "get", "k", "-a", full).expect(t, outcome{status: exitFailed, stderr: "answers: this node serves as many connections as it may"})
	call(t, "doctor", "--wait", "0s", "--peer", "10.0.0.5:x").expect(t, outcome{status: exitUsage, stderr: "give host:port, such as 10.0.0.5:9000"})
}

// saysAndCloses is the address of a program that says something to whoever connects, and closes.
func saysAndCloses(t *testing.T, said string) string {
	t.Helper()
	return harness.Listen(t, func(conn net.Conn) { _, _ = conn.Write([]byte(said)) }).Addr().String()
}

// freeUDP is a UDP port that was free a moment ago.
func freeUDP(t *testing.T) string {
	t.Helper()
	held, err := net.ListenPacket("udp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	return strconv.Itoa(held.LocalAddr().(*net.UDPAddr).Port)
}

// What a doctor has not waited for is not told as if nobody were there.
func TestAnInterruptedDoctorGivesNoVerdict(t *testing.T) {
	f := startFake(t)
	ctx, cancel := contextOf(t)
	f.with(func() {
		f.answers[codec.KindReport] = func([]byte) (codec.Status, []byte) { cancel(); return codec.StatusOK, []byte("{}") }
	})
	invocation{args: []string{"doctor", "--listen", f.addr, "--discovery-port", freeUDP(t)}}.runIn(t, ctx).
		expect(t, outcome{status: exitFailed, stderr: "covey: interrupted\n"})
}

func TestDoctorPrintsALineForEachFinding(t *testing.T) {
	f := startFake(t)
	f.with(func() { f.reports[codec.TopicInfo] = codec.InfoReport{ID: "02fc00000001-9000"} })
	args := []string{"doctor", "--listen", f.addr, "--wait", "0s", "--discovery-port", freeUDP(t)}
	text := call(t, args...)
	if text.stderr != "" || text.status != exitDone && text.status != exitFailed {
		t.Errorf("exit status %d, standard error %q", text.status, text.stderr)
	}
	var findings []finding
	if err := json.Unmarshal([]byte(call(t, append(args, "-o", "json")...).stdout), &findings); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(text.stdout), "\n")
	if len(lines) != 1+len(findings) || lines[0] != "verdict\tsubject\tfinding" {
		t.Fatalf("%d findings are printed as %q", len(findings), text.stdout)
	}
	worst := exitDone
	for i, f := range findings {
		if lines[1+i] != f.Verdict+"\t"+f.Subject+"\t"+f.Finding {
			t.Errorf("finding %+v is printed as %q", f, lines[1+i])
		}
		if f.Verdict == problem {
			worst = exitFailed
		}
	}
	if text.status != worst {
		t.Errorf("the exit status is %d, want %d", text.status, worst)
	}
}
