package main

import (
	"fmt"

	"covey/bench/rivals/internal/measured"
)

// goals lists what was to be reached, and what was measured of it.
func goals(file *measured.File) string {
	var lines [][]string
	met := 0
	for i := range file.Goals {
		g := &file.Goals[i]
		m, text, ok := g.Ratio(file.Rows)
		verdict := "**missed**"
		switch {
		case !ok:
			text, verdict = "-", "not measured"
		case g.Met(m):
			verdict = "met"
			met++
		}
		against := g.Other
		if g.Beside != g.Case {
			against = g.Beside
		}
		lines = append(lines, []string{g.Table, g.Case, against, g.Figure, g.String(), text, verdict})
	}
	if len(lines) == 0 {
		return notMeasured
	}
	return fmt.Sprintf("%d of %d are met.\n\n", met, len(lines)) + table([]string{"table", "case", "against", "figure", "goal", "ratio", ""}, lines)
}

// busy is what share of the processors others had beside measurements, marked where it is much.
func busy(all ...measured.Rows) string {
	most := 0.0
	for _, rows := range all {
		most = max(most, rows.Median(measured.Others))
	}
	if most > measured.BusyPercent {
		return fmt.Sprintf("**%.0f %%**", most)
	}
	return fmt.Sprintf("%.0f %%", most)
}

// slower lists every case in which the median of the ratios says that a server is behind another.
func slower(rows measured.Rows, name string) string {
	var lines [][]string
	for _, tableName := range rows.Tables() {
		all := rows.Table(tableName)
		for _, c := range all.Cases() {
			own := all.Of(tableName, c, name)
			for _, s := range all.Servers() {
				if s == name || s == "before" {
					continue
				}
				other := all.Of(tableName, c, s)
				line, behind := []string{tableName, c, s}, false
				for _, f := range []struct {
					of   func(*measured.Row) float64
					more bool // is better
				}{{measured.PerSecond, true}, {measured.CPU, false}, {measured.P99, false}, {measured.P999, false}} {
					m, _, _, ok := own.Ratio(other, f.of)
					text := "-"
					if ok && (f.more && m < 0.995 || !f.more && m > 1.005) {
						text, behind = fmt.Sprintf("%.2f", m), true
					}
					line = append(line, text)
				}
				if behind {
					lines = append(lines, line)
				}
			}
		}
	}
	if len(lines) == 0 {
		return "Nowhere in this run.\n"
	}
	return table([]string{"table", "case", "behind", "requests/s", "CPU", "p99", "p99.9"}, lines)
}
