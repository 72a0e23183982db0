package bench

import (
	"testing"

	"covey/codec"
)

// pipelined is how many commands the benchmarked buffer holds.
const pipelined = 16

func commands(args ...string) []byte {
	var in []byte
	for range pipelined {
		in = codec.AppendCommand(in, args...)
	}
	return in
}

func benchmarkParse(b *testing.B, in []byte) {
	var p codec.Parser
	args := make([][]byte, 0, 8)
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		found := 0
		for rest := in; len(rest) > 0; found++ {
			_, n, err := p.Next(args, rest)
			if err != nil || n == 0 {
				b.Fatal(n, err)
			}
			rest = rest[n:]
		}
		if found != pipelined {
			b.Fatal(found)
		}
	}
}

func BenchmarkRESPParseGet(b *testing.B) { benchmarkParse(b, commands("GET", string(keys[1]))) }

func BenchmarkRESPParseSet(b *testing.B) {
	benchmarkParse(b, commands("SET", string(keys[1]), string(make([]byte, valueBytes))))
}

func BenchmarkRESPParseInline(b *testing.B) {
	var in []byte
	for range pipelined {
		in = append(in, "GET key:000000000001\r\n"...)
	}
	benchmarkParse(b, in)
}

func BenchmarkRESPAppendBulk(b *testing.B) {
	value := make([]byte, valueBytes)
	var out []byte
	b.SetBytes(valueBytes)
	b.ReportAllocs()
	for b.Loop() {
		out = codec.AppendBulk(out[:0], value)
	}
}

func BenchmarkRESPScanReplies(b *testing.B) {
	var in []byte
	for range pipelined {
		in = codec.AppendBulk(in, make([]byte, valueBytes))
	}
	var s codec.ReplyScanner
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		for rest := in; len(rest) > 0; {
			n, err := s.Next(rest)
			if err != nil || n == 0 {
				b.Fatal(n, err)
			}
			rest = rest[n:]
		}
	}
}
