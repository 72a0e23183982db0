package bench

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"covey/client"
	"covey/codec"
	"covey/internal/harness"
	"covey/loop"
)

// bootPatience bounds the start and the end of a node.
const bootPatience = 20 * time.Second

// startNode runs a node on a free port of the loopback until the benchmark ends, and returns its address once it answers.
func startNode(b *testing.B) string { return startNodeWith(b, 0, harness.FreePort(b)) }

// startNodeWith is startNode with a number of loops, 0 for the default, and the port on which nodes find each other.
func startNodeWith(b *testing.B, loops int, discovery uint16) string {
	b.Helper()
	addr := netip.MustParseAddrPort(fmt.Sprintf("127.0.0.1:%d", harness.FreePort(b)))
	ctx, end := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- loop.Run(ctx, loop.Config{
			Listen: addr, ListenSet: true, DiscoveryPort: discovery, Cluster: "bench", MaxMemory: 1 << 30, Loops: loops,
			Horizon: time.Hour, HTTP: "off", Version: "bench", Logger: slog.New(slog.DiscardHandler), Out: io.Discard,
		})
	}()
	b.Cleanup(func() {
		end()
		select {
		case err := <-ended:
			if err != nil {
				b.Error(err)
			}
		case <-time.After(bootPatience):
			b.Error("the node does not end")
		}
	})
	fill(b, addr.String())
	return addr.String()
}

// fill waits until the node is ready, and sets the first thousand keys.
func fill(b *testing.B, addr string) {
	b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), bootPatience)
	defer cancel()
	c := dialReady(ctx, b, addr)
	defer c.Close()
	for _, key := range keys[:nodeKeys] {
		if err := c.Set(ctx, key, make([]byte, valueBytes), client.SetOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}

// dialReady connects to a node that is starting, and returns when it is ready.
func dialReady(ctx context.Context, b *testing.B, addr string) *client.Client {
	b.Helper()
	var c *client.Client
	harness.Eventually(b, "the node is ready", func() bool {
		var err error
		if c, err = client.Dial(ctx, addr); err != nil {
			return false
		}
		if report, err := c.Info(ctx); err == nil && report.Ready == 1 {
			return true
		}
		c.Close()
		return false
	})
	return c
}

// nodeKeys is how many keys a benchmarked node holds.
const nodeKeys = 1000

// BenchmarkNodeRESP sends pipelines of commands on one connection and reads their replies.
func BenchmarkNodeRESP(b *testing.B) {
	addr := startNode(b)
	value := string(make([]byte, valueBytes))
	for _, command := range []struct {
		name  string
		args  []string
		reply int // bytes
	}{
		{"get", []string{"GET", string(keys[1])}, len(codec.AppendBulkString(nil, value))},
		{"set", []string{"SET", string(keys[1]), value}, len("+OK\r\n")},
	} {
		for _, pipeline := range []int{1, 16, 128} {
			b.Run(fmt.Sprintf("%s/pipeline=%d", command.name, pipeline), func(b *testing.B) {
				var batch []byte
				for range pipeline {
					batch = codec.AppendCommand(batch, command.args...)
				}
				exchange(b, addr, batch, pipeline, pipeline*command.reply)
			})
		}
	}
}

// exchange sends batch, which holds n requests, and reads its replies, until b.N requests are done.
func exchange(b *testing.B, addr string, batch []byte, n, replies int) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	in := make([]byte, replies)
	b.ReportAllocs()
	b.ResetTimer()
	for done := 0; done < b.N; done += n {
		if _, err := conn.Write(batch); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(conn, in); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkNodeBinary is the same by the frames of the binary protocol.
func BenchmarkNodeBinary(b *testing.B) {
	addr := startNode(b)
	value := make([]byte, valueBytes)
	for _, request := range []struct {
		name  string
		frame []byte
		reply int // bytes
	}{
		{"get", codec.AppendGetValue(nil, 1, codec.GetValue{Key: keys[1]}), len(codec.AppendValueResponse(nil, 1, codec.ValueResponse{Value: value}))},
		{"set", codec.AppendSetValue(nil, 1, codec.SetValue{Key: keys[1], Value: value}), len(codec.AppendValueResponse(nil, 1, codec.ValueResponse{}))},
	} {
		for _, pipeline := range []int{1, 16, 128} {
			b.Run(fmt.Sprintf("%s/pipeline=%d", request.name, pipeline), func(b *testing.B) {
				var batch []byte
				for range pipeline {
					batch = append(batch, request.frame...)
				}
				exchange(b, addr, batch, pipeline, pipeline*request.reply)
			})
		}
	}
}

// BenchmarkNodeClient is the Go client: many goroutines share one connection.
func BenchmarkNodeClient(b *testing.B) {
	addr := startNode(b)
	ctx := context.Background()
	c := dialReady(ctx, b, addr)
	defer c.Close()
	b.Run("get", func(b *testing.B) {
		b.ReportAllocs()
		b.SetParallelism(32)
		b.RunParallel(func(pb *testing.PB) {
			var dst []byte
			for i := 0; pb.Next(); i++ {
				var err error
				if dst, err = c.AppendGet(ctx, dst[:0], keys[i%nodeKeys]); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
	b.Run("set", func(b *testing.B) {
		value := make([]byte, valueBytes)
		b.ReportAllocs()
		b.SetParallelism(32)
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				if err := c.Set(ctx, keys[i%nodeKeys], value, client.SetOptions{}); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
}

// manyConnections is how many BenchmarkNodeManyConnections has.
const manyConnections = 64

// BenchmarkNodeManyConnections is one request at a time on each of many connections.
func BenchmarkNodeManyConnections(b *testing.B) {
	addr := startNode(b)
	request := codec.AppendCommand(nil, "GET", string(keys[1]))
	conns := make([]net.Conn, manyConnections)
	for i := range conns {
		var err error
		if conns[i], err = net.Dial("tcp", addr); err != nil {
			b.Fatal(err)
		}
		defer conns[i].Close()
	}
	b.Run("get", func(b *testing.B) {
		var done atomic.Int64
		var all sync.WaitGroup
		b.ReportAllocs()
		for _, conn := range conns {
			all.Go(func() {
				reply := make([]byte, len(codec.AppendBulk(nil, make([]byte, valueBytes))))
				for done.Add(1) <= int64(b.N) {
					if _, err := conn.Write(request); err != nil {
						b.Error(err)
						return
					}
					if _, err := io.ReadFull(conn, reply); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		all.Wait()
	})
}
