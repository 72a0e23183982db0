package main

import (
	"reflect"
	"testing"
)

func TestOnlyRowsAreKept(t *testing.T) {
	const printed = "=== RUN x\n    a_test.go:7: ROW | kill -9 | covey | 0.031 | 0.040 | 3\n    a_test.go:9: FIGURE x\nok\n"
	want := [][]string{{"kill -9", "covey", "0.031", "0.040", "3"}}
	if got := rowsOf(printed); !reflect.DeepEqual(got, want) {
		t.Errorf("rows %q", got)
	}
}
