package report

import (
	"os"
	"strings"
	"testing"
)

func TestATableIsMarkdown(t *testing.T) {
	r := &Report{}
	r.Table([]string{"cache", "ns"}, [][]string{{"covey", "120"}, {"µ", "9"}})
	want := "| cache |  ns |\n| ----- | --: |\n| covey | 120 |\n| µ     |   9 |\n\n"
	if got := r.out.String(); got != want {
		t.Errorf("the table is\n%swant\n%s", got, want)
	}
}

func TestTheMostRSSIsNotBelowThatOfNow(t *testing.T) {
	now, most, err := RSS(os.Getpid())
	if err != nil || now <= 0 || most < now {
		t.Errorf("now %d, most %d, %v", now, most, err)
	}
}

func TestAReportGoesToItsFile(t *testing.T) {
	path := t.TempDir() + "/report.md"
	r := Begin(path, "a title", nil)
	r.Text("a line")
	if err := r.End(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil || !strings.HasPrefix(string(text), "# a title\n") || !strings.Contains(string(text), "a line\n") {
		t.Errorf("the file is %q, %v", text, err)
	}
}
