package lab

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// doctor runs covey doctor on a host and returns "verdict subject: finding" lines.
func doctor(t *testing.T, h *Host, wrap []string, args ...string) string {
	t.Helper()
	return doctorOf(t, h, append(wrap, Binary(t)), args...)
}

// doctorOf does so by the words that run a binary.
func doctorOf(t *testing.T, h *Host, binary []string, args ...string) string {
	t.Helper()
	words := append(append(binary, "doctor", "-o", "json"), args...)
	out := h.Exec(words[0], words[1:]...)
	var all []struct{ Subject, Verdict, Finding string }
	if err := json.Unmarshal([]byte(out.Stdout), &all); err != nil {
		t.Fatalf("%s: doctor: %v\n%s%s", h.Name, err, out.Stdout, out.Stderr)
	}
	var b strings.Builder
	for _, f := range all {
		b.WriteString(f.Verdict + " " + f.Subject + ": " + f.Finding + "\n")
	}
	return b.String()
}

// says fails the test unless one line of what the doctor said begins with begin and holds all the words.
func says(t *testing.T, h *Host, text, begin string, words ...string) {
	t.Helper()
	for line := range strings.Lines(text) {
		found := strings.HasPrefix(line, begin)
		for _, w := range words {
			found = found && strings.Contains(line, w)
		}
		if found {
			return
		}
	}
	t.Errorf("%s: the doctor does not say %q with %q:\n%s", h.Name, begin, words, text)
}

func TestTheDoctorNamesEachFaultOfTheNetwork(t *testing.T) {
	t.Parallel()
	Need(t, "nft", "prlimit", "setpriv")
	hosts := New(t).Hosts(9)
	well, shut, rejecting, mute, other, deaf, gagged, held, narrow := hosts[0], hosts[1], hosts[2], hosts[3], hosts[4], hosts[5], hosts[6], hosts[7], hosts[8]
	well.Start()
	waitReady(t, hosts[:1])
	// A firewall that drops TCP, one that rejects it; the node behind it dials out and is a member all the same.
	rule := func(h *Host, chain, what string) {
		h.Rules("table inet lab { chain c { type filter hook " + chain + " priority 0; " + what + "; }; }")
	}
	rule(shut, "input", "iifname eth0 tcp dport 9000 drop")
	rule(rejecting, "input", "tcp dport 9000 reject with tcp reset")
	rule(mute, "output", "oifname eth0 udp dport 9000 drop")
	rule(deaf, "input", "iifname eth0 udp dport 9000 drop")
	rule(gagged, "output", "oifname eth0 udp dport 9000 drop")
	rule(narrow, "input", "iifname eth0 meta length > 600 drop")
	shut.Start()
	rejecting.Start()
	narrow.Start()
	withoutRaw(mute, "--peer", well.Addr.String())
	other.Start("--cluster", "other")
	waitState(t, hosts[:1], mute.ID(9000), "alive", mute.nodes[0].Started)
	held.Listen("0.0.0.0:9000")

	text := doctor(t, well, nil)
	says(t, well, text, "ok card eth0", "used", well.Addr.String())
	says(t, well, text, "ok card lo", "skipped: loopback")
	says(t, well, text, "ok TCP port 9000", "node "+well.ID(9000)+" answers")
	says(t, well, text, "ok broadcasts", "come back")
	says(t, well, text, "problem node "+shut.ID(9000), "not answered", "firewall", "allow TCP port 9000")
	says(t, well, text, "problem node "+rejecting.ID(9000), "refused", "allow TCP port 9000")
	says(t, well, text, "note node "+mute.ID(9000), "none of its announces is heard", "allow UDP port 9000")
	says(t, well, text, "note other clusters", other.Addr.String(), "--cluster")
	says(t, well, text, "ok TCP port 9000 from outside", "have connected to the node here")
	says(t, well, text, "ok clock", "agrees")
	says(t, well, text, "problem large packets", narrow.Addr.String()+":9000: small packets", "MTU")
	says(t, shut, doctor(t, shut, nil, "--wait", "3s"), "problem TCP port 9000 from outside", "none has connected", "allow TCP port 9000 in its input rules")

	says(t, rejecting, doctor(t, rejecting, nil, "--wait", "0s"), "problem TCP port 9000", "taken by covey", "refused at 127.0.0.1:9000", "firewall rejects it")

	short := []string{"--wait", "1500ms"}
	free := doctor(t, gagged, nil, "--listen", "0.0.0.0:9001", "--wait", "1s")
	if strings.Contains(free, "from outside") {
		t.Errorf("nobody heard the doctor, and it blames a firewall:\n%s", free)
	}
	says(t, deaf, doctor(t, deaf, nil, short...), "problem broadcasts", "do not come back", "input rules")
	says(t, gagged, doctor(t, gagged, nil, short...), "problem broadcasts", "does not let announces out", "output rules")
	says(t, held, doctor(t, held, nil, "--listen", "0.0.0.0:9001", "--wait", "3s"), "ok TCP port 9001 from outside", "connected")
	limited := doctor(t, held, []string{"prlimit", "--nofile=200", "setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw"}, short...)
	says(t, held, limited, "note TCP port 9000", "taken by")
	says(t, held, limited, "note open files", "ulimit -n")
	says(t, held, limited, "note layer-2 beacon", "setcap cap_net_raw+ep")
	says(t, held, limited, "ok node "+well.ID(9000), "TCP reaches")
	secret := held.Covey("secret", "new")
	keyed := held.Exec("env", "COVEY_SECRET="+strings.TrimSpace(secret.Stdout), Binary(t), "doctor", "--wait", "6s")
	says(t, held, keyed.Stdout, "note\tother secrets", "--secret-file")
}

