package loop

import (
	"net/netip"
	"testing"
)

func TestTheTryLineNamesWhatACommandNeeds(t *testing.T) {
	for _, tc := range []struct {
		listen string
		guard  *guard
		want   string
	}{
		{"0.0.0.0:9000", nil, "covey set greeting hello, then on any other machine: covey get greeting   (or redis-cli -h 127.0.0.1 -p 9000)"},
		{"10.0.0.5:9001", nil, "covey set greeting hello --addr 10.0.0.5:9001, then on any other machine: covey get greeting   (or redis-cli -h 10.0.0.5 -p 9001)"},
		{"0.0.0.0:9000", new(guard), "covey set greeting hello --secret-file FILE, then on any other machine: covey get greeting --secret-file FILE"},
	} {
		n := &node{cfg: Config{Listen: netip.MustParseAddrPort(tc.listen)}, guard: tc.guard}
		if got := n.tryLine(); got != tc.want {
			t.Errorf("%s, secret %v: %q, want %q", tc.listen, tc.guard != nil, got, tc.want)
		}
	}
	if one, two := nodes(1), nodes(2); one != "1 node already here" || two != "2 nodes already here" {
		t.Errorf("%q, %q", one, two)
	}
}
