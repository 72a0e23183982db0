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

func TestABusyMachineGetsNoFile(t *testing.T) {
	load, err := loadAverage()
	if err != nil {
		t.Skip("the load is unknown here")
	}
	path := t.TempDir() + "/report.md"
	r, err := Begin(path, "a title", nil)
	if load >= quietLoad {
		if err == nil {
			t.Errorf("a report begins at load %v", load)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	end(t, r, path)
}

func TestAReportOfBytesIsWrittenAtAnyLoad(t *testing.T) {
	path := t.TempDir() + "/report.md"
	end(t, BeginAnyLoad(path, "a title", nil), path)
}

// end adds a line to a report and looks for it in the file.
func end(t *testing.T, r *Report, path string) {
	t.Helper()
	r.Text("a line")
	if err := r.End(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil || !strings.HasPrefix(string(text), "# a title\n") || !strings.Contains(string(text), "a line\n") {
		t.Errorf("the file is %q, %v", text, err)
	}
}
