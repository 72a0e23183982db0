package codec

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

// TestReportsHaveTheFieldsThatScriptsRelyOn: names are a contract, and so is which are numbers.
func TestReportsHaveTheFieldsThatScriptsRelyOn(t *testing.T) {
	for _, c := range []struct {
		report  any
		strings string
		others  string
	}{
		{MemberReport{}, "id mac addr state last_seen incarnation readiness", "rtt_us lag lag_ms synced clock_offset_ms"},
		{InfoReport{}, "id digest release", "version uptime_s ready keys bytes max_memory members commands repaired_keys dropped_by_floor lag_ms evictions connections security"},
		{VerifyReport{}, "digest since", "converged members differing left_out"},
	} {
		b, err := json.Marshal(c.report)
		if err != nil {
			t.Fatal(err)
		}
		fields := map[string]any{}
		if err := json.Unmarshal(b, &fields); err != nil {
			t.Fatal(err)
		}
		for name := range strings.FieldsSeq(c.strings) {
			if _, ok := fields[name].(string); !ok {
				t.Errorf("%T: %s is %T, want a string", c.report, name, fields[name])
			}
		}
		for name := range strings.FieldsSeq(c.others) {
			if _, ok := fields[name]; !ok {
				t.Errorf("%T: there is no %s", c.report, name)
			} else if _, ok := fields[name].(string); ok {
				t.Errorf("%T: %s is a string", c.report, name)
			}
		}
	}
}

func TestAReportComesThroughJSON(t *testing.T) {
	want := MemberReport{ID: "02fc00000001-9000", LastSeen: time.UnixMilli(1).UTC(), Incarnation: 1<<63 + 1, Offset: -5}
	b, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got MemberReport
	if err := json.Unmarshal(b, &got); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v\n got %+v\nwant %+v", err, got, want)
	}
	if !strings.Contains(string(b), `"last_seen":"1970-01-01T00:00:00.001Z"`) {
		t.Errorf("last_seen is not RFC 3339: %s", b)
	}
}
