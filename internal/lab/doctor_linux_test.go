package lab

import (
	"encoding/json"
	"strings"
	"testing"
)

// doctor runs covey doctor on a host and returns "verdict subject: finding" lines.
func doctor(t *testing.T, h *Host, wrap []string, args ...string) string {
	t.Helper()
	words := append(append(wrap, Binary(t), "doctor", "-o", "json"), args...)
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
	hosts := New(t).Hosts(8)
	well, shut, rejecting, mute, other, deaf, gagged, held := hosts[0], hosts[1], hosts[2], hosts[3], hosts[4], hosts[5], hosts[6], hosts[7]
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
	shut.Start()
	rejecting.Start()
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
	says(t, shut, doctor(t, shut, nil, "--wait", "3s"), "problem TCP port 9000 from outside", "none of the", "allow TCP port 9000 in its input rules")

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
