package archtest

import (
	"os"
	"regexp"
	"strconv"
	"testing"
)

// TestMakeHelpHasRoomForEveryTarget: the column of names is wider than the longest.
func TestMakeHelpHasRoomForEveryTarget(t *testing.T) {
	text, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	column := regexp.MustCompile(`"make %-(\d+)s%s`).FindSubmatch(text)
	if column == nil {
		t.Fatal("make help prints no columns")
	}
	width, _ := strconv.Atoi(string(column[1]))
	targets := regexp.MustCompile(`(?m)^([a-z-]+):.*## `).FindAllSubmatch(text, -1)
	if len(targets) < 10 {
		t.Fatalf("%d targets", len(targets))
	}
	for _, target := range targets {
		if len(target[1]) >= width {
			t.Errorf("%s does not fit into a column of %d", target[1], width)
		}
	}
}
