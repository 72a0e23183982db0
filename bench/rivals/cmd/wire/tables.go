package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"covey/bench/rivals/internal/load"
	"covey/bench/rivals/internal/measured"
)

const (
	usualZipf = 0.99

	benchmarkFirst = 10_000 // requests of redis-benchmark for each of a pipeline, by which the number of the others is found
	// benchmarkWindows is how many windows a run of redis-benchmark lasts: nothing is left out at its start.
	benchmarkWindows = 1.5

	offeredClients = 50
)

func noGoal(string, string) goal { return goal{} }

// byPipeline makes goals against redis for each pipeline.
func byPipeline(cases []kind, goals map[int]goal) func(caseName, other string) goal {
	return func(caseName, other string) goal {
		for _, c := range cases {
			if c.String() == caseName && (other == "redis" || other == "valkey") {
				return goals[c.pipeline]
			}
		}
		return goal{}
	}
}

func (b *bench) benchmarkTable() error {
	targets, err := b.targets(speakRESP...)
	if err != nil {
		return err
	}
	cases := kinds([]int{64, 1024}, []int{1, 16, 64}, []int{100, 0})
	for _, c := range cases {
		counts := map[string]int{}
		err := b.inTurn("benchmark", c.String(), targets, func(t target) (row, error) {
			if err := b.fill(t, c.value); err != nil {
				return row{}, err
			}
			if counts[t.name] == 0 {
				first, err := b.benchmarkRun(t.Server, c, benchmarkFirst*c.pipeline)
				if err != nil {
					return row{}, err
				}
				counts[t.name] = int(first.PerSecond * b.window.Seconds() * benchmarkWindows)
			}
			return b.benchmarkRun(t.Server, c, counts[t.name])
		})
		if err != nil {
			return err
		}
	}
	return b.print("benchmark", namesOf(targets), []figure{byThroughput, byCPU, byP999}, byPipeline(cases, map[int]goal{
		1: {throughput: 0.9, cpu: 1.05}, 16: {throughput: 1.5, cpu: 0.55}, 64: {throughput: 3, cpu: 0.42}}))
}

func (b *bench) leanTable() error {
	return b.closed("lean", kinds([]int{64, 1024}, []int{1, 16, 64}, []int{100, 0}), map[int]goal{
		1: {throughput: 1, cpu: 0.95}, 16: {throughput: 1.8}, 64: {throughput: 3.5, cpu: 0.35}})
}

func (b *bench) mixedTable() error {
	cases := kinds([]int{64}, []int{1, 16, 64}, []int{10})
	for i := range cases {
		cases[i].zipf = usualZipf
	}
	return b.closed("mixed", cases, map[int]goal{1: {throughput: 1, cpu: 0.95}, 16: {throughput: 1.8}, 64: {throughput: 3.5, cpu: 0.35}})
}

// closed measures all servers with connections that send again when they have their replies.
func (b *bench) closed(tableName string, cases []kind, goals map[int]goal) error {
	targets, err := b.targets(everyone...)
	if err != nil {
		return err
	}
	if err := b.closedCases(tableName, cases, targets); err != nil {
		return err
	}
	return b.print(tableName, namesOf(targets), []figure{byThroughput, byCPU, byP999}, byPipeline(cases, goals))
}

