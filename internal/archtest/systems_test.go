package archtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// forWindows runs the go command as if for Windows.
func forWindows(args ...string) (output string, err error) {
	cmd := exec.Command("go", args...)
	cmd.Dir = filepath.Join("..", "..")
	cmd.Env = append(os.Environ(), "GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0")
	all, err := cmd.CombinedOutput()
	return string(all), err
}

// TestABuildForWindowsEndsInOneSentence: what cannot be built says so itself, before the compiler lists calls that are missing.
func TestABuildForWindowsEndsInOneSentence(t *testing.T) {
	output, err := forWindows("build", "./internal/unixonly")
	if err == nil || !strings.Contains(output, "undefined: covey_runs_on_Linux_macOS_and_FreeBSD__for_Windows_see_docs_OPERATIONS_md") {
		t.Errorf("go build for Windows: %v\n%s", err, output)
	}
	if !slices.ContainsFunc(sources(t), func(s *source) bool {
		return s.folder == "loop" && slices.Contains(s.imports(), "covey/internal/unixonly")
	}) {
		t.Error("package loop does not import internal/unixonly")
	}
	text, err := os.ReadFile("../../docs/OPERATIONS.md")
	if err != nil || !strings.Contains(string(text), "\n## Windows, macOS, FreeBSD\n") {
		t.Errorf("docs/OPERATIONS.md has no section that the sentence means (%v)", err)
	}
}

// TestTheClientNeedsNoUnix: programs on Windows may use package client.
func TestTheClientNeedsNoUnix(t *testing.T) {
	output, err := forWindows("list", "-deps", "./client")
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	deps := strings.Fields(output)
	if !slices.Contains(deps, "covey/codec") {
		t.Errorf("go list -deps ./client: %s", output)
	}
	for _, never := range []string{"covey/internal/unixonly", "covey/loop", "golang.org/x/sys/unix"} {
		if slices.Contains(deps, never) {
			t.Errorf("for Windows the client needs %s", never)
		}
	}
}
