package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"covey/bench/rivals/internal/measured"
)

func TestPartsGoBetweenTheirMarkers(t *testing.T) {
	const page = "a\n<!-- begin x -->\nold\n<!-- end x -->\nb\n<!-- begin y -->\n<!-- end y -->\n"
	got, err := replace(page, map[string]string{"x": "new", "y": "| t |\n"})
	want := "a\n<!-- begin x -->\nnew\n<!-- end x -->\nb\n<!-- begin y -->\n| t |\n<!-- end y -->\n"
	if err != nil || got != want {
		t.Errorf("%q, %v", got, err)
	}
	if again, err := replace(got, map[string]string{"x": "new", "y": "| t |\n"}); err != nil || again != got {
		t.Errorf("a second time: %q, %v", again, err)
	}
	for _, parts := range []map[string]string{{"x": ""}, {"x": "", "y": "", "z": ""}} {
		if _, err := replace(page, parts); err == nil {
			t.Errorf("parts %v fit", parts)
		}
	}
	if _, err := replace("<!-- begin x -->\n", map[string]string{"x": ""}); err == nil {
		t.Error("a part without an end")
	}
}

// rows are two runs of two servers, of which covey has twice the throughput, and half of it in the second run.
func rows() measured.Rows {
	var out measured.Rows
	for run, factor := range []float64{2, 0.5} {
		for _, s := range []string{"redis", "covey"} {
			r := measured.Row{Table: "lean", Case: "GET 64, <1>", Server: s, Run: run, PerSecond: 1000, CPU: 2, P50: 10, P99: 20, P999: 3000}
			if s == "covey" {
				r.PerSecond *= factor
				r.CPU = 3
			}
			out = append(out, r)
		}
	}
	return out
}

var goalsOfRows = []measured.Goal{
	{Table: "lean", Case: "GET 64, <1>", Server: "covey", Beside: "GET 64, <1>", Other: "redis", Figure: "requests/s", Limit: 1.2, Least: true},
	{Table: "lean", Case: "GET 64, <1>", Server: "covey", Beside: "GET 64, <1>", Other: "redis", Figure: "CPU", Limit: 0.9},
}

// A picture is XML, with a bar for every figure.
func wellFormed(t *testing.T, text string) (bars int) {
	t.Helper()
	for d := xml.NewDecoder(strings.NewReader(text)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return bars
		}
		if err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == "rect" {
			bars++
		}
	}
}

func TestPicturesAndTablesAreMadeOfLines(t *testing.T) {
	d := &drawing{folder: t.TempDir(), parts: map[string]string{}}
	if err := d.wire("2006-01-02-wire.jsonl", &measured.File{Head: measured.Head{Machine: "m", Runs: 2}, Rows: rows(), Goals: goalsOfRows}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"lean-throughput", "lean-cpu"} {
		text, err := os.ReadFile(d.folder + "/" + name + ".svg")
		if err != nil {
			t.Fatal(err)
		}
		if bars := wellFormed(t, string(text)); bars != 1+2+2 {
			t.Errorf("%s has %d rectangles: a ground, two in the key, two bars", name, bars)
		}
	}
	if part := d.parts["lean"]; !strings.Contains(part, "1.25 (0.50 to 2.00)") || !strings.Contains(part, "1.50 (1.50 to 1.50)") {
		t.Errorf("the table is %s", part)
	}
	part := d.parts["goals"]
	for _, want := range []string{"1 of 2 are met", "| >= 1.20 | 1.25 (0.50 to 2.00) | met |", "| <= 0.90 | 1.50 (1.50 to 1.50) | **missed** |"} {
		if !strings.Contains(part, want) {
			t.Errorf("the goals lack %q: %s", want, part)
		}
	}
	if d.parts["fair"] != notMeasured {
		t.Errorf("what was not measured: %q", d.parts["fair"])
	}
	d.tags("2006-01-02-tags.jsonl", &measured.File{Rows: measured.Rows{
		{Table: "lean", Case: "c", Server: "covey", CPU: 4, Others: 30}, {Table: "lean", Case: "c", Server: "before", CPU: 3}}})
	if part := d.parts["tags"]; !strings.Contains(part, "| c | - | 0.75 (0.75 to 0.75) | - | **30 %** |") {
		t.Errorf("the build tags: %s", part)
	}
	few := measured.Rows{
		{Table: "large", Case: "SET 1 MiB", Server: "covey", PerSecond: 3000, CPU: 3},
		{Table: "large", Case: "SET 1 MiB", Server: "redis", PerSecond: 4000, CPU: 2},
		{Table: "visible", Case: "idle", Server: "covey", P50: 28, P99: 56},
		{Table: "visible", Case: "under saturating load", Server: "covey", P50: 1000, P99: 4000},
	}
	part = brief(&measured.File{Head: measured.Head{Machine: "m", Commit: "c", Runs: 3}, Rows: few})
	for _, want := range []string{"| SET of 1 MiB, 4 connections | 3000 | 0.75x | 1.50x |", "pipelines of 16 | - | - | - |", "3 runs on m, at commit c", " a write 28 us after", "takes 1000 us and 4000 us."} {
		if !strings.Contains(part, want) {
			t.Errorf("what README.md shows lacks %q: %s", want, part)
		}
	}
	if part := d.parts["slower"]; !strings.Contains(part, "| lean | GET 64, <1> | redis | - | 1.50 | - | - |") {
		t.Errorf("where it is slower: %s", part)
	}
}

