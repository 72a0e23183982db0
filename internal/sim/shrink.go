package sim

import (
	"fmt"
	"slices"
	"strings"
)

const shrinkRuns = 300 // runs at most to make a failing plan smaller

// Shrink looks for a smaller plan that fails the same check: without machines at the end, without steps. It returns the
// plan, its complaints, and how many runs it took.
func (p *Plan) Shrink(weak Weak, check string) (small *Plan, wrong []Wrong, runs int) {
	fails := func(q *Plan) []Wrong {
		if runs >= shrinkRuns {
			return nil
		}
		runs++
		_, wrong := q.Run(weak, nil)
		if !slices.ContainsFunc(wrong, func(w Wrong) bool { return w.Check == check }) {
			return nil
		}
		return wrong
	}
	small = p
	try := func(q *Plan) bool {
		if w := fails(q); w != nil {
			small, wrong = q, w
			return true
		}
		return false
	}
	for len(small.Machines) > 2 && try(small.without(len(small.Machines)-1)) {
	}
	for part := max(1, len(small.Steps)/2); ; part /= 2 {
		for from := 0; from < len(small.Steps); {
			q := *small
			q.Steps = slices.Concat(small.Steps[:from], small.Steps[min(from+part, len(small.Steps)):])
			if !try(&q) {
				from += part
			}
		}
		if part <= 1 || runs >= shrinkRuns {
			return small, wrong, runs
		}
	}
}

// without is the plan without its machine number last.
func (p *Plan) without(last int) *Plan {
	q := *p
	q.Machines = p.Machines[:last]
	q.Apart = slices.DeleteFunc(slices.Clone(p.Apart), func(pair [2]int) bool { return pair[0] == last || pair[1] == last })
	q.Steps = slices.DeleteFunc(slices.Clone(p.Steps), func(s Step) bool { return s.Host == last })
	return &q
}

// Transcript runs the plan again and tells what happened, in a line each: what concerns the keys that are complained of.
func (p *Plan) Transcript(weak Weak, wrong []Wrong) string {
	keys := map[string]bool{}
	for _, w := range wrong {
		if w.Key != "" {
			keys[w.Key] = true
		}
	}
	var out strings.Builder
	for i, m := range p.Machines {
		fmt.Fprintf(&out, "%s: clock %+d ms, %+d ppm, ring %d, memory %d, starts at %s", hostName(i), m.Skew, m.Drift, m.Ring, m.Memory, m.Joins)
		if m.Clone != i {
			fmt.Fprintf(&out, ", a clone of %s", hostName(m.Clone))
		}
		out.WriteByte('\n')
	}
	for _, pair := range p.Apart {
		fmt.Fprintf(&out, "%s and %s never reach each other\n", hostName(pair[0]), hostName(pair[1]))
	}
	p.Run(weak, func(format string, args ...any) {
		line := fmt.Sprintf(format, args...)
		if strings.Contains(line, `: ["`) && len(keys) > 0 && !mentions(line, keys) {
			return
		}
		fmt.Fprintln(&out, line)
	})
	return out.String()
}

// mentions reports whether a command touches one of the keys, or all keys.
func mentions(line string, keys map[string]bool) bool {
	for key := range keys {
		if strings.Contains(line, `"`+key+`"`) {
			return true
		}
	}
	return strings.Contains(line, `"FLUSHALL"`)
}
