package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"golang.org/x/term"
)

// table is rows under a header.
type table struct {
	header []string
	rows   [][]string
}

// add adds a row. A cell may repeat what a node, or whatever answered instead of one, has said: it stays one cell.
func (t *table) add(cells ...string) {
	for i, cell := range cells {
		cells[i] = oneCell.Replace(shown(cell))
	}
	t.rows = append(t.rows, cells)
}

// oneCell takes out what ends a cell.
var oneCell = strings.NewReplacer("\t", " ", "\n", " ")

// print writes the table: in columns for a person at a terminal, else one row a line with tabs between the cells, which
// cut and awk read without counting blanks.
func (t *table) print(w io.Writer) error {
	out := bufio.NewWriter(w)
	lines := append([][]string{t.header}, t.rows...)
	if !isTerminal(w) {
		for _, cells := range lines {
			fmt.Fprintln(out, strings.Join(cells, "\t"))
		}
		return out.Flush()
	}
	columns := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, cells := range lines {
		fmt.Fprintln(columns, strings.Join(cells, "\t"))
	}
	if err := columns.Flush(); err != nil {
		return err
	}
	return out.Flush()
}

// isTerminal reports whether a person sees what is written.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// printJSON writes one value, indented, and a newline. It goes to no browser, so < > & stay as they are.
func printJSON(w io.Writer, v any) error {
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	return out.Encode(v)
}
