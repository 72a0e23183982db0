package generator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"covey/codec"
	"covey/internal/harness"
)

func plan(addr string, protocol Protocol, mix Mix) Plan {
	return Plan{Addr: addr, Protocol: protocol, Mix: mix, Connections: 4, Pipeline: 7, Requests: 1000, ValueBytes: 100, Keyspace: 50, Threads: 2, Seed: 1}
}

// drivers are the ways to drive connections that this system has.
var drivers = map[string]driver{
	"its own":                       (*worker).drive,
	"one goroutine each connection": (*worker).driveBlocking,
}

func everyWay(t *testing.T, show func(t *testing.T, protocol Protocol, drive driver)) {
	for name, drive := range drivers {
		for _, protocol := range []Protocol{RESP, Binary} {
			t.Run(fmt.Sprintf("%s, driven by %s", protocol, name), func(t *testing.T) { show(t, protocol, drive) })
		}
	}
}

func TestEveryRequestIsSentAndAnsweredOnce(t *testing.T) {
	everyWay(t, func(t *testing.T, protocol Protocol, drive driver) {
		for mix, want := range map[Mix]struct{ lo, hi int64 }{Get: {0, 0}, Set: {1000, 1000}, Mixed: {50, 150}} {
			f := new(fakeNode).start(t)
			var progress atomic.Int64
			got, err := runWith(t.Context(), plan(f.addr, protocol, mix), &progress, drive)
			if err != nil {
				t.Fatal(err)
			}
			if got.Answered != 1000 || f.asked.Load() != 1000 || got.Latency.TotalCount() != 1000 || progress.Load() != 1000 || got.Partial {
				t.Errorf("%s: %+v after %d requests, %d latencies, progress %d", mix, got, f.asked.Load(), got.Latency.TotalCount(), progress.Load())
			}
			if got.Errors+got.Lost+got.Misses != 0 {
				t.Errorf("%s: %d errors, %d lost, %d misses", mix, got.Errors, got.Lost, got.Misses)
			}
			if sets := f.sets.Load(); sets < want.lo || sets > want.hi {
				t.Errorf("%s: %d of 1000 requests were SETs", mix, sets)
			}
		}
	})
}

func TestFillSetsEachKeyOfTheKeyspaceOnce(t *testing.T) {
	everyWay(t, func(t *testing.T, protocol Protocol, drive driver) {
		f := new(fakeNode).start(t)
		p := plan(f.addr, protocol, Fill)
		p.Requests, p.Keyspace = 777, 777
		if _, err := runWith(t.Context(), p, nil, drive); err != nil {
			t.Fatal(err)
		}
		for i := range 777 {
			if _, there := f.keys.Load(fmt.Sprintf("key:%012d", i)); !there {
				t.Fatalf("key %d was not set", i)
			}
		}
		if f.asked.Load() != 777 || f.sets.Load() != 777 {
			t.Errorf("%d requests, %d SETs, want 777", f.asked.Load(), f.sets.Load())
		}
	})
}

func TestMissesAndErrorsAreCounted(t *testing.T) {
	everyWay(t, func(t *testing.T, protocol Protocol, drive driver) {
		got, err := runWith(t.Context(), plan((&fakeNode{absent: true}).start(t).addr, protocol, Get), nil, drive)
		if err != nil || got.Misses != 1000 || got.Errors != 0 {
			t.Errorf("a node without keys: %+v, error %v", got, err)
		}
		got, err = runWith(t.Context(), plan((&fakeNode{refusal: "LOADING a moment"}).start(t).addr, protocol, Get), nil, drive)
		if err != nil || got.Errors != 1000 || got.FirstError != "LOADING a moment" {
			t.Errorf("a node that refuses: %+v, error %v", got, err)
		}
	})
}

func TestALostConnectionCostsItsRequestsAndTheOthersGoOn(t *testing.T) {
	everyWay(t, func(t *testing.T, protocol Protocol, drive driver) {
		f := (&fakeNode{hangUp: 100}).start(t)
		got, err := runWith(t.Context(), plan(f.addr, protocol, Get), nil, drive)
		if err != nil {
			t.Fatal(err)
		}
		// Each of the four connections is closed in the midst of a batch: 14 batches of 7 are answered, or one more request or two.
		if got.Lost == 0 || got.Answered < 4*90 || got.Answered > 4*100 || !got.Partial || got.FirstError == "" {
			t.Errorf("four connections that live for 100 requests: %+v", got)
		}
	})
}

func TestARunEndsAtOnceWhenItIsStopped(t *testing.T) {
	everyWay(t, func(t *testing.T, protocol Protocol, drive driver) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		f := (&fakeNode{mute: true, onAsked: cancel}).start(t)
		got, err := runWith(ctx, plan(f.addr, protocol, Get), nil, drive)
		if err != nil || !got.Partial || got.Answered != 0 {
			t.Errorf("a run stopped before any reply: %+v, error %v", got, err)
		}
	})
}

