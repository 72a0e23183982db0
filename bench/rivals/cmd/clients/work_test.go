package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"covey/internal/harness"
)

func TestAClientThatFailsFailsTheMeasurement(t *testing.T) {
	no := errors.New("no")
	w := []worker{{done: 5, counted: 5, took: []time.Duration{time.Microsecond}}, {err: no}}
	if _, err := gather(w, costs{}, costs{}); !errors.Is(err, no) {
		t.Errorf("gathered with %v", err)
	}
	if _, err := gather(w[:1], costs{}, costs{}); err != nil {
		t.Error(err)
	}
	if _, err := gather([]worker{{done: 5}}, costs{}, costs{}); err == nil {
		t.Error("figures of nothing")
	}
}

func TestCostsAreOfOneRequest(t *testing.T) {
	began := time.Now()
	before := costs{at: began, processor: time.Second, mallocs: 100, bytes: 1000}
	after := costs{at: began.Add(2 * time.Second), processor: 2 * time.Second, mallocs: 150, bytes: 1400}
	w := []worker{{done: 60, counted: 40, took: []time.Duration{time.Millisecond, 3 * time.Millisecond}}, {done: 70, counted: 60}}
	f, err := gather(w, before, after)
	if err != nil {
		t.Fatal(err)
	}
	want := figures{Requests: 130, PerSecond: 50, CPU: 10_000, Allocations: 0.5, Bytes: 4, P50: 1000, P99: 1000}
	if *f != want {
		t.Errorf("figures %+v, want %+v", *f, want)
	}
}

// Values of another length than was set are found out, by a server that answers whatever it is asked with the same.
func TestAWrongValueIsAnError(t *testing.T) {
	ln := harness.Listen(t, func(conn net.Conn) {
		for in := bufio.NewReader(conn); ; {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			if strings.HasPrefix(line, "*") {
				io.WriteString(conn, "$5\r\nshort\r\n")
			}
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c, err := dialGoRedis(ctx, ln.Addr().String(), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	if err := c.get(ctx, nil, "key"); err == nil || !strings.Contains(err.Error(), fmt.Sprint(len("short"))) {
		t.Errorf("a value of the wrong length: %v", err)
	}
}
