package sim

import (
	"flag"
	"reflect"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

var (
	oneSeed = flag.Uint64("seed", 0, "run this seed alone; when it fails it is made smaller and told")
	seeds   = flag.Int("seeds", 100, "how many seeds to run")
	from    = flag.Uint64("from", 1, "the first of them")
	most    = flag.Int("failures", 10, "stop after so many seeds that fail")
)

// TestSim runs two to seven nodes through the plan of each seed, on as many goroutines as there are processors. A seed that
// fails is printed, and repeats exactly: go test ./internal/sim -run 'TestSim$' -seed=N -v
func TestSim(t *testing.T) {
	if *oneSeed != 0 {
		replay(t, *oneSeed, Weak{})
		return
	}
	count := uint64(*seeds)
	var next atomic.Uint64
	var failed atomic.Int32
	var mu sync.Mutex
	var seen Seen
	var all sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for {
				seed := *from + next.Add(1) - 1
				if seed >= *from+count || int(failed.Load()) >= *most {
					return
				}
				s, wrong := NewPlan(seed).Run(Weak{}, nil)
				if len(wrong) > 0 {
					failed.Add(1)
					t.Errorf("seed %d: %.300q\ntell it with: go test ./internal/sim -run 'TestSim$' -seed=%d -v", seed, wrong, seed)
				}
				mu.Lock()
				seen.Add(s)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	t.Logf("%d seeds: %+v", count, seen)
	checkSeen(t, seen, count)
}

// rare are what not every fourth run sees.
var rare = map[string]uint64{"Rekeys": 50, "Dropped": 0, "Regressed": 0, "Forgotten": 0, "TryAgain": 0, "Ahead": 0, "Unlike": 50, "Mixed": 0, "Evictions": 0, "Purged": 10,
	"Pauses": 50, "Leaps": 50, "Steps": 10, "Crowded": 10, "Sealed": 10, "Refused": 10, "Renewed": 10, "Published": 0, "Heard": 0}

// checkSeen fails when the runs have met too little of something: a simulator that sees no trouble finds none.
func checkSeen(t *testing.T, seen Seen, runs uint64) {
	v := reflect.ValueOf(seen)
	for i := range v.NumField() {
		name, n := v.Type().Field(i).Name, v.Field(i).Uint()
		every, ok := rare[name]
		if !ok {
			every = 4
		}
		if every > 0 && runs >= 50 && *sceneName == "" && n < runs/every {
			t.Errorf("the runs see too few %s: %d", name, n)
		}
	}
}

// replay runs one seed; when it fails it is made smaller and told.
func replay(t *testing.T, seed uint64, weak Weak) {
	p := NewPlan(seed)
	s, wrong := p.Run(weak, nil)
	if len(wrong) == 0 {
		t.Logf("seed %d: %+v", seed, s)
		return
	}
	small, left, runs := p.Shrink(weak, wrong[0].Check)
	if left == nil {
		small, left = p, wrong
	}
	t.Errorf("seed %d: %q\nafter %d runs %d of %d steps and %d of %d machines are left:\n%s\n%q", seed, wrong, runs,
		len(small.Steps), len(p.Steps), len(small.Machines), len(p.Machines), small.Transcript(weak, left), left)
}
