package archtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// fenced returns the block of a page that holds a line, without its fences.
func fenced(t *testing.T, page, line string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", page))
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range regexp.MustCompile("(?ms)^```[a-z]*\n(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
		if strings.Contains("\n"+block[1], "\n"+line) {
			return block[1]
		}
	}
	t.Fatalf("%s has no block with %s", page, line)
	return ""
}

// TestSystemdTakesTheUnits: the unit of the README, and it with what OPERATIONS adds, without a word that systemd does not know.
func TestSystemdTakesTheUnits(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("there is no systemd-analyze here")
	}
	unit := regexp.MustCompile(`(?m)^ExecStart=\S+`).ReplaceAllString(fenced(t, "README.md", "[Unit]"), "ExecStart=/bin/true")
	rights := fenced(t, filepath.Join("docs", "OPERATIONS.md"), "CapabilityBoundingSet=")
	credential := fenced(t, "README.md", "LoadCredential=")
	for what, added := range map[string]string{"alone": "", "with few rights": rights, "with a secret": credential} {
		path := filepath.Join(t.TempDir(), "covey.service")
		whole := strings.Replace(unit, "[Service]\n", "[Service]\n"+added, 1)
		if err := os.WriteFile(path, []byte(whole), 0o600); err != nil {
			t.Fatal(err)
		}
		if output, err := exec.Command("systemd-analyze", "verify", path).CombinedOutput(); err != nil || len(output) > 0 {
			t.Errorf("the unit %s: %v\n%s\n%s", what, err, output, whole)
		}
	}
}
