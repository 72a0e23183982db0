package lab

import (
	"os"
	"os/exec"
	"testing"
)

// Root is the requirement of Need that the test runs as root; any other is the name of a program.
const Root = "root"

// Tun is the requirement of Need that the test may make TAP devices.
const Tun = "tun"

// basics are what every network of a lab needs.
var basics = []string{Root, "ip", "ss"}

// Need skips the test with a reason when one of the requirements is not met. Where CI=true a test that cannot run is a
// failure: .ci/run installs what is needed.
func Need(t testing.TB, requirements ...string) {
	t.Helper()
	if reason := missing(requirements); reason != "" {
		if os.Getenv("CI") == "true" {
			t.Fatalf("under CI=true this test must run: %s", reason)
		}
		t.Skip(reason)
	}
}

// missing is a sentence on the first requirement that is not met, "" when all are.
func missing(requirements []string) string {
	for _, what := range requirements {
		if what == Root {
			if os.Geteuid() != 0 {
				return "network namespaces need root"
			}
			continue
		}
		if what == Tun {
			if _, err := os.Stat(tunDevice); err != nil {
				return "there is no " + tunDevice
			}
			continue
		}
		if _, err := exec.LookPath(what); err != nil {
			return "the program " + what + " is not installed"
		}
	}
	return ""
}
