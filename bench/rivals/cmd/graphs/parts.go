package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"covey/bench/rivals/internal/measured"
)

// drawing is what is made: parts of the page, and pictures in a folder.
type drawing struct {
	folder string
	parts  map[string]string
	brief  string // of README.md
}

// picture writes a chart and returns the Markdown that shows it.
func (d *drawing) picture(name string, c *chart) (string, error) {
	if err := os.WriteFile(filepath.Join(d.folder, name+".svg"), []byte(c.svg()), 0o644); err != nil {
		return "", err
	}
	return fmt.Sprintf("![%s: %s](graphs/%s.svg)\n\n", c.title, c.unit, name), nil
}

// how says where figures come from.
func how(name string, file *measured.File) string {
	var b strings.Builder
	head := file.Head
	fmt.Fprintf(&b, "- measured %s at commit %s, %d runs; all of it is in [bench/results](../bench/results/%s)\n- %s\n", head.Date, head.Commit, head.Runs,
		strings.TrimSuffix(name, "jsonl")+"md", head.Machine)
	for _, v := range head.Versions {
		fmt.Fprintf(&b, "- %s\n", v)
	}
	if head.Command != "" {
		fmt.Fprintf(&b, "- `%s`\n", head.Command)
	}
	if others := file.Rows.Median(measured.Others); others > measured.BusyPercent {
		fmt.Fprintf(&b, "- beside the measurements others had **%.1f %%** of the processors (median): **the machine was busy, and times and requests a "+
			"second say little**; processor time and allocations do\n", others)
	} else {
		fmt.Fprintf(&b, "- beside the measurements others had %.1f %% of the processors (median)\n", others)
	}
	return b.String()
}

// relation is a part that shows how servers stand to one of them.
type relation struct {
	table, base string
	title       string
	first       string // whose ratios the table has
}

var relations = []relation{
	{"benchmark", "redis", "redis-benchmark, 50 connections", "covey"},
	{"lean", "redis", "A generator that is not the limit, 50 connections", "covey"},
	{"mixed", "redis", "Nine gets to one set, Zipf 0.99", "covey"},
	{"binary", "resp", "Client frames beside RESP", "frames"},
	{"unix", "redis", "By a Unix socket, 50 connections", "covey"},
	{"loops", "loops 1", "Event loops on the machine's processors", "loops 1"},
	{"many", "redis", "100 busy connections", "covey"},
	{"replicated", "redis", "Three nodes; a Redis primary with two replicas", "covey"},
}

// wire makes the parts of the comparison of servers.
func (d *drawing) wire(name string, file *measured.File) error {
	rows := file.Rows
	if len(rows) == 0 {
		return fmt.Errorf("no measurement in it")
	}
	d.parts["wire"] = how(name, file)
	d.parts["goals"] = goals(file)
	for _, r := range relations {
		if err := d.relate(r, rows.Table(r.table)); err != nil {
			return err
		}
	}
	for _, t := range []struct{ table, title string }{
		{"offered", "Latency at the same offered load"}, {"large", "Small requests beside values of 1 MiB"},
		{"fair", "1,000 gets a second beside pipelines of 10,000"}, {"visible", "From the reply to visible on another node"},
	} {
		if err := d.latencies(t.table, t.title, rows.Table(t.table)); err != nil {
			return err
		}
	}
	d.parts["slower"] = slower(rows, "covey")
	d.brief = brief(file)
	return nil
}

const notMeasured = "Not measured in this run.\n"

// relate makes pictures of throughput and processor time, and the table of ratios.
func (d *drawing) relate(r relation, rows measured.Rows) error {
	if len(rows) == 0 {
		d.parts[r.table] = notMeasured
		return nil
	}
	servers := rows.Servers()
	slices.SortStableFunc(servers, func(a, b string) int { return index(a, r) - index(b, r) })
	var out strings.Builder
	for _, f := range []struct {
		name, unit, text string
		of               func(*measured.Row) float64
	}{
		{"throughput", "requests a second, " + r.base + " = 1; longer is better", "%s/s", measured.PerSecond},
		{"cpu", "processor seconds for a million requests, " + r.base + " = 1; shorter is better", "%s s", measured.CPU},
	} {
		c := &chart{title: r.title, unit: f.unit, series: servers, mark: 1}
		for _, name := range rows.Cases() {
			g := group{name: name}
			for _, s := range servers {
				own, base := rows.Of(r.table, name, s), rows.Of(r.table, name, r.base)
				m, least, most, ok := own.Ratio(base, f.of)
				if ok {
					g.bars = append(g.bars, bar{s, m, least, most, fmt.Sprintf(f.text, short(own.Median(f.of)))})
				}
			}
			c.groups = append(c.groups, g)
		}
		shown, err := d.picture(r.table+"-"+f.name, c)
		if err != nil {
			return err
		}
		out.WriteString(shown)
	}
	tail, late := "p99.9", measured.P999
	if rows.Median(late) == 0 {
		tail, late = "p99", measured.P99
	}
	var lines [][]string
	for _, name := range rows.Cases() {
		own := rows.Of(r.table, name, r.first)
		for _, s := range servers {
			if s == r.first {
				continue
			}
			other := rows.Of(r.table, name, s)
			lines = append(lines, []string{name, r.first + " : " + s, own.RatioText(other, measured.PerSecond), own.RatioText(other, measured.CPU),
				own.RatioText(other, late), span(own.Median(late)) + " : " + span(other.Median(late)), busy(own, other)})
		}
	}
	out.WriteString(table([]string{"case", "", "requests/s", "CPU", tail, tail + " of both", "others"}, lines))
	d.parts[r.table] = out.String()
	return nil
}

