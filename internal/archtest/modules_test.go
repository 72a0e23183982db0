package archtest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// required are the modules that a go.mod asks for itself, with their versions.
func required(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	modules := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^(?:require |\t)([\w./-]+) (v\S+)(.*)$`).FindAllStringSubmatch(string(text), -1) {
		if !strings.Contains(m[3], "// indirect") {
			modules[m[1]] = m[2]
		}
	}
	return modules
}

// docs/ARCHITECTURE.md says why each module that is used is there, in the version of go.mod, and has no other.
func TestTheTableOfDependenciesIsTrue(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "ARCHITECTURE.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(text), "\n## Dependencies\n")
	if !found {
		t.Fatal("docs/ARCHITECTURE.md has no dependencies")
	}
	table, _, _ = strings.Cut(table, "\n## ")
	modules := required(t)
	if len(modules) < 5 {
		t.Fatalf("go.mod asks for %d modules", len(modules))
	}
	row := regexp.MustCompile("^\\| `([^`]+)`(?: \\([^)]*\\))? (v\\S+) \\| [^|]+ \\|$")
	rows := map[string]bool{}
	for line := range strings.Lines(table) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		m := row.FindStringSubmatch(line)
		if m == nil {
			t.Errorf("a row that does not name a module, a version and a reason: %s", line)
			continue
		}
		rows[m[1]] = true
		if version := modules[m[1]]; version != m[2] {
			t.Errorf("%s %s: go.mod has version %q", m[1], m[2], version)
		}
	}
	for module := range modules {
		if !rows[module] {
			t.Errorf("docs/ARCHITECTURE.md does not say why there is %s", module)
		}
	}
}
