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
	if err := d.wire("2006-01-02-wire.jsonl", measured.Head{Machine: "m", Runs: 2}, rows()); err != nil {
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
	if d.parts["fair"] != notMeasured {
		t.Errorf("what was not measured: %q", d.parts["fair"])
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
	text, err := os.ReadFile("../../../../docs/PERFORMANCE.md")
	if err != nil {
		t.Fatal(err)
	}
	d := &drawing{folder: t.TempDir(), parts: map[string]string{}}
	client := measured.Rows{{Table: "clients", Case: "c", Server: "covey", PerSecond: 1, CPU: 1}, {Table: "clients", Case: "c", Server: "rueidis", PerSecond: 1, CPU: 1}}
	if err := errors.Join(d.wire("f.jsonl", measured.Head{}, rows()), d.clients("g.jsonl", measured.Head{}, client)); err != nil {
		t.Fatal(err)
	}
	if _, err := replace(string(text), d.parts); err != nil {
		t.Error(err)
	}
}
