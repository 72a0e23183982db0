package bench

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"testing"

	"covey/codec"
	"covey/internal/harness"
)

const (
	loopsConnections = 16
	loopsPipeline    = 16 // commands of a batch
	loopsBatches     = 64 // different ones of a connection
)

// lockWait is how long goroutines of this process have waited for locks so far, all together, in seconds.
func lockWait() float64 {
	s := []metrics.Sample{{Name: "/sync/mutex/wait/total:seconds"}}
	metrics.Read(s)
	return s[0].Value.Float64()
}

// BenchmarkNodeLoops is a node with some event loops and a peer, under nine gets to one set on several connections. Beside the time
// it reports how long goroutines, of both nodes, waited for locks: what loops cost each other. With more loops than processors one
// is stopped while it holds a lock now and then, so there it is more than it would be on as many processors.
func BenchmarkNodeLoops(b *testing.B) {
	for _, loops := range []int{1, 2, 4, 8} {
		b.Run(fmt.Sprintf("loops=%d", loops), func(b *testing.B) {
			discovery := harness.FreePort(b)
			addr := startNodeWith(b, loops, discovery)
			startNodeWith(b, 1, discovery) // which is ready once it is linked, and has all that the first has
			b.Run("mixed", func(b *testing.B) { benchmarkLoops(b, addr) })
		})
	}
}

func benchmarkLoops(b *testing.B, addr string) {
	conns := make([]mixed, loopsConnections)
	for i := range conns {
		conns[i] = newMixed(b, addr, uint64(i))
		defer conns[i].conn.Close()
	}
	var done atomic.Int64
	var all sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	before := lockWait()
	for i := range conns {
		all.Go(func() {
			for done.Add(loopsPipeline) < int64(b.N+loopsPipeline) {
				if err := conns[i].exchange(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.StopTimer()
	b.ReportMetric((lockWait()-before)*1e9/float64(b.N), "lock-ns/op")
}

// mixed is a connection with pipelines of nine gets to one set, and how long the replies to each are.
type mixed struct {
	conn    net.Conn
	batches [][]byte
	replies []int
	in      []byte
	next    int
}

func newMixed(b *testing.B, addr string, seed uint64) mixed {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	random := rand.New(rand.NewPCG(seed, 1))
	value := string(make([]byte, valueBytes))
	hit := len(codec.AppendBulkString(nil, value))
	m := mixed{conn: conn, batches: make([][]byte, loopsBatches), replies: make([]int, loopsBatches), in: make([]byte, loopsPipeline*hit)}
	for i := range m.batches {
		for n := range loopsPipeline {
			key := string(keys[random.IntN(nodeKeys)])
			if (i*loopsPipeline+n)%10 == 0 {
				m.batches[i] = codec.AppendCommand(m.batches[i], "SET", key, value)
				m.replies[i] += len("+OK\r\n")
			} else {
				m.batches[i] = codec.AppendCommand(m.batches[i], "GET", key)
				m.replies[i] += hit
			}
		}
	}
	return m
}

// exchange sends the next pipeline and reads its replies.
func (m *mixed) exchange() error {
	i := m.next % len(m.batches)
	m.next++
	if _, err := m.conn.Write(m.batches[i]); err != nil {
		return err
	}
	_, err := io.ReadFull(m.conn, m.in[:m.replies[i]])
	return err
}
