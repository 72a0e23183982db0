package generator

import (
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Protocol is how a node is spoken to.
type Protocol string

const (
	RESP   Protocol = "resp"   // Redis' protocol, version 2
	Binary Protocol = "binary" // covey's own frames
)

// Mix is what is sent.
type Mix string

const (
	Get   Mix = "get"   // GET of a random key
	Set   Mix = "set"   // SET of a random key
	Mixed Mix = "mixed" // nine GETs to one SET
	Fill  Mix = "fill"  // SET of every key once, in order
)

// setOneIn is the share of SETs in Mixed: one request in ten.
const setOneIn = 10

// Plan is one run.
type Plan struct {
	Addr        string // host:port of the node, or the path of its Unix socket
	Protocol    Protocol
	Mix         Mix
	Connections int
	Pipeline    int   // requests sent in one write, and answered before the next
	Requests    int64 // of all connections together
	ValueBytes  int
	Keyspace    int64 // how many different keys
	Threads     int   // 0: half of the processors
	Seed        uint64
	Password    string // to authenticate each connection with; empty: none is asked for
}

// Check returns a sentence about the first thing that is out of bounds.
func (p *Plan) Check() error {
	switch {
	case p.Protocol != RESP && p.Protocol != Binary:
		return fmt.Errorf("the protocol is %q; it must be %s or %s", p.Protocol, RESP, Binary)
	case p.Mix != Get && p.Mix != Set && p.Mix != Mixed && p.Mix != Fill:
		return fmt.Errorf("the test is %q; it must be %s, %s or %s", p.Mix, Get, Set, Mixed)
	}
	for _, bound := range []struct {
		what      string
		n, lo, hi int64
	}{
		{"connections", int64(p.Connections), 1, MaxConnections},
		{"pipeline", int64(p.Pipeline), 1, MaxPipeline},
		{"requests", p.Requests, 1, MaxRequests},
		{"data", int64(p.ValueBytes), 0, MaxValueBytes},
		{"keyspace", p.Keyspace, 1, MaxKeyspace},
		{"threads", int64(p.Threads), 0, MaxThreads},
	} {
		if bound.n < bound.lo || bound.n > bound.hi {
			return fmt.Errorf("--%s %d is out of bounds; give %d to %d", bound.what, bound.n, bound.lo, bound.hi)
		}
	}
	if held := int64(p.Connections) * int64(p.Pipeline) * int64(p.ValueBytes+replyOverhead); held > MaxBatchBytes {
		return fmt.Errorf("with --connections %d, --pipeline %d and --data %d the requests under way would have %d bytes, more than %d; make one of the three smaller",
			p.Connections, p.Pipeline, p.ValueBytes, held, MaxBatchBytes)
	}
	return nil
}

// Figures are what a run measured.
type Figures struct {
	Answered int64 // requests that were answered, errors and misses among them
	Misses   int64 // of those, GETs that found nothing
	Errors   int64 // of those, errors
	Lost     int64 // requests never answered: their connection ended
	// FirstError is one error's sentence, of at most MaxSentence bytes.
	FirstError string
	Elapsed    time.Duration
	Latency    *hdrhistogram.Histogram // of each request, nanoseconds from its batch's write to its reply
	Partial    bool                    // the run was stopped before its end
}

// PerSecond is the throughput: answered requests a second.
func (f *Figures) PerSecond() float64 {
	if f.Elapsed <= 0 {
		return 0
	}
	return float64(f.Answered) / f.Elapsed.Seconds()
}

// Quantile is the latency that q percent of the requests did not exceed.
func (f *Figures) Quantile(q float64) time.Duration {
	return time.Duration(f.Latency.ValueAtQuantile(q))
}

func newLatency() *hdrhistogram.Histogram {
	return hdrhistogram.New(minLatency, maxLatency, latencyDigits)
}
