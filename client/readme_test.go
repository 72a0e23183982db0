package client_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestTheProgramOfTheREADMEIsTheExample: that of this package, which is compiled.
func TestTheProgramOfTheREADMEIsTheExample(t *testing.T) {
	example, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.NewReplacer("package client_test", "package main", "func Example()", "func main()").Replace(string(example))
	if got := programOfREADME(t); got != want {
		t.Errorf("README.md has\n%s\nand example_test.go\n%s", got, want)
	}
}

// TestAnotherModuleImportsTheClient: by the line of the README, out of a folder of its own. What go mod tidy finds out, and may have to
// fetch something for, is what covey's own module says.
func TestAnotherModuleImportsTheClient(t *testing.T) {
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	edit := strings.ReplaceAll(regexp.MustCompile(`(?m)^go mod edit .*`).FindString(string(text)), "/path/to/covey", root)
	module, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	sums, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"main.go": programOfREADME(t), "go.mod": strings.Replace(string(module), "module covey", "module example.com/mine", 1), "go.sum": string(sums),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, line := range []string{edit, "go build -mod=mod -o mine ."} {
		words := strings.Fields(line)
		if len(words) == 0 {
			t.Fatal("README.md has no line for another module")
		}
		cmd := exec.Command(words[0], words[1:]...)
		// What covey needs is there, for this test was built; nothing is fetched.
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOPROXY=off", "GOWORK=off", "GOFLAGS=", "GOTOOLCHAIN=local")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", line, err, out)
		}
	}
}

// programOfREADME is the Go program in it.
func programOfREADME(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), "```go\n")
	program, _, found := strings.Cut(after, "```")
	if !found {
		t.Fatal("README.md has no Go program")
	}
	return program
}
