package archtest

import (
	"go/ast"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// pure lists the packages that take bytes, time and randomness as arguments.
var pure = []string{"codec", "command", "peer", "seal", "store", "tracking"}

// impure lists imports that bring a socket, a file, a process, a log or randomness of the machine.
var impure = []string{
	"crypto/rand", "log", "log/slog", "net", "net/http", "os", "os/exec", "os/signal", "syscall",
	"golang.org/x/sys/unix", "golang.org/x/net",
}

// mapped are the only files of a pure package that ask the system for something: memory that the collector does not walk.
var mapped = map[string]string{
	"store/pages_unix.go":  "golang.org/x/sys/unix",
	"store/pages_linux.go": "golang.org/x/sys/unix",
	"store/pages_bsd.go":   "golang.org/x/sys/unix",
}

// clocks are the functions of package time that read a clock, wait for one or start a timer.
var clocks = []string{"After", "AfterFunc", "NewTicker", "NewTimer", "Now", "Since", "Sleep", "Tick", "Until"}

// seeded are the functions of math/rand and math/rand/v2 that make a source out of a given seed; the others share a global one.
var seeded = []string{"New", "NewChaCha8", "NewPCG", "NewSource", "NewZipf"}

func TestPurePackagesImportNoSocketNoFileNoLog(t *testing.T) {
	for _, s := range sources(t) {
		if !slices.Contains(pure, s.folder) {
			continue
		}
		for _, path := range s.imports() {
			if slices.Contains(impure, path) && mapped[s.path] != path {
				t.Errorf("%s imports %s: %s takes bytes, time and randomness as arguments", s.path, path, s.folder)
			}
		}
	}
}

func TestPurePackagesStartNoGoroutineAndReadNoClock(t *testing.T) {
	for _, s := range sources(t) {
		if !slices.Contains(pure, s.folder) {
			continue
		}
		names := importNames(s)
		ast.Inspect(s.syntax, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				t.Errorf("%s: a goroutine in a pure package", where(s, n))
			case *ast.SelectorExpr:
				if what := machineCall(names, n); what != "" {
					t.Errorf("%s: %s in a pure package", where(s, n), what)
				}
			}
			return true
		})
	}
}

func TestPurePackagesHaveNoVariableThatChanges(t *testing.T) {
	for _, folder := range pure {
		globals := map[string]bool{}
		var files []*source
		for _, s := range sources(t) {
			if s.folder == folder {
				files = append(files, s)
				packageVariables(s, globals)
			}
		}
		for _, s := range files {
			reportWrites(t, s, globals)
		}
	}
}

// importNames maps the name by which a file calls a package to its path.
func importNames(s *source) map[string]string {
	names := map[string]string{}
	for _, spec := range s.syntax.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		name := path[strings.LastIndex(path, "/")+1:]
		if path == "math/rand/v2" {
			name = "rand"
		}
		if spec.Name != nil {
			name = spec.Name.Name
		}
		names[name] = path
	}
	return names
}

// machineCall names a use of the machine's clock or of the global random source; "" when there is none.
func machineCall(names map[string]string, sel *ast.SelectorExpr) string {
	base, ok := sel.X.(*ast.Ident)
	if !ok || base.Obj != nil {
		return ""
	}
	name := sel.Sel.Name
	switch names[base.Name] {
	case "time":
		if slices.Contains(clocks, name) {
			return "time." + name
		}
	case "math/rand", "math/rand/v2":
		// Types (rand.Rand, rand.Source) are fine: they are how randomness is handed in.
		if !slices.Contains(seeded, name) && !slices.Contains([]string{"Rand", "Source", "Source64", "PCG", "ChaCha8", "Zipf"}, name) {
			return "the global rand." + name
		}
	}
	return ""
}

// packageVariables adds the names of the variables that a file declares at package level.
func packageVariables(s *source, globals map[string]bool) {
	for _, decl := range s.syntax.Decls {
		gen, ok := decl.(*ast.GenDecl)
		if !ok || gen.Tok != token.VAR {
			continue
		}
		for _, spec := range gen.Specs {
			for _, name := range spec.(*ast.ValueSpec).Names {
				if name.Name != "_" {
					globals[name.Name] = true
				}
			}
		}
	}
}

// reportWrites fails the test for each function, init apart, that assigns to a variable of the package or takes its address.
func reportWrites(t *testing.T, s *source, globals map[string]bool) {
	t.Helper()
	local := map[any]bool{}
	for _, decl := range s.syntax.Decls {
		if gen, ok := decl.(*ast.GenDecl); ok {
			for _, spec := range gen.Specs {
				local[spec] = true
			}
		}
	}
	isGlobal := func(e ast.Expr) bool {
		name := rootName(e)
		return name != nil && globals[name.Name] && (name.Obj == nil || local[name.Obj.Decl])
	}
	for _, decl := range s.syntax.Decls {
		fn, ok := decl.(*ast.FuncDecl)
		if !ok || fn.Name.Name == "init" {
			continue
		}
		ast.Inspect(fn, func(n ast.Node) bool {
			var targets []ast.Expr
			switch n := n.(type) {
			case *ast.AssignStmt:
				if n.Tok != token.DEFINE {
					targets = n.Lhs
				}
			case *ast.IncDecStmt:
				targets = []ast.Expr{n.X}
			}
			for _, target := range targets {
				if isGlobal(target) {
					t.Errorf("%s: %s writes the package variable %s", where(s, n), fn.Name.Name, rootName(target).Name)
				}
			}
			return true
		})
	}
}

// rootName is the identifier an assignable expression begins with: x of x.y[i].
func rootName(e ast.Expr) *ast.Ident {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x
		case *ast.SelectorExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		default:
			return nil
		}
	}
}
