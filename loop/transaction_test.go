package loop

import (
	"math/rand/v2"
	"testing"

	"covey/codec"
)

// Between MULTI and EXEC large values come whole and are queued like any other, however their bytes come; behind EXEC they go
// their own way again. What EXEC has read is sent whole, too.
func TestLargeValuesAreQueuedInATransaction(t *testing.T) {
	tn := readyNode(t)
	for seed := range uint64(4) {
		r := rand.New(rand.NewPCG(seed, 1))
		var stream []byte
		var want []string
		ask := func(reply string, args ...string) {
			stream = append(stream, respCommand(args...)...)
			want = append(want, reply)
		}
		for i := range uint64(6) {
			value := string(pattern(seed*100+i, codec.RefValue+1+r.IntN(600<<10)))
			ask("+OK", "MULTI")
			ask("+QUEUED", "SET", "large", value)
			ask("+QUEUED", "GET", "large")
			ask("+QUEUED", "SET", "large", "small")
			ask("*3", "EXEC")
			want = append(want, "+OK", value, "+OK")
			ask("small", "GET", "large")
			ask("+OK", "SET", "large", value)
			ask(value, "GET", "large")
		}
		repliesInPieces(t, tn, seed, r, stream, want)
	}
	eventually(t, "all that was held is given back", func() bool { return tn.n.holdings.held.Load() < 1<<20 })
}
