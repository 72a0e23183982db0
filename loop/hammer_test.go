package loop

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"covey/codec"
)

// hammered is a client's stream of commands, and the replies to them.
type hammered struct {
	stream []byte
	want   []string
}

func (h *hammered) ask(args []string, replies ...string) {
	h.stream = append(h.stream, respCommand(args...)...)
	h.want = append(h.want, replies...)
}

// hammering makes the stream of a client that has keys of its own: large values and small ones, one by one, many in a command and in transactions.
func hammering(r *rand.Rand, name string, commands int) *hammered {
	h := &hammered{}
	values := map[string]string{}
	value := func() string {
		sizes := []int{10, 1000, 10_000, codec.RefValue, 100_000, 400_000, 1 << 20}
		return strings.Repeat(string(rune('a'+r.IntN(26))), r.IntN(sizes[r.IntN(len(sizes))]))
	}
	get := func(key string) string {
		if v, ok := values[key]; ok {
			return v
		}
		return "$-1"
	}
	for range commands {
		key := fmt.Sprint(name, r.IntN(3))
		switch r.IntN(8) {
		case 0, 1, 2:
			v := value()
			h.ask([]string{"SET", key, v}, "+OK")
			values[key] = v
		case 3, 4:
			h.ask([]string{"GET", key}, get(key))
		case 5: // a long command behind large replies
			args := []string{"EXISTS", key}
			for range r.IntN(3000) {
				args = append(args, "none")
			}
			there := 0
			if _, ok := values[key]; ok {
				there = 1
			}
			h.ask(args, fmt.Sprint(":", there))
		case 6:
			h.ask([]string{"PING"}, "+PONG")
			h.ask([]string{"WAIT", "1", "1"}, ":0")
		default:
			h.ask([]string{"MULTI"}, "+OK")
			n := r.IntN(4)
			results := []string{fmt.Sprint("*", n)}
			for range n {
				if r.IntN(2) == 0 {
					v := value()
					h.ask([]string{"SET", key, v}, "+QUEUED")
					values[key], results = v, append(results, "+OK")
				} else {
					h.ask([]string{"GET", key}, "+QUEUED")
					results = append(results, get(key))
				}
			}
			h.ask([]string{"EXEC"}, results...)
		}
	}
	return h
}

// hammer has clients send their streams in pieces and read the replies, some of them a little at a time, until the node stops.
func hammer(t *testing.T, seed uint64, stops bool) {
	cfg := testConfig(t, freePort(t))
	cfg.Reserve = 1
	cfg.MaxMemory = 512 << 20
	tn := startNode(t, cfg)
	eventually(t, "ready", tn.ready)
	var clients sync.WaitGroup
	half := make(chan struct{}, 16)
	for i := range 16 {
		r := rand.New(rand.NewPCG(seed, uint64(i)))
		h := hammering(r, fmt.Sprint("c", i, "-"), 15)
		c := dialRaw(t, tn.addr)
		clients.Go(func() { _ = inPieces(c, rand.New(rand.NewPCG(seed, uint64(i+100))), h.stream) })
		clients.Go(func() {
			for j, want := range h.want {
				got, err := c.answer()
				if err != nil && stops {
					return
				}
				if err != nil || got != want {
					t.Errorf("seed %d, client %d: reply %d is %.60q of %d bytes, want %.60q of %d: %v", seed, i, j, got, len(got), want, len(want), err)
					_ = c.Close()
					return
				}
				if j == len(h.want)/4 {
					half <- struct{}{}
				}
			}
		})
	}
	if stops {
		<-half
		if err := tn.stop(); err != nil {
			t.Error(err)
		}
	}
	clients.Wait()
	if n := tn.n.counters.badInput.Load(); n != 0 {
		t.Errorf("seed %d: %d breaches of the protocol", seed, n)
	}
}

// Large and small values, long commands and transactions of many clients, in any pieces, are answered in order, and a stop under that load is
// no breach of the protocol by anybody.
func TestManyClientsAtOnce(t *testing.T) {
	for seed := range uint64(2) {
		hammer(t, seed, seed == 1)
	}
}