func TestTheDoctorSeesAClonedMACBehindALearningSwitch(t *testing.T) {
	t.Parallel()
	hosts := New(t).Hosts(2)
	hosts[1].mustIP("link set eth0 down", "link set eth0 address "+hosts[0].MAC)
	hosts[1].CardUp()
	hosts[0].Start()
	hosts[1].Start()
	waitReady(t, hosts)
	says(t, hosts[0], doctor(t, hosts[0], nil), "problem MAC address", hosts[1].Addr.String(), "give one of them another")
}

// offBy builds a binary to which the wall clock of its machine is off: namespaces have no clocks of their own. It fails where the places
// that read the clock have moved.
func offBy(t *testing.T, by time.Duration) (binary string) {
	t.Helper()
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	dir, overlay := t.TempDir(), map[string]map[string]string{"Replace": {}}
	for file, reads := range map[string]string{
		"loop/host.go": "time.Now()", "loop/wall.go": "time.Now()", "loop/run.go": "time.Now()", "loop/clock.go": "b.start.", "cmd/covey/doctor_clock.go": "begin.Round(0)",
	} {
		text, err := os.ReadFile(filepath.Join(root, file))
		if err != nil || !strings.Contains(string(text), reads) {
			t.Fatalf("%s does not read the clock by %s: %v", file, reads, err)
		}
		off := strings.TrimSuffix(reads, ".")
		changed := filepath.Join(dir, filepath.Base(file))
		text = []byte(strings.ReplaceAll(string(text), reads, off+fmt.Sprintf(".Add(%d)", by)+reads[len(off):]))
		if err := os.WriteFile(changed, text, 0o600); err != nil {
			t.Fatal(err)
		}
		overlay["Replace"][filepath.Join(root, file)] = changed
	}
	text, err := json.Marshal(overlay)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "overlay.json"), text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	binary = filepath.Join(dir, "covey")
	if err := build(binary, "-overlay", filepath.Join(dir, "overlay.json")); err != nil {
		t.Fatal(err)
	}
	return binary
}

func TestTheDoctorSeesAClockThatIsOff(t *testing.T) {
	if !*long {
		t.Skip("-long: it builds another binary")
	}
	off := offBy(t, time.Hour)
	hosts := New(t).Hosts(3)
	startAll(hosts[:2])
	waitReady(t, hosts[:2])
	ahead := hosts[2].Launch(Launch{Else: off, Args: []string{"run"}})
	waitMesh(t, hosts, ahead.Started)
	waitReady(t, hosts)
	says(t, hosts[0], doctor(t, hosts[0], nil), "note clock", hosts[2].Addr.String()+" (1h0m0", "s ahead)", "set the clocks there")
	says(t, hosts[2], doctorOf(t, hosts[2], []string{off}), "note clock", "this machine's is 1h0m0", "s ahead, by those of most nodes: set it")
	Poll(t, patience, "the node to warn of its clock", func() bool { return ahead.Count("wall clock is not the cluster's time", "clock_offset_ms=-3600") == 1 })
	mustCovey(t, hosts[2], "set", "k", "v", "--ttl", "60s")
	Poll(t, patience, "a value with a time to live from there", func() bool { return hosts[0].Covey("get", "k").Stdout == "v\n" })
}
