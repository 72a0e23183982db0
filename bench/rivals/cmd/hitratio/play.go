package main

import (
	"fmt"
	"os"
	"strconv"
	"sync"

	"covey/bench/rivals/internal/cache"
	"covey/bench/rivals/internal/trace"
)

// game is one cache of one size that is played one trace.
type game struct {
	maker   cache.Maker
	trace   *trace.Trace
	share   float64 // of the trace's keys
	entries int     // that the cache shall hold
	fitted  *fitted

	ratio float64
	err   error
}

// fitted is a capacity that several games share, found by the first of them.
type fitted struct {
	once sync.Once
	capacity
	err error

	lock        sync.Mutex
	least, most int // entries held at the end of a trace that asked for more keys than fit
}

// ended notes what a game held at its end.
func (f *fitted) ended(held int) {
	f.lock.Lock()
	defer f.lock.Unlock()
	if f.most == 0 {
		f.least = held
	}
	f.least, f.most = min(f.least, held), max(f.most, held)
}

func label(t *trace.Trace, share float64) string {
	return fmt.Sprintf("%s, %s %%", t.Name, strconv.FormatFloat(100*share, 'f', -1, 64))
}

func (g *game) label() string { return label(g.trace, g.share) }

// bare are the policies by themselves, which all caches are held against.
var bare = []struct {
	name string
	play func(asks []uint32, entries, warm int) (hits int)
}{{"optimum", optimal}, {"SIEVE alone", sieve}, {"S3-FIFO alone", playS3FIFO}}

// plan returns the hit ratio of the policies by themselves, in percent, for every trace and size.
func plan(s settings, traces []trace.Trace) map[string][]string {
	out := map[string][]string{}
	var tasks []func()
	for i := range traces {
		t := &traces[i]
		for _, share := range t.Shares {
			row := make([]string, len(bare))
			out[label(t, share)] = row
			for i, policy := range bare {
				tasks = append(tasks, func() {
					hits := policy.play(t.Asks, part(t, share), t.Warm)
					row[i] = percent(float64(hits) / float64(len(t.Asks)-t.Warm))
				})
			}
		}
	}
	share(tasks, s.workers)
	return out
}

func part(t *trace.Trace, share float64) int { return max(1, int(float64(t.Keys)*share)) }

// games are all of them, the caches of a trace and size next to each other.
func games(s settings, traces []trace.Trace, perEntry map[string]float64) (out []*game) {
	known := map[string]*fitted{}
	for i := range traces {
		t := &traces[i]
		for _, share := range t.Shares {
			for _, m := range s.makers {
				entries := part(t, share)
				if perEntry != nil {
					entries = max(1, int(float64(entries)*perEntry[s.makers[0].Name]/perEntry[m.Name]))
				}
				key := fmt.Sprint(m.Name, " ", entries)
				if known[key] == nil {
					known[key] = new(fitted)
				}
				out = append(out, &game{maker: m, trace: t, share: share, entries: entries, fitted: known[key]})
			}
		}
	}
	return out
}

// play plays them, a few at a time.
func play(games []*game, workers int) {
	var tasks []func()
	for _, g := range games {
		tasks = append(tasks, func() {
			fmt.Fprintf(os.Stderr, "%s: %s\n", g.label(), g.maker.Name)
			g.play()
		})
	}
	share(tasks, workers)
}

// share does tasks by so many goroutines.
func share(tasks []func(), workers int) {
	next := make(chan func())
	var done sync.WaitGroup
	for range workers {
		done.Go(func() {
			for task := range next {
				task()
			}
		})
	}
	for _, task := range tasks {
		next <- task
	}
	close(next)
	done.Wait()
}

func (g *game) play() {
	f := g.fitted
	f.once.Do(func() { f.capacity, f.err = fit(g.maker, g.entries) })
	if g.err = f.err; !g.ok() {
		return
	}
	c, err := g.maker.Make(f.room)
	if err != nil {
		g.err = err
		return
	}
	defer c.Close()
	hits := 0
	key, value, dst := make([]byte, trace.KeyBytes), make([]byte, f.value), make([]byte, 0, f.value)
	for i, n := range g.trace.Asks {
		trace.PutKey(key, n)
		var ok bool
		dst, ok = c.Get(dst[:0], key)
		switch {
		case !ok:
			set(c, key, value)
		case i >= g.trace.Warm:
			hits++
		}
	}
	g.ratio = float64(hits) / float64(len(g.trace.Asks)-g.trace.Warm)
	held := 0
	for n := range topOf(g.trace.Asks) {
		trace.PutKey(key, n)
		if dst, ok := c.Get(dst[:0], key); ok && len(dst) == f.value {
			held++
		}
	}
	f.ended(held)
}

// ok reports whether the cache could be set up to hold about what it should.
func (g *game) ok() bool { return g.err == nil && g.fitted.off(g.entries) <= usable }

func (g *game) percent() string {
	if !g.ok() {
		return "-"
	}
	return percent(g.ratio)
}

func (g *game) points(top float64) string {
	if !g.ok() {
		return "-"
	}
	return strconv.FormatFloat(100*(g.ratio-top), 'f', 2, 64)
}

func (g *game) size() []string {
	c := g.fitted.capacity
	note := c.note
	if g.err != nil {
		note = g.err.Error()
	} else if !g.ok() {
		note = "left out: it cannot hold so few"
	}
	ended := fmt.Sprintf("%d to %d", g.fitted.least, g.fitted.most)
	return []string{g.maker.Name, strconv.Itoa(g.entries), strconv.Itoa(c.held), ended, strconv.FormatInt(c.room.Bytes, 10), strconv.Itoa(c.value), note}
}
