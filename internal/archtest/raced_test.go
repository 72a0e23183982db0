package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// makeVariable is what the Makefile gives a variable.
func makeVariable(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^` + name + ` = (.*)$`).FindSubmatch(text)
	if line == nil {
		t.Fatalf("the Makefile gives no %s", name)
	}
	return string(line[1])
}

// TestWhereGoroutinesMeetTheRaceDetectorLooks: a pure package starts no goroutine, but tests of it do. make race runs these: all of them,
// and no other, for of one goroutine there is nothing to find.
func TestWhereGoroutinesMeetTheRaceDetectorLooks(t *testing.T) {
	listed := strings.Split(makeVariable(t, "MEET"), "|")
	raced := strings.Fields(makeVariable(t, "MET"))
	found := map[string]string{}
	for _, folder := range pure {
		for _, name := range meetings(t, folder) {
			found[name] = folder
			if !slices.Contains(raced, "./"+folder) {
				t.Errorf("%s of %s starts goroutines: MET in the Makefile lacks ./%s", name, folder, folder)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if !slices.Contains(listed, name) {
			t.Errorf("%s of %s starts goroutines: MEET in the Makefile lacks it", name, found[name])
		}
	}
	for _, name := range listed {
		if found[name] == "" {
			t.Errorf("MEET in the Makefile has %s, which starts no goroutine", name)
		}
	}
}

// meetings are the tests of a package that start a goroutine, themselves or by a function of their package, which is told by its name.
func meetings(t *testing.T, folder string) (tests []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", folder, "*_test.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no tests in %s: %v", folder, err)
	}
	starts, uses := map[string]bool{}, map[string][]string{}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok {
				starts[fn.Name.Name] = starts[fn.Name.Name] || startsGoroutine(fn)
				uses[fn.Name.Name] = append(uses[fn.Name.Name], called(fn)...)
			}
		}
	}
	for more := true; more; {
		more = false
		for name, all := range uses {
			if !starts[name] && slices.ContainsFunc(all, func(other string) bool { return starts[other] }) {
				starts[name], more = true, true
			}
		}
	}
	for name := range uses {
		if starts[name] && (strings.HasPrefix(name, "Test") || strings.HasPrefix(name, "Fuzz")) {
			tests = append(tests, name)
		}
	}
	return tests
}

// startsGoroutine reports whether the body of a function has a go statement, a WaitGroup.Go or a test that is parallel.
func startsGoroutine(fn *ast.FuncDecl) (yes bool) {
	ast.Inspect(fn, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			yes = true
		case *ast.CallExpr:
			if sel, ok := n.Fun.(*ast.SelectorExpr); ok {
				yes = yes || slices.Contains([]string{"Go", "Parallel", "RunParallel"}, sel.Sel.Name)
			}
		}
		return true
	})
	return yes
}

// called are the names of the functions that one calls, or hands on.
func called(fn *ast.FuncDecl) (names []string) {
	ast.Inspect(fn, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && id != fn.Name {
			names = append(names, id.Name)
		}
		return true
	})
	return names
}
