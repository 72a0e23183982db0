package archtest

import (
	"go/ast"
	"path"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// maxFileLines is the length at which a production file has become two.
const maxFileLines = 400

// forbidden words say nothing, or say it in a word that the house has another for.
var forbidden = []string{"master", "slave", "manager", "util", "utils", "helper", "helpers", "data", "info"}

// infoPlaces are where "info" is the Redis command or the verb that shows the same.
var infoPlaces = []string{"client", "cmd/covey", "codec", "command", "internal/lab", "loop"}

// allowed are names that the contract between packages fixed, each with what it means.
var allowed = map[string]string{
	"cmd/covey.Data": "the flag -d of covey bench, called as users of redis-benchmark know it",
	"peer.Data":      "the next bytes of the ring on a link, as opposed to Control",
}

func TestNamesKeepToTheWordList(t *testing.T) {
	for _, s := range sources(t) {
		for _, word := range words(strings.TrimSuffix(path.Base(s.path), ".go")) {
			if bad(s, word) {
				t.Errorf("%s: the file's name has the word %q", s.path, word)
			}
		}
		ast.Inspect(s.syntax, func(n ast.Node) bool {
			for _, name := range declared(n) {
				if _, ok := allowed[s.folder+"."+name.Name]; ok {
					continue
				}
				for _, word := range words(name.Name) {
					if bad(s, word) {
						t.Errorf("%s: the name %s has the word %q", where(s, name), name.Name, word)
					}
				}
			}
			return true
		})
	}
}

func TestAProductionFileIsAtMost400Lines(t *testing.T) {
	for _, s := range sources(t) {
		if s.lines > maxFileLines {
			t.Errorf("%s has %d lines, more than %d", s.path, s.lines, maxFileLines)
		}
	}
}

// TestEachPackageTellsItsFlow: a doc.go, or a package comment in a program's main file.
func TestEachPackageTellsItsFlow(t *testing.T) {
	told := map[string]bool{}
	for _, s := range sources(t) {
		told[s.folder] = told[s.folder] || s.syntax.Doc != nil
	}
	for folder, ok := range told {
		if !ok {
			t.Errorf("package %s has no comment that tells its flow", folder)
		}
	}
}

func TestWordsSplitsNamesAsReadersDo(t *testing.T) {
	for name, want := range map[string]string{
		"dataLen": "data len", "HTTPInfo": "http info", "netlink_linux": "netlink linux", "metadata": "metadata", "ID": "id", "x2Data": "x2 data",
	} {
		if got := strings.Join(words(name), " "); got != want {
			t.Errorf("words(%q) = %q, want %q", name, got, want)
		}
	}
}

func bad(s *source, word string) bool {
	if word == "info" && slices.Contains(infoPlaces, s.folder) {
		return false
	}
	return slices.Contains(forbidden, word)
}

// declared gives the names that a node of the syntax tree brings into being.
func declared(n ast.Node) []*ast.Ident {
	switch n := n.(type) {
	case *ast.File:
		return []*ast.Ident{n.Name}
	case *ast.FuncDecl:
		return []*ast.Ident{n.Name}
	case *ast.TypeSpec:
		return []*ast.Ident{n.Name}
	case *ast.ValueSpec:
		return n.Names
	case *ast.Field:
		return n.Names
	case *ast.AssignStmt:
		var names []*ast.Ident
		if n.Tok.String() == ":=" {
			for _, e := range n.Lhs {
				if id, ok := e.(*ast.Ident); ok {
					names = append(names, id)
				}
			}
		}
		return names
	}
	return nil
}

// words splits a name at underscores and where a capital begins a word, in lower case.
func words(name string) []string {
	var all []string
	for _, part := range strings.Split(name, "_") {
		runes := []rune(part)
		begin := 0
		for i := 1; i < len(runes); i++ {
			up := unicode.IsUpper(runes[i])
			afterLower := !unicode.IsUpper(runes[i-1])
			endsAcronym := i+1 < len(runes) && unicode.IsLower(runes[i+1])
			if up && (afterLower || endsAcronym) {
				all = append(all, strings.ToLower(string(runes[begin:i])))
				begin = i
			}
		}
		if begin < len(runes) {
			all = append(all, strings.ToLower(string(runes[begin:])))
		}
	}
	return all
}
