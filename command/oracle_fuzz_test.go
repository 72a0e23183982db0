package command

import (
	"math/rand/v2"
	"testing"
	"time"

	"covey/codec"
)

// FuzzOracle gives a redis-server and a Turn the same commands: those that a seed names, about two keys with any bytes in them.
func FuzzOracle(f *testing.F) {
	f.Add(uint64(1), "key", "value", false)
	f.Add(uint64(2), "", "9223372036854775807", true)
	f.Add(uint64(3), "\x00\r\n", "-0", true)
	f.Add(uint64(4), "k k", "1e3", false)
	socket := startOracle(f)
	f.Fuzz(func(t *testing.T, seed uint64, key, value string, third bool) {
		if len(key) > 1<<10 || len(value) > 1<<10 {
			return
		}
		proto := codec.RESP2
		if third {
			proto = codec.RESP3
		}
		p := newPair(t, socket, proto)
		g := &generator{Rand: rand.New(rand.NewPCG(seed, 5)), base: time.Now().Unix()}
		p.same("SET", key, value)
		for range 40 {
			args := g.command()
			for i := range args[1:] {
				switch g.IntN(8) {
				case 0:
					if args[i+1] == "a" {
						args[i+1] = key
					}
				case 1:
					if args[i+1] == "abc" {
						args[i+1] = value
					}
				}
			}
			p.same(args...)
		}
		for _, k := range append(g.keys(), key) {
			p.same("GET", k)
			p.same("INCRBY", k, value)
			p.same("STRLEN", k)
		}
	})
}
