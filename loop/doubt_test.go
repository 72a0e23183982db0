package loop

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// TestR17_ASmallNodeAsksBeforeItIncrements runs clients, each with a pipeline, against a node that has evicted most of what they
// increment: each waits for its own answers, and every reply is in its order.
func TestR17_ASmallNodeAsksBeforeItIncrements(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	big := startNode(t, testConfig(t, port))
	cfg := testConfig(t, port)
	cfg.MaxMemory = minMemory
	small := startNode(t, cfg)
	eventually(t, "both are ready", func() bool { return big.ready() && small.ready() && len(small.n.mind.Links()) == 1 })
	const keys, clients = 8_000, 4
	load := dialRaw(t, big.addr)
	pad := strings.Repeat("x", 2000)
	for from := 0; from < keys; from += 1000 {
		var b []byte
		for i := from; i < from+1000; i++ {
			b = append(b, respCommand("SET", fmt.Sprint("n", i), strconv.Itoa(i))...)
			b = append(b, respCommand("SET", fmt.Sprint("pad", i), pad)...)
		}
		if _, err := load.Write(b); err != nil {
			t.Fatal(err)
		}
		for range 2000 {
			if r := load.reply(); r != "+OK" {
				t.Fatal(r)
			}
		}
	}
	eventually(t, "all was acknowledged", func() bool { return big.n.mind.Links()[0].Backlog() == 0 })
	if c := small.n.store.Counts(); c.Evictions == 0 || c.Keys > keys {
		t.Fatalf("%+v", c)
	}
	var all sync.WaitGroup
	for g := range clients {
		c := dialRaw(t, small.addr)
		all.Go(func() {
			for from := g * 100; from < keys; from += 100 * clients * 4 {
				var b []byte
				for i := from; i < from+100; i++ {
					b = append(b, respCommand("INCR", fmt.Sprint("n", i))...)
				}
				if _, err := c.Write(b); err != nil {
					t.Error(err)
					return
				}
				var late []int // on a busy machine the other node may take longer than is waited for: then nothing was done
				for i := from; i < from+100; i++ {
					switch r := c.reply(); {
					case strings.HasPrefix(r, "-TRYAGAIN"):
						late = append(late, i)
					case r != fmt.Sprint(":", i+1):
						t.Errorf("n%d: %q", i, r)
					}
				}
				for _, i := range late {
					r := "-TRYAGAIN"
					eventually(t, "it has an answer", func() bool { r = c.do("INCR", fmt.Sprint("n", i)); return !strings.HasPrefix(r, "-TRYAGAIN") })
					if r != fmt.Sprint(":", i+1) {
						t.Errorf("n%d, once more: %q", i, r)
					}
				}
			}
		})
	}
	all.Wait()
	asked := small.n.mind.Counters().Asked
	if asked == 0 {
		t.Error("nobody was asked")
	}
	eventually(t, "the other has the last one", func() bool { return load.do("GET", "n99") == "100" })
	if r := dialRaw(t, small.addr).do("SET", "never", "v", "NX"); r != "+OK" {
		t.Errorf("a key that nobody has: %q", r)
	}
	t.Logf("%d keys asked for", asked)
}