// index puts the server that a table is about first, and the one that it is held against next.
func index(server string, r relation) int {
	switch server {
	case r.first:
		return 0
	case r.base:
		return 1
	}
	return 2
}

// latencies makes a picture of p50, p99 and p99.9, and their table.
func (d *drawing) latencies(name, title string, rows measured.Rows) error {
	if len(rows) == 0 {
		d.parts[name] = notMeasured
		return nil
	}
	servers := rows.Servers()
	slices.SortStableFunc(servers, func(a, b string) int { return index(a, relation{first: "covey"}) - index(b, relation{first: "covey"}) })
	c := &chart{title: title, unit: "p50, p99 and p99.9 in microseconds, logarithmic; shorter is better", series: servers, logarithmic: true}
	var lines [][]string
	for _, one := range rows.Cases() {
		for _, q := range []struct {
			name string
			of   func(*measured.Row) float64
		}{{"p50", measured.P50}, {"p99", measured.P99}, {"p99.9", measured.P999}} {
			g := group{name: one + ", " + q.name}
			for _, s := range servers {
				own := rows.Of(name, one, s)
				g.bars = append(g.bars, bar{series: s, value: own.Median(q.of), text: span(own.Median(q.of))})
			}
			c.groups = append(c.groups, g)
		}
		for _, s := range servers {
			own := rows.Of(name, one, s)
			cpu := "-"
			if v := own.Median(measured.CPU); v > 0 {
				cpu = fmt.Sprintf("%.3f", v)
			}
			lines = append(lines, []string{one, s, short(own.Median(measured.PerSecond)), span(own.Median(measured.P50)), span(own.Median(measured.P99)),
				span(own.Median(measured.P999)), cpu, busy(own)})
		}
	}
	shown, err := d.picture(name, c)
	if err != nil {
		return err
	}
	d.parts[name] = shown + table([]string{"case", "server", "requests/s", "p50", "p99", "p99.9", "CPU s/M", "others"}, lines)
	return nil
}

// clients makes the part of the comparison of clients.
func (d *drawing) clients(name string, file *measured.File) error {
	rows := file.Rows
	if len(rows) == 0 {
		return fmt.Errorf("no measurement in it")
	}
	if err := d.relate(relation{"clients", "rueidis", "Clients for Go on one node", "covey"}, rows); err != nil {
		return err
	}
	var lines [][]string
	for _, c := range rows.Cases() {
		for _, s := range rows.Table("clients").Servers() {
			own := rows.Of("clients", c, s)
			lines = append(lines, []string{c, s, short(own.Median(measured.PerSecond)), fmt.Sprintf("%.2f", own.Median(measured.CPU)),
				fmt.Sprintf("%.2f", own.Median(func(r *measured.Row) float64 { return r.Allocations })),
				short(own.Median(measured.P50)), short(own.Median(measured.P99))})
		}
	}
	d.parts["clients"] = how(name, file) + "\n" + d.parts["clients"] + "\n" +
		table([]string{"case", "client", "requests/s", "CPU us", "allocations", "p50 us", "p99 us"}, lines)
	return nil
}

// tagged makes the part of two builds of covey, of which "before" has gnet's build tags.
func (d *drawing) tagged(path, results string) error {
	path, err := newest(path, results, []string{"*-tags.jsonl"})
	if err != nil { // that is measured more seldom
		d.parts["tags"] = notMeasured
		return nil
	}
	file, err := measured.Read(path)
	if err != nil {
		return err
	}
	d.tags(filepath.Base(path), file)
	return nil
}

func (d *drawing) tags(name string, file *measured.File) {
	var lines [][]string
	for _, c := range file.Rows.Cases() {
		with, without := file.Rows.Of("lean", c, "before"), file.Rows.Of("lean", c, "covey")
		lines = append(lines, []string{c, with.RatioText(without, measured.PerSecond), with.RatioText(without, measured.CPU),
			with.RatioText(without, measured.P999), busy(with, without)})
	}
	d.parts["tags"] = how(name, file) + "\n" + table([]string{"case, with tags : without", "requests/s", "CPU", "p99.9", "others"}, lines)
}

// table is Markdown.
func table(head []string, rows [][]string) string {
	var b strings.Builder
	line := func(cells []string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	line(head)
	rule := make([]string, len(head))
	for i := range rule {
		rule[i] = "---"
		if i > 1 {
			rule[i] = "--:"
		}
	}
	line(rule)
	for _, r := range rows {
		line(r)
	}
	return b.String()
}
