package archtest

import (
	"fmt"
	"os"
	"regexp"
	"testing"
)

var (
	testName     = regexp.MustCompile("`(Test\\w+)`")
	testDeclared = regexp.MustCompile(`(?m)^func (Test\w+)\(`)
)

// TestEveryRuleNamesTestsThatExist holds docs/REPLICATION.md against the tests: each rule says how far it is built, and each
// test that it names is there.
func TestEveryRuleNamesTestsThatExist(t *testing.T) {
	text, err := os.ReadFile("../../docs/REPLICATION.md")
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]bool{}
	for _, dir := range []string{"store", "codec", "command", "peer", "loop", "internal/sim"} {
		for _, m := range testDeclared.FindAllSubmatch(testsOf(t, "../../"+dir), -1) {
			tests[string(m[1])] = true
		}
	}
	for _, m := range testName.FindAllSubmatch(text, -1) {
		if !tests[string(m[1])] {
			t.Errorf("there is no %s", m[1])
		}
	}
	for i := 1; i <= 27; i++ {
		rule := regexp.MustCompile(fmt.Sprintf(`(?s)\n\*\*R%d\..*?\n\n`, i)).Find(text)
		if !regexp.MustCompile(`\*(Built|Not built)`).Match(rule) {
			t.Errorf("R%d does not say whether it is built", i)
		}
	}
}

// testsOf returns all tests of a package.
func testsOf(t *testing.T, dir string) (all []byte) {
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if regexp.MustCompile(`_test\.go$`).MatchString(f.Name()) {
			b, err := os.ReadFile(dir + "/" + f.Name())
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, b...)
		}
	}
	return all
}