func TestALogarithmicAxisHoldsEveryBar(t *testing.T) {
	c := chart{title: "t", series: []string{"covey"}, logarithmic: true,
		groups: []group{{"g", []bar{{series: "covey", value: 3}, {series: "covey", value: 100}, {series: "covey", value: 40_000}}}}}
	if least, most := c.bounds(); least != 1 || most != 100_000 {
		t.Errorf("from %v to %v", least, most)
	}
	wellFormed(t, c.svg())
}

func TestThePageHasAPlaceForEveryPart(t *testing.T) {
	d := &drawing{folder: t.TempDir(), parts: map[string]string{}}
	client := measured.Rows{{Table: "clients", Case: "c", Server: "covey", PerSecond: 1, CPU: 1}, {Table: "clients", Case: "c", Server: "rueidis", PerSecond: 1, CPU: 1}}
	if err := errors.Join(d.wire("f.jsonl", &measured.File{Rows: rows()}), d.clients("g.jsonl", &measured.File{Rows: client}),
		d.tagged("", t.TempDir()), d.shared(t.TempDir())); err != nil {
		t.Fatal(err)
	}
	for page, parts := range map[string]map[string]string{"docs/PERFORMANCE.md": d.parts, "README.md": {"brief": d.brief}} {
		text, err := os.ReadFile("../../../../" + page)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := replace(string(text), parts); err != nil {
			t.Errorf("%s: %v", page, err)
		}
	}
}

func TestWaitsForLocksAreReadFromTheBenchmarks(t *testing.T) {
	const text = `commit: c
machine: m
pkg: covey/bench
BenchmarkNodeLoops/loops=1/mixed-2   	  100	 900.0 ns/op	 1.5 lock-ns/op	 0 B/op
BenchmarkNodeLoops/loops=1/mixed-2   	  100	 1100 ns/op	 2.5 lock-ns/op	 0 B/op
BenchmarkNodeLoops/loops=4/mixed-2   	  100	 800.0 ns/op	 40.0 lock-ns/op	 0 B/op
BenchmarkNodeOther/loops=4-2   	  100	 8.000 ns/op
`
	part := waits("x-bench.txt", text)
	for _, want := range []string{"- commit: c\n- machine: m\n", "| 1 | 2 | 1000 | 2.0 |\n| 4 | 1 | 800 | 40.0 |\n", "x-bench.txt"} {
		if !strings.Contains(part, want) {
			t.Errorf("%q is missing: %s", want, part)
		}
	}
	if waits("x-bench.txt", "BenchmarkStoreGet-2 1 2 ns/op\n") != notMeasured {
		t.Error("waits were found where none were measured")
	}
}