func TestRepliesLongerThanTheReadBufferAreRead(t *testing.T) {
	everyWay(t, func(t *testing.T, protocol Protocol, drive driver) {
		f := new(fakeNode).start(t)
		p := plan(f.addr, protocol, Set)
		p.ValueBytes, p.Pipeline, p.Requests = 3<<20, 1, 8 // long requests: the socket takes them in parts
		if got, err := runWith(t.Context(), p, nil, drive); err != nil || got.Answered != 8 {
			t.Errorf("requests of 3 MiB: %+v, error %v", got, err)
		}
	})
}

func TestWhatIsNoNodeEndsTheRun(t *testing.T) {
	ln := harness.Listen(t, func(conn net.Conn) {
		conn.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
		conn.Read(make([]byte, 1<<20))
	})
	everyWay(t, func(t *testing.T, protocol Protocol, drive driver) {
		got, err := runWith(t.Context(), plan(ln.Addr().String(), protocol, Get), nil, drive)
		if err != nil || got.Answered != 0 || got.Lost == 0 || got.FirstError == "" {
			t.Errorf("a run against HTTP: %+v, error %v", got, err)
		}
	})
	addr := ln.Addr().String()
	ln.Close()
	if _, err := Run(t.Context(), plan(addr, RESP, Get), nil); !errors.Is(err, ErrUnreachable) {
		t.Errorf("a run against nothing: %v", err)
	}
}

// A node answers one of two requests and closes at once: the end comes together with the reply, as one event.
func TestAnEndThatComesWithAReplyIsSeen(t *testing.T) {
	ln := harness.Listen(t, func(conn net.Conn) {
		if _, err := conn.Read(make([]byte, 64<<10)); err == nil {
			_, _ = conn.Write([]byte("$-1\r\n"))
		}
	})
	p := plan(ln.Addr().String(), RESP, Get)
	p.Connections, p.Pipeline, p.Requests = 200, 2, 400
	f, err := Run(t.Context(), p, nil)
	if err != nil || f.Answered != 200 || f.Lost != 200 {
		t.Errorf("%+v, %v", f, err)
	}
}

func TestAPlanOutOfBoundsIsRefusedWithASentence(t *testing.T) {
	for part, change := range map[string]func(*Plan){
		"connections": func(p *Plan) { p.Connections = MaxConnections + 1 },
		"pipeline":    func(p *Plan) { p.Pipeline = 0 },
		"requests":    func(p *Plan) { p.Requests = 0 },
		"data":        func(p *Plan) { p.ValueBytes = MaxValueBytes + 1 },
		"keyspace":    func(p *Plan) { p.Keyspace = MaxKeyspace + 1 },
		"threads":     func(p *Plan) { p.Threads = -1 },
		"protocol":    func(p *Plan) { p.Protocol = "http" },
		"the test is": func(p *Plan) { p.Mix = "del" },
		"more than 1073741824; make one of the three smaller": func(p *Plan) { p.Connections, p.Pipeline, p.ValueBytes = 1000, 1000, 10000 },
		"is out of bou": func(p *Plan) { p.ValueBytes = -1 },
	} {
		p := plan("127.0.0.1:1", RESP, Get)
		change(&p)
		if _, err := Run(t.Context(), p, nil); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%s: %v", part, err)
		}
	}
}

// A node that answers no AUTH is left at once when the run is stopped; without that its time is DialPatience.
func TestARunThatIsStoppedWhileItAuthenticatesEndsAtOnce(t *testing.T) {
	for _, protocol := range []Protocol{RESP, Binary} {
		ctx, cancel := context.WithCancel(t.Context())
		ln := harness.Listen(t, func(conn net.Conn) {
			if _, err := conn.Read(make([]byte, 1)); err == nil {
				cancel()
				_, _ = io.Copy(io.Discard, conn) // until the run closes it
			}
		})
		p := plan(ln.Addr().String(), protocol, Get)
		p.Password = "secret"
		if _, err := Run(ctx, p, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", protocol, err)
		}
	}
}

func TestWhatANodeSaysToAWrongPasswordIsKept(t *testing.T) {
	const said = "NOAUTH another one"
	for protocol, answer := range map[Protocol][]byte{
		RESP:   []byte("-" + said + "\r\n"),
		Binary: codec.AppendValueResponse(nil, 0, codec.ValueResponse{Status: codec.StatusDenied, Value: []byte(said)}),
	} {
		ln := harness.Listen(t, func(conn net.Conn) {
			if _, err := conn.Read(make([]byte, 1<<10)); err == nil {
				_, _ = conn.Write(answer)
			}
		})
		p := plan(ln.Addr().String(), protocol, Get)
		p.Password = "secret"
		var denied *Denied
		if _, err := Run(t.Context(), p, nil); !errors.As(err, &denied) || denied.Said != said {
			t.Errorf("%s: %v", protocol, err)
		}
	}
}
