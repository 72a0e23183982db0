package status

import "strconv"

// Metric is one figure of a node.
type Metric struct {
	Name  string // covey_ and what it is, with its unit; of a counter it ends with _total
	Help  string // a line
	Count bool   // it only grows, until the node starts anew; else it goes up and down
	Label string // the name of its one label; empty: it has none
	Text  string // of the label
	Value float64
}

// appendMetrics appends metrics in Prometheus' text format.
func appendMetrics(dst []byte, all []Metric) []byte {
	for i := range all {
		m := &all[i]
		kind := " gauge\n"
		if m.Count {
			kind = " counter\n"
		}
		dst = append(append(append(append(append(dst, "# HELP "...), m.Name...), ' '), m.Help...), '\n')
		dst = append(append(append(dst, "# TYPE "...), m.Name...), kind...)
		dst = append(dst, m.Name...)
		if m.Label != "" {
			dst = append(append(append(dst, '{'), m.Label...), '=')
			dst = append(strconv.AppendQuoteToASCII(dst, m.Text), '}')
		}
		dst = append(dst, ' ')
		dst = append(strconv.AppendFloat(dst, m.Value, 'g', -1, 64), '\n')
	}
	return dst
}
