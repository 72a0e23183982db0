package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// A source is one production file of the module.
type source struct {
	path   string // slash-separated, from the module's root
	folder string // the import path without "covey/"
	lines  int
	syntax *ast.File
}

// imports returns the import paths of the file.
func (s *source) imports() []string {
	var all []string
	for _, spec := range s.syntax.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err == nil {
			all = append(all, p)
		}
	}
	return all
}

var positions = token.NewFileSet()

// where gives file:line of a node, from the module's root.
func where(s *source, n ast.Node) string {
	return s.path + ":" + strconv.Itoa(positions.Position(n.Pos()).Line)
}

// parsed is what sources answers, and why it cannot: files are read once a run, and whoever looks at them changes nothing.
var parsed = sync.OnceValues(parseAll)

// sources are all production files of the module; a nested module is not ours to judge.
func sources(t *testing.T) []*source {
	t.Helper()
	all, err := parsed()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 10 {
		t.Fatalf("only %d production files found: the walk is broken", len(all))
	}
	return all
}

func parseAll() ([]*source, error) {
	root := filepath.Join("..", "..")
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		return nil, fmt.Errorf("the module's root is not two folders up: %w", err)
	}
	var all []*source
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if entry.IsDir() {
			return skipped(name, rel)
		}
		if !strings.HasSuffix(rel, ".go") || strings.HasSuffix(rel, "_test.go") {
			return nil
		}
		one, err := parse(name, rel)
		if err == nil {
			all = append(all, one)
		}
		return err
	})
	return all, err
}

// skipped tells WalkDir to leave out test input, hidden folders and nested modules.
func skipped(name, rel string) error {
	if rel == "." {
		return nil
	}
	base := path.Base(rel)
	if base == "testdata" || strings.HasPrefix(base, ".") || base == "bin" {
		return fs.SkipDir
	}
	if _, err := os.Stat(filepath.Join(name, "go.mod")); err == nil {
		return fs.SkipDir
	}
	return nil
}

func parse(name, rel string) (*source, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	syntax, err := parser.ParseFile(positions, rel, text, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	return &source{path: rel, folder: path.Dir(rel), lines: strings.Count(string(text), "\n"), syntax: syntax}, nil
}
