package loop

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"covey/codec"
)

func TestMetricsCountWhatClientsDo(t *testing.T) {
	tn := readyNode(t)
	c := dialRaw(t, tn.addr)
	c.do("SET", "a", "1")
	c.do("GET", "a")
	c.do("GET", "none")
	c.do("NOSUCH")
	got := make(map[string]float64)
	named := regexp.MustCompile(`^covey_[a-z]+(_[a-z]+)*$`)
	for _, m := range tn.n.metrics() {
		if _, twice := got[m.Name]; twice || !named.MatchString(m.Name) || m.Count != strings.HasSuffix(m.Name, "_total") || !strings.HasSuffix(m.Help, ".") || strings.Contains(m.Help, "\n") {
			t.Errorf("%+v, twice: %v", m, twice)
		}
		got[m.Name] = m.Value
	}
	for name, want := range map[string]float64{
		"covey_ready": 1, "covey_keys": 1, "covey_members": 1, "covey_connections": 1, "covey_commands_total": 4, "covey_hits_total": 1,
		"covey_misses_total": 1, "covey_errors_total": 1, "covey_max_memory_bytes": 256 << 20, "covey_handler_panics_total": 0, "covey_messages_lost_total": 0,
	} {
		if value, there := got[name]; !there || value != want {
			t.Errorf("%s is %v, want %v", name, value, want)
		}
	}
}

// The digest locks the store and needs a moment of the cluster's time: it is taken on a loop alone, for covey info, and not for whoever
// asks for figures.
func TestFiguresTakeNoDigest(t *testing.T) {
	tn := readyNode(t)
	if r := tn.n.report(); r.Digest != "" || r.WallOff != 0 {
		t.Errorf("digest %q, the wall clock is off by %d", r.Digest, r.WallOff)
	}
	var r codec.InfoReport
	c := dialRaw(t, tn.addr)
	if err := json.Unmarshal([]byte(c.do("COVEY", "INFO")), &r); err != nil || len(r.Digest) != 16 {
		t.Errorf("covey info says digest %q, %v", r.Digest, err)
	}
}
