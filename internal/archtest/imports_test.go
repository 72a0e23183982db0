package archtest

import (
	"slices"
	"strings"
	"testing"
)

// may lists what a package may import of the module. A package that is not here may import anything that importable allows.
var may = map[string][]string{
	"codec":    {},
	"seal":     {},
	"tracking": {"codec"},
	"store":    {},
	"ifaces":   {},
	"command":  {"codec", "store", "tracking"},
	"peer":     {"codec", "store"},
	"client":   {"codec", "seal"},
	"loop":     {"codec", "command", "ifaces", "peer", "seal", "store", "tracking", "internal/status", "internal/unixonly"},
}

// only says which packages may import a library that has one place in the house.
var only = map[string][]string{
	"github.com/panjf2000/gnet":  {"loop"},
	"github.com/mdlayher/packet": {"ifaces"},
	"github.com/alecthomas/kong": {"cmd/covey"},
	"github.com/flynn/noise":     {"seal"},
	"github.com/redis/go-redis":  {"internal/lab"},
	"github.com/anishathalye":    {}, // tests alone
	"github.com/HdrHistogram":    {"cmd/covey"},
	"golang.org/x/term":          {"cmd/covey"},
}

// importable says whether the package in folder from may import the package in folder to at all: programs are imported
// by nobody, what measures is imported by nobody but what measures too, what is for tests by tests alone.
func importable(from, to string) bool {
	switch {
	case strings.HasPrefix(to, "bench"):
		return strings.HasPrefix(from, "bench")
	case strings.HasPrefix(to, "cmd/"):
		return to != "cmd/covey" && within([]string{"cmd/covey"}, from)
	case to == "loop":
		return strings.HasPrefix(from, "cmd/") || strings.HasPrefix(from, "bench")
	case to == "internal/lab", to == "internal/sim", to == "internal/archtest", to == "internal/harness":
		return false
	}
	return true
}

// ours turns an import path into a folder of the module; ok is false for a library.
func ours(path string) (folder string, ok bool) {
	return strings.CutPrefix(path, "covey/")
}

func TestImportsRunOneWay(t *testing.T) {
	for _, s := range sources(t) {
		for _, path := range s.imports() {
			to, ok := ours(path)
			if !ok {
				continue
			}
			allowed, listed := may[s.folder]
			if listed && !slices.Contains(allowed, to) {
				t.Errorf("%s imports %s: package %s may import only %v of the module", s.path, path, s.folder, allowed)
			}
			if !importable(s.folder, to) {
				t.Errorf("%s imports %s, which nothing of the house may import", s.path, path)
			}
		}
	}
}

func TestALibraryHasOnePlaceInTheHouse(t *testing.T) {
	for _, s := range sources(t) {
		for _, path := range s.imports() {
			for library, places := range only {
				if strings.HasPrefix(path, library) && !within(places, s.folder) {
					t.Errorf("%s imports %s: only %v may know it", s.path, path, places)
				}
			}
		}
	}
}

// within says whether a folder is one of the places or below one.
func within(places []string, folder string) bool {
	return slices.ContainsFunc(places, func(place string) bool {
		return folder == place || strings.HasPrefix(folder, place+"/")
	})
}
