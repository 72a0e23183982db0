package archtest

import (
	"bytes"
	"go/ast"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// docs/LIMITS.md names constants and tests: all of them are there.
func TestTheTableOfLimitsIsTrue(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "LIMITS.md"))
	if err != nil {
		t.Fatal(err)
	}
	constants := map[string]bool{}
	for _, s := range sources(t) {
		if !strings.HasSuffix(s.path, "limits.go") {
			continue
		}
		ast.Inspect(s.syntax, func(n ast.Node) bool {
			if spec, ok := n.(*ast.ValueSpec); ok {
				for _, name := range spec.Names {
					constants[s.folder+"."+name.Name] = true
				}
			}
			return true
		})
	}
	tests := map[string]bool{}
	if err := filepath.WalkDir(filepath.Join("..", ".."), func(path string, d os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		b, err := os.ReadFile(path)
		for _, m := range testDeclared.FindAllSubmatch(b, -1) {
			tests[string(m[1])] = true
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	rows := 0
	row := regexp.MustCompile("^\\| `([\\w.]+)` \\|.*\\| `(Test\\w+)` \\|$")
	for line := range bytes.Lines(text) {
		if !bytes.HasPrefix(line, []byte("| `")) {
			continue
		}
		m := row.FindSubmatch(bytes.TrimSpace(line))
		if m == nil {
			t.Errorf("a row that does not name a limit and a test: %s", line)
			continue
		}
		rows++
		if limit := string(m[1]); !constants[limit] {
			t.Errorf("no limits.go has %s", limit)
		}
		if test := string(m[2]); !tests[test] {
			t.Errorf("there is no %s", test)
		}
	}
	if rows < 30 {
		t.Errorf("%d limits are listed", rows)
	}
}

// Each fuzz target has a corpus that is checked in.
func TestEachFuzzTargetHasACorpus(t *testing.T) {
	declared := regexp.MustCompile(`(?m)^func (Fuzz\w+)\(`)
	count := 0
	if err := filepath.WalkDir(filepath.Join("..", ".."), func(path string, d os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		b, err := os.ReadFile(path)
		for _, m := range declared.FindAllSubmatch(b, -1) {
			count++
			dir := filepath.Join(filepath.Dir(path), "testdata", "fuzz", string(m[1]))
			if files, err := os.ReadDir(dir); err != nil || len(files) == 0 {
				t.Errorf("%s has no corpus: run make fuzz, and keep what it finds in %s", m[1], dir)
			}
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if count < 20 {
		t.Errorf("%d fuzz targets", count)
	}
}
