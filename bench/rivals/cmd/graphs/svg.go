package main

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// Sizes of a picture, in its own units, which browsers take for pixels.
const (
	width      = 920
	left       = 250 // of the bars: names stand before them
	right      = 150 // beside them: figures
	barHeight  = 15
	groupGap   = 12
	headHeight = 62
	footHeight = 30
)

// colors tell servers apart, also for those who do not see all colors alike.
var colors = map[string]string{
	"covey": "#0072b2", "redis": "#d55e00", "memcached": "#8c8c8c", "valkey": "#009e73", "before": "#cc79a7",
	"rueidis": "#d55e00", "go-redis": "#8c8c8c", "go-redis-auto": "#009e73",
	"frames": "#0072b2", "resp": "#8c8c8c", "loops 1": "#0072b2", "loops 2": "#d55e00", "loops 4": "#8c8c8c",
}

// bar is one figure: its length, the ends of its whisker (equal: none), and what is written after it.
type bar struct {
	series      string
	value       float64
	least, most float64
	text        string
}

// group is bars with one name.
type group struct {
	name string
	bars []bar
}

// chart is one picture.
type chart struct {
	title, unit string
	series      []string
	groups      []group
	logarithmic bool
	mark        float64 // where a line is drawn; 0: nowhere
}

// svg draws a chart as a picture that needs nothing from elsewhere.
func (c *chart) svg() string {
	least, most := c.bounds()
	height := headHeight + footHeight
	for _, g := range c.groups {
		height += len(g.bars)*barHeight + groupGap
	}
	place := func(v float64) float64 {
		if c.logarithmic {
			v, from, to := math.Log10(max(v, least)), math.Log10(least), math.Log10(most)
			return left + (v-from)/(to-from)*(width-left-right)
		}
		return left + min(v, most)/most*(width-left-right)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" font-family="sans-serif" font-size="12">`+"\n", width, height, width, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", width, height)
	fmt.Fprintf(&b, `<text x="10" y="20" font-size="15" font-weight="bold">%s</text>`+"\n", html.EscapeString(c.title))
	fmt.Fprintf(&b, `<text x="10" y="37" fill="#555555">%s</text>`+"\n", html.EscapeString(c.unit))
	at := 10
	for _, s := range c.series {
		fmt.Fprintf(&b, `<rect x="%d" y="44" width="10" height="10" fill="%s"/><text x="%d" y="53">%s</text>`+"\n", at, color(s), at+14, html.EscapeString(s))
		at += 30 + 7*len(s)
	}
	for _, v := range ticks(least, most, c.logarithmic) {
		fmt.Fprintf(&b, `<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#dddddd"/><text x="%.1f" y="%d" text-anchor="middle" fill="#555555">%s</text>`+"\n",
			place(v), headHeight, place(v), height-footHeight, place(v), height-12, short(v))
	}
	if c.mark > 0 {
		fmt.Fprintf(&b, `<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#000000" stroke-dasharray="4 3"/>`+"\n", place(c.mark), headHeight, place(c.mark), height-footHeight)
	}
	y := float64(headHeight + groupGap/2)
	for _, g := range c.groups {
		fmt.Fprintf(&b, `<text x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n", left-8, y+float64(len(g.bars)*barHeight)/2+4, html.EscapeString(g.name))
		for _, one := range g.bars {
			end := place(one.value)
			fmt.Fprintf(&b, `<rect x="%d" y="%.1f" width="%.1f" height="%d" fill="%s"/>`, left, y+1, max(end-left, 1), barHeight-2, color(one.series))
			if one.most > one.least {
				middle := y + barHeight/2.0
				fmt.Fprintf(&b, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="#000000"/>`, place(one.least), middle, place(one.most), middle)
				end = max(end, place(one.most))
			}
			fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" paint-order="stroke" stroke="#ffffff" stroke-width="3">%s</text>`+"\n", end+5, y+12, html.EscapeString(one.text))
			y += barHeight
		}
		y += groupGap
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func color(series string) string {
	if c, ok := colors[series]; ok {
		return c
	}
	return "#333333"
}

// bounds are the ends of the axis: from 0, or from a power of ten, to what all bars fit in. Whiskers that go far beyond all bars
// are cut: one disturbed run must not make the others small.
func (c *chart) bounds() (least, most float64) {
	least, most = math.Inf(1), 0
	for _, g := range c.groups {
		for _, one := range g.bars {
			least = min(least, max(one.value, 1e-9))
			most = max(most, one.value)
		}
	}
	if !c.logarithmic {
		return 0, max(most*1.15, c.mark*1.15, 1e-9)
	}
	least, most = math.Pow(10, math.Floor(math.Log10(least))), math.Pow(10, math.Ceil(math.Log10(most)))
	if least == most {
		most *= 10
	}
	return least, most
}

// ticks are where the axis is labelled.
func ticks(least, most float64, logarithmic bool) (out []float64) {
	if logarithmic {
		for v := least; v <= most*1.001; v *= 10 {
			out = append(out, v)
		}
		return out
	}
	step := math.Pow(10, math.Floor(math.Log10(most)))
	for most/step < 4 {
		step /= 2
	}
	for v := 0.0; v <= most; v += step {
		out = append(out, v)
	}
	return out
}

// span writes a time in microseconds.
func span(us float64) string {
	switch {
	case us >= 1e6:
		return fmt.Sprintf("%.3g s", us/1e6)
	case us >= 1e4:
		return fmt.Sprintf("%.3g ms", us/1e3)
	}
	return fmt.Sprintf("%.0f us", us)
}

// short writes a figure in at most three digits or so.
func short(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%.3g M", v/1e6)
	case v >= 1e4:
		return fmt.Sprintf("%.0f k", v/1e3)
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.3g", v)
}
