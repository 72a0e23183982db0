package loop

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"covey/peer"
)

// memberAt is a member with a link at an address.
func memberAt(addr string, state peer.MemberState) peer.Member {
	return peer.Member{Addr: netip.MustParseAddrPort(addr), State: state, Linked: true}
}

func TestTheStateFolderRemembersWhereMembersWere(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "made", "on the way")
	p, err := openPast(dir, "red")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	p.note([]peer.Member{memberAt("10.0.0.1:9000", peer.Alive), memberAt("127.0.0.1:9001", peer.Alive), memberAt("10.0.0.9:9000", peer.Dead)}, now.Unix()-60)
	p.note([]peer.Member{memberAt("10.0.0.2:9000", peer.Suspect)}, now.Unix())
	if !p.stale {
		t.Error("a new address is no reason to write")
	}
	if err := p.write(now); err != nil || p.stale {
		t.Fatal(err)
	}
	again, err := openPast(dir, "red")
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(again.addrs()); got != "[10.0.0.2:9000 10.0.0.1:9000]" {
		t.Errorf("remembered are %s", got)
	}
	if other, err := openPast(dir, "blue"); err != nil || len(other.addrs()) != 0 {
		t.Errorf("another cluster's node remembers %v, %v", other.addrs(), err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".members-*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestGarbageInTheStateFolderDoesNoHarm(t *testing.T) {
	now := time.Now().Unix()
	good := fmt.Sprintf("10.0.0.1:9000 %d\n", now)
	for name, text := range map[string]string{
		"nothing":           "",
		"bytes":             strings.Repeat("\x00\xff\n", 1000),
		"one endless line":  strings.Repeat("x", 2*maxPastFile),
		"half a line":       "10.0.0.2:90",
		"no time":           "10.0.0.2:9000\n",
		"no address":        fmt.Sprintf("here:9000 %d\n", now),
		"IPv6":              fmt.Sprintf("[::1]:9000 %d\n", now),
		"everybody":         fmt.Sprintf("0.0.0.0:9000 %d\n224.0.0.1:9000 %d\n127.0.0.1:9000 %d\n", now, now, now),
		"port 0":            fmt.Sprintf("10.0.0.2:0 %d\n", now),
		"very long ago":     "10.0.0.2:9000 5\n",
		"before 1970":       "10.0.0.2:9000 -9223372036854775808\n",
		"a number too long": "10.0.0.2:9000 99999999999999999999\n",
	} {
		p := &past{seen: map[netip.AddrPort]int64{}}
		p.read(strings.NewReader(text), now)
		if len(p.seen) != 0 {
			t.Errorf("%s: remembered are %v", name, p.seen)
		}
		p.read(strings.NewReader(good+text), now)
		if len(p.seen) != 1 {
			t.Errorf("%s after a good line: remembered are %v", name, p.seen)
		}
	}
	// A time in the future is taken for now, or it would never be forgotten.
	p := &past{seen: map[netip.AddrPort]int64{}}
	p.read(strings.NewReader("10.0.0.2:9000 9223372036854775807\n"), now)
	if got := p.seen[netip.MustParseAddrPort("10.0.0.2:9000")]; got != now {
		t.Errorf("seen at %d, and it is %d", got, now)
	}
}

func TestTheStateFolderIsBounded(t *testing.T) {
	now := time.Now().Unix()
	var b bytes.Buffer
	for i := range 3 * maxPast {
		fmt.Fprintf(&b, "10.1.%d.%d:9000 %d\n", i/250, i%250+1, now-int64(i))
	}
	p := &past{seen: map[netip.AddrPort]int64{}}
	p.read(&b, now)
	if len(p.seen) != maxPast || p.seen[netip.MustParseAddrPort("10.1.0.1:9000")] != now {
		t.Errorf("%d addresses are kept, the newest seen at %d", len(p.seen), p.seen[netip.MustParseAddrPort("10.1.0.1:9000")])
	}
}

func TestAStateFolderThatCannotBeWrittenIsAnErrorOfTheUser(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openPast(filepath.Join(file, "dir"), "x"); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), "--state-dir") {
		t.Errorf("a folder below a file: %v", err)
	}
}

func TestPeersAreReadAsHostAndPort(t *testing.T) {
	for text, want := range map[string]string{
		"10.0.0.5:9001": "10.0.0.5:9001", "10.0.0.5": "10.0.0.5:9000", "::ffff:10.0.0.5": "", "": "", ":9000": "",
		"10.0.0.5:0": "", "10.0.0.5:x": "", "[::1]:9000": "", "10.0.0.5:70000": "",
	} {
		p, err := parsePeers([]string{text})
		switch {
		case want == "" && text != "::ffff:10.0.0.5" && !errors.Is(err, ErrConfig):
			t.Errorf("%q: %v, want an error of the user", text, err)
		case want != "" && (err != nil || fmt.Sprint(p.addrs()) != "["+want+"]"):
			t.Errorf("%q is %v, %v", text, p, err)
		}
	}
	p, err := parsePeers([]string{"cache.example", "10.0.0.5"})
	if err != nil || !p.isName(0) || p.isName(1) || len(p.addrs()) != 1 {
		t.Fatalf("%v, %v", p, err)
	}
	ips := []netip.Addr{netip.MustParseAddr("10.0.0.8"), netip.MustParseAddr("10.0.0.7")}
	if !p.take(0, ips) || p.take(0, []netip.Addr{ips[1], ips[0]}) {
		t.Error("the same addresses in another order are news, or the first ones are not")
	}
	if got := fmt.Sprint(p.addrs()); got != "[10.0.0.7:9000 10.0.0.8:9000 10.0.0.5:9000]" {
		t.Errorf("the addresses are %s", got)
	}
	if !p.complain(netip.MustParseAddrPort("10.0.0.7:9000")) || p.complain(netip.MustParseAddrPort("10.0.0.7:9000")) || p.complain(netip.MustParseAddrPort("10.0.0.1:9000")) {
		t.Error("it is said not once of each that was named")
	}
	var many []netip.Addr
	for i := range byte(50) {
		many = append(many, netip.AddrFrom4([4]byte{10, 2, 0, i}))
	}
	if p.take(0, many); len(p.addrs()) != maxNameAddrs+1 {
		t.Errorf("%d addresses of a name that has 50", len(p.addrs())-1)
	}
}