func (b *bench) closedCases(tableName string, cases []kind, targets []target) error {
	for _, c := range cases {
		err := b.inTurn(tableName, c.String(), targets, func(t target) (row, error) {
			if err := b.fill(t, c.value); err != nil {
				return row{}, err
			}
			return b.measure(t, c.group(t, clients))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// unixTable measures what programs of the same machine gain by a Unix socket.
func (b *bench) unixTable() error {
	var targets []target
	for _, s := range []struct{ name, option string }{{"covey", "--unix"}, {"redis", "--unixsocket"}, {"valkey", "--unixsocket"}} {
		if !slices.Contains(b.servers, s.name) {
			continue
		}
		path := filepath.Join(b.fleet.Folder, s.name+".sock")
		started, err := b.fleet.Start(b.ctx, s.name, s.option, path)
		if err != nil {
			return err
		}
		targets = append(targets, target{s.name, started.Wire, started.ByUnix(path)})
		if s.name == "covey" {
			targets = append(targets, target{"covey by TCP", started.Wire, started})
		}
	}
	if err := b.closedCases("unix", kinds([]int{64}, []int{1, 16, 64}, []int{100, 0}), targets); err != nil {
		return err
	}
	return b.print("unix", namesOf(targets), []figure{byThroughput, byCPU, byP999}, noGoal)
}

func (b *bench) binaryTable() error {
	s, err := b.fleet.Start(b.ctx, "covey")
	if err != nil {
		return err
	}
	targets := []target{{"frames", "frames", s}, {"resp", "resp", s}}
	cases := kinds([]int{64}, []int{16, 64}, []int{100, 0})
	if err := b.closedCases("binary", cases, targets); err != nil {
		return err
	}
	return b.print("binary", namesOf(targets), []figure{byThroughput, byCPU, byP999}, func(caseName, _ string) goal {
		for _, c := range cases {
			if c.String() == caseName {
				return goal{throughput: 1.3}
			}
		}
		return goal{}
	})
}

func (b *bench) loopsTable() error {
	var targets []target
	for _, loops := range []string{"1", "2", "4"} {
		s, err := b.fleet.Start(b.ctx, "covey", "--loops", loops)
		if err != nil {
			return err
		}
		targets = append(targets, target{"loops " + loops, s.Wire, s})
	}
	if err := b.closedCases("loops", kinds([]int{64}, []int{1, 64}, []int{100, 0}), targets); err != nil {
		return err
	}
	return b.print("loops", namesOf(targets), []figure{byThroughput, byCPU, byP999}, noGoal)
}

// offeredTable finds how many requests redis takes at pipeline 1, and offers parts of that to all.
func (b *bench) offeredTable() error {
	targets, err := b.targets(everyone...)
	if err != nil {
		return err
	}
	most := 0.0
	for _, t := range targets {
		if err := b.fill(t, 64); err != nil {
			return err
		}
		if t.name == "redis" || most == 0 {
			r, err := b.measure(t, kind{value: 64, pipeline: 1}.group(t, clients))
			if err != nil {
				return err
			}
			most = r.PerSecond
		}
	}
	for _, percent := range []int{50, 80} {
		for _, c := range kinds([]int{64}, []int{1}, []int{0, 100}) {
			rate := float64(percent) / 100 * most
			name := fmt.Sprintf("%s 64 at %d %%, %.0f/s", c.verb(), percent, rate)
			err := b.inTurn("offered", name, targets, func(t target) (row, error) {
				g := c.group(t, offeredClients)
				g.Rate = rate
				return b.measure(t, g)
			})
			if err != nil {
				return err
			}
		}
	}
	return b.print("offered", namesOf(targets), []figure{byP50, byP99, byP999, byCPU}, func(_, other string) goal {
		if other == "redis" {
			return goal{p999: 1}
		}
		return goal{}
	})
}

const (
	largeBytes   = 1 << 20
	largeKeys    = 200
	largeFirst   = 10_000_000 // the number of the first of their keys
	largeClients = 4
	smallRate    = 2_000
	smallClients = 8
)

func (b *bench) largeTable() error {
	targets, err := b.targets(speakRESP...)
	if err != nil {
		return err
	}
	large := func(t target, sets int) load.Group {
		return load.Group{Name: "large", Addr: t.Addr, Wire: t.wire, Connections: largeClients, Pipeline: 1, Sets: sets,
			ValueBytes: largeBytes, First: largeFirst, Keys: largeKeys}
	}
	small := func(t target) load.Group {
		g := kind{value: 64, pipeline: 1}.group(t, smallClients)
		g.Rate = smallRate
		return g
	}
	for _, t := range targets {
		if err := b.set(t, largeBytes, largeFirst, largeKeys); err != nil {
			return err
		}
		if err := b.fill(t, 64); err != nil {
			return err
		}
	}
	alone := func(t target) (row, error) { return b.measure(t, small(t)) }
	other, err := b.atRest()
	if err != nil {
		return err
	}
	elsewhere := func(large load.Group) (row, error) {
		return b.beside(large, func() (row, error) { return alone(other) })
	}
	for _, c := range []struct {
		name    string
		measure func(target) (row, error)
	}{
		{"GET 1 MiB", func(t target) (row, error) { return b.measure(t, large(t, 0)) }},
		{"SET 1 MiB", func(t target) (row, error) { return b.measure(t, large(t, 100)) }},
		{smallAlone, alone},
		{"small beside GET 1 MiB", func(t target) (row, error) { return b.beside(large(t, 0), func() (row, error) { return alone(t) }) }},
		{"small beside SET 1 MiB", func(t target) (row, error) { return b.beside(large(t, 100), func() (row, error) { return alone(t) }) }},
		{elsewhereOf("small beside GET 1 MiB"), func(t target) (row, error) { return elsewhere(large(t, 0)) }},
		{elsewhereOf("small beside SET 1 MiB"), func(t target) (row, error) { return elsewhere(large(t, 100)) }},
	} {
		if err := b.inTurn("large", c.name, targets, c.measure); err != nil {
			return err
		}
	}
	if err := b.print("large", namesOf(targets), []figure{byThroughput, byCPU, byP99, byP999}, func(caseName, other string) goal {
		if other == "redis" && (caseName == "GET 1 MiB" || caseName == "SET 1 MiB") {
			return goal{throughput: 0.8}
		}
		return goal{}
	}); err != nil {
		return err
	}
	return b.besideAlone("large", namesOf(targets), []string{"small beside GET 1 MiB", "small beside SET 1 MiB"})
}

const smallAlone = "small alone"

// atRest starts another of the first servers, which nothing else is asked of: how long a client of it waits is how long it waits for a
// processor, and not for a server that is busy.
func (b *bench) atRest() (target, error) {
	other, err := b.fleet.Start(b.ctx, b.servers[0])
	if err != nil {
		return target{}, err
	}
	t := target{b.servers[0], other.Wire, other}
	return t, b.fill(t, 64)
}

// elsewhereOf is the case in which the client asks the server at rest.
func elsewhereOf(caseName string) string {
	return strings.Replace(caseName, "beside", "elsewhere beside", 1)
}

// besideAlone prints by how much others make a client's p99 worse: at most twice is the goal; and how it is to that of one that asks a
// server at rest meanwhile; and what the others moved.
func (b *bench) besideAlone(tableName string, servers, cases []string) error {
	var lines [][]string
	for _, c := range cases {
		for _, s := range servers {
			beside, alone := b.rows.Of(tableName, c, s), b.rows.Of(tableName, smallAlone, s)
			elsewhere := b.rows.Of(tableName, elsewhereOf(c), s)
			text := "-"
			if s == servers[0] {
				var err error
				if text, err = b.judge(&measured.Goal{Table: tableName, Case: c, Server: s, Beside: smallAlone, Other: s, Figure: byP99.name, Limit: 2}); err != nil {
					return err
				}
			}
			lines = append(lines, []string{c + ", " + s + busy(beside, alone), beside.RatioText(alone, measured.P99), text,
				beside.RatioText(elsewhere, measured.P99), fmt.Sprintf("%.0f", beside.Median(measured.Beside))})
		}
	}
	b.r.Table([]string{"p99 to that alone", "ratio", "goal", "to that elsewhere meanwhile", "MB/s of the others"}, lines)
	return nil
}

func (b *bench) fairTable() error {
	targets, err := b.targets(everyone...)
	if err != nil {
		return err
	}
	for _, t := range targets {
		if err := b.fill(t, 64); err != nil {
			return err
		}
	}
	alone := func(t target) (row, error) {
		g := kind{value: 64, pipeline: 1}.group(t, 1)
		g.Rate = 1_000
		return b.measure(t, g)
	}
	other, err := b.atRest()
	if err != nil {
		return err
	}
	long := func(sets int, rests bool) func(target) (row, error) {
		return func(t target) (row, error) {
			asked := t
			if rests {
				asked = other
			}
			return b.beside(kind{sets: sets, value: 64, pipeline: 10_000}.group(t, 1), func() (row, error) { return alone(asked) })
		}
	}
	const beside = "beside pipelines of 10,000 "
	for _, c := range []struct {
		name    string
		measure func(target) (row, error)
	}{
		{smallAlone, alone}, {beside + "GET", long(0, false)}, {beside + "SET", long(100, false)},
		{elsewhereOf(beside + "GET"), long(0, true)}, {elsewhereOf(beside + "SET"), long(100, true)},
	} {
		if err := b.inTurn("fair", c.name, targets, c.measure); err != nil {
			return err
		}
	}
	if err := b.print("fair", namesOf(targets), []figure{byP50, byP99, byP999}, noGoal); err != nil {
		return err
	}
	return b.besideAlone("fair", namesOf(targets), []string{beside + "GET", beside + "SET"})
}

func (b *bench) manyTable() error {
	targets, err := b.targets(everyone...)
	if err != nil {
		return err
	}
	const busy = 100
	c := kind{value: 64, pipeline: 1}
	alone, beside := "100 busy", fmt.Sprintf("100 busy beside %d idle", b.idle)
	for _, name := range []string{alone, beside} {
		err := b.inTurn("many", name, targets, func(t target) (row, error) {
			if err := b.fill(t, c.value); err != nil {
				return row{}, err
			}
			groups := []load.Group{c.group(t, busy)}
			if name == beside {
				idle := c.group(t, b.idle)
				idle.Name, idle.Idle = "idle", true
				groups = append(groups, idle)
			}
			return b.measure(t, groups...)
		})
		if err != nil {
			return err
		}
	}
	if err := b.print("many", namesOf(targets), []figure{byThroughput, byCPU, byP999}, noGoal); err != nil {
		return err
	}
	var lines [][]string
	for _, s := range namesOf(targets) {
		with, without := b.rows.Of("many", beside, s), b.rows.Of("many", alone, s)
		if len(with) == 0 || len(without) == 0 {
			continue
		}
		// The first run of each: later ones find what the earlier have left.
		lines = append(lines, []string{s, fmt.Sprintf("%.0f", float64(with[0].RSS-without[len(without)-1].RSS)/float64(b.idle))})
	}
	b.r.Table([]string{"idle connections", "bytes each"}, lines)
	return nil
}
