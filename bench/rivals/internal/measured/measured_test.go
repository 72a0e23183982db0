package measured

import (
	"os"
	"testing"
)

func TestAFileIsReadAndRatiosAreTakenRunByRun(t *testing.T) {
	path := t.TempDir() + "/rows.jsonl"
	const text = `{"machine":"m","runs":3}
{"table":"t","case":"c","server":"a","run":1,"per_second":10}
{"table":"t","case":"c","server":"b","run":1,"per_second":5}
{"table":"t","case":"c","server":"b","run":2,"per_second":10}
{"table":"t","case":"c","server":"a","run":2,"per_second":30}
{"table":"t","case":"c","server":"a","run":3,"per_second":8}
{"table":"t","case":"c","server":"b","run":3,"per_second":8}
{"goal":{"table":"t","case":"c","server":"a","beside":"c","other":"b","figure":"requests/s","limit":1.5,"at_least":true}}
{"table":"other","case":"c","server":"a","run":1,"per_second":1}
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Read(path)
	if err != nil || f.Head.Runs != 3 || len(f.Rows) != 7 || len(f.Goals) != 1 {
		t.Fatalf("%+v, %v", f, err)
	}
	rows, goal := f.Rows, f.Goals[0]
	if m, text, ok := goal.Ratio(rows); m != 2 || text != "2.00 (1.00 to 3.00)" || !ok || !goal.Met(m) || goal.Met(1.4) {
		t.Errorf("goal %v: %v, %q, %v", &goal, m, text, ok)
	}
	if goal.Other = "c"; goal.String() != ">= 1.50" {
		t.Errorf("the goal is %v", &goal)
	}
	if _, _, ok := goal.Ratio(rows); ok {
		t.Error("a goal beside what was not measured has a ratio")
	}
	a, b := rows.Of("t", "c", "a"), rows.Of("t", "c", "b")
	if text := a.RatioText(b, PerSecond); text != "2.00 (1.00 to 3.00)" {
		t.Errorf("ratio %q", text)
	}
	if text := a.RatioText(b, CPU); text != "-" {
		t.Errorf("ratio of what was not measured: %q", text)
	}
	if m := a.Median(PerSecond); m != 10 {
		t.Errorf("median %v", m)
	}
	if servers := rows.Table("t").Servers(); len(servers) != 2 || servers[0] != "a" {
		t.Errorf("servers %q", servers)
	}
	if err := os.WriteFile(path, []byte("{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(path); err == nil {
		t.Error("a file without a head is read")
	}
}
