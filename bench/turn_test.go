package bench

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"covey/codec"
	"covey/command"
	"covey/store"
)

// turnKeys are as many keys as are asked for evenly: no processor's cache holds what belongs to them.
const turnKeys = 1 << 20

// readyHost is a node that has all its data and no peer.
type readyHost struct{}

func (readyHost) State() codec.State                               { return codec.StateReady }
func (readyHost) Settled() bool                                    { return true }
func (readyHost) Acked(uint64) int                                 { return 0 }
func (readyHost) Ask(uint64, []byte) command.Answer                { return command.AnswerNone }
func (readyHost) Wall() uint64                                     { return now * 1000 }
func (readyHost) WallOffset() int64                                { return 0 }
func (readyHost) Report(_ codec.Topic, dst []byte) ([]byte, error) { return dst, nil }
func (readyHost) Facts() command.Facts                             { return command.Facts{} }

// benchmarkTurn carries out commands that arrive pipelined, from their bytes to the bytes of the replies: all of a node but
// its sockets. An operation is one command.
func benchmarkTurn(b *testing.B, s *store.Store, pipeline int, requests [][]byte, frames bool) {
	stage := new(codec.Stage)
	stage.SetQuiet(true)
	turn := command.Turn{Store: s, Host: readyHost{}, Now: now, Stage: stage, Pin: new(store.Pin)}
	var client command.Client
	var parser codec.Parser
	out := make([]byte, 0, 64<<10)
	done := 0
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; done < b.N; i++ {
		out = out[:0]
		for buf := requests[i%len(requests)]; len(buf) > 0; {
			var n, size int
			if frames {
				n, _, _, _ = turn.GatherFrames(buf)
			} else {
				n, _, _ = turn.GatherRESP(&parser, buf)
			}
			for range n {
				if frames {
					out, size, _ = turn.NextFrame(&client, out)
				} else {
					out, size, _ = turn.NextRESP(&client, out)
				}
				buf = buf[size:]
			}
		}
		stage.Reset()
		done += pipeline
	}
	if turn.Tally.Misses+turn.Tally.Errors > 0 {
		b.Fatalf("%+v", turn.Tally)
	}
}

// turnRequests are pipelines of requests, for evenly chosen keys, long enough for no cache to hold what they need.
func turnRequests(pipeline int, request func(dst []byte, key string) []byte) [][]byte {
	random := rand.New(rand.NewPCG(1, 2))
	requests := make([][]byte, 1<<18/pipeline)
	for i := range requests {
		for range pipeline {
			requests[i] = request(requests[i], fmt.Sprintf("key:%012d", random.IntN(turnKeys)))
		}
	}
	return requests
}

func BenchmarkTurn(b *testing.B) {
	s, err := store.New(store.Options{Node: 1, MaxBytes: 1 << 30})
	if err != nil {
		b.Fatal(err)
	}
	value := make([]byte, 64)
	for i := range turnKeys {
		key := fmt.Appendf(nil, "key:%012d", i)
		s.Set(nil, key, value, s.Hash(key), now, store.SetOptions{})
	}
	text := string(value)
	for _, frames := range []bool{false, true} {
		get := func(dst []byte, key string) []byte { return codec.AppendCommand(dst, "GET", key) }
		set := func(dst []byte, key string) []byte { return codec.AppendCommand(dst, "SET", key, text) }
		protocol := "RESP"
		if frames {
			protocol = "binary"
			get = func(dst []byte, key string) []byte {
				return codec.AppendGetValue(dst, 1, codec.GetValue{Key: []byte(key)})
			}
			set = func(dst []byte, key string) []byte {
				return codec.AppendSetValue(dst, 1, codec.SetValue{Key: []byte(key), Value: value})
			}
		}
		for _, pipeline := range []int{1, 16, 64} {
			for _, verb := range []struct {
				name    string
				request func(dst []byte, key string) []byte
			}{{"get", get}, {"set", set}} {
				requests := turnRequests(pipeline, verb.request)
				b.Run(fmt.Sprintf("%s/%s/pipeline=%d", protocol, verb.name, pipeline), func(b *testing.B) {
					benchmarkTurn(b, s, pipeline, requests, frames)
				})
			}
		}
	}
}
