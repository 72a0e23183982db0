// Graphs makes what docs/PERFORMANCE.md shows, out of the newest lines of JSON in bench/results: the pictures in docs/graphs, and the
// tables between markers in the page and in README.md. It is to be started in the folder bench/rivals:
//
//		go run ./cmd/graphs
//
//	 1. A part of the page (parts.go) is what stands between `<!-- begin NAME -->` and `<!-- end NAME -->`; everything else of the page
//	    is written by people and left alone.
//	 2. A picture (svg.go) is either how servers stand to Redis, or times on a logarithmic axis.
//	 3. A part whose file was never measured says so.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"covey/bench/rivals/internal/measured"
	"covey/bench/rivals/internal/report"
)

func main() {
	results := flag.String("results", "../results", "the `folder` of the lines")
	docs := flag.String("docs", "../../docs", "the `folder` of the page")
	wire := flag.String("wire", "", "the `file` of the comparison of servers; by default the newest of *-wire.jsonl, or of *-wire-quick.jsonl")
	clients := flag.String("clients", "", "and of the comparison of clients; by default the newest of *-clients.jsonl")
	tags := flag.String("tags", "", "and of the comparison of build tags; by default the newest of *-tags.jsonl")
	flag.Parse()
	if err := run(*results, *docs, *wire, *clients, *tags); err != nil {
		report.Fail(err)
	}
}

func run(results, docs, wire, clients, tags string) error {
	d := &drawing{folder: filepath.Join(docs, "graphs"), parts: map[string]string{}}
	if err := os.MkdirAll(d.folder, 0o755); err != nil {
		return err
	}
	for _, source := range []struct {
		path     string
		patterns []string
		draw     func(*drawing, string, *measured.File) error
	}{
		{wire, []string{"*-wire.jsonl", "*-wire-quick.jsonl"}, (*drawing).wire},
		{clients, []string{"*-clients.jsonl"}, (*drawing).clients},
	} {
		path, err := newest(source.path, results, source.patterns)
		if err != nil {
			return err
		}
		file, err := measured.Read(path)
		if err != nil {
			return err
		}
		if err := source.draw(d, filepath.Base(path), file); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	if err := errors.Join(d.tagged(tags, results), d.shared(results)); err != nil {
		return err
	}
	return errors.Join(fill(filepath.Join(docs, "PERFORMANCE.md"), d.parts), fill(filepath.Join(docs, "..", "README.md"), map[string]string{"brief": d.brief}))
}

// fill puts the parts into a page.
func fill(page string, parts map[string]string) error {
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	changed, err := replace(string(text), parts)
	if err != nil {
		return fmt.Errorf("%s: %w", page, err)
	}
	return os.WriteFile(page, []byte(changed), 0o644)
}

// newest is a given path, or the last of the files of the first pattern that has any: their names begin with a date.
func newest(path, folder string, patterns []string) (string, error) {
	if path != "" {
		return path, nil
	}
	for _, pattern := range patterns {
		found, err := filepath.Glob(filepath.Join(folder, pattern))
		if err != nil {
			return "", err
		}
		if len(found) > 0 {
			return slices.Max(found), nil
		}
	}
	return "", fmt.Errorf("nothing was measured: there is no %s in %s", strings.Join(patterns, " and no "), folder)
}

// replace puts the parts between their markers. Every part must have its place, and every place its part.
func replace(text string, parts map[string]string) (string, error) {
	var out strings.Builder
	used := map[string]bool{}
	for {
		before, rest, ok := strings.Cut(text, "<!-- begin ")
		out.WriteString(before)
		if !ok {
			break
		}
		name, rest, ok := strings.Cut(rest, " -->\n")
		if !ok {
			return "", fmt.Errorf("a marker without an end: %q", rest[:min(len(rest), 40)])
		}
		end := "<!-- end " + name + " -->"
		_, after, ok := strings.Cut(rest, end)
		if !ok {
			return "", fmt.Errorf("the part %q has no end", name)
		}
		part, ok := parts[name]
		if !ok {
			return "", fmt.Errorf("there is no part %q", name)
		}
		used[name] = true
		fmt.Fprintf(&out, "<!-- begin %s -->\n%s\n%s", name, strings.TrimSpace(part), end)
		text = after
	}
	for name := range parts {
		if !used[name] {
			return "", fmt.Errorf("the page has no place for the part %q", name)
		}
	}
	return out.String(), nil
}
