package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"covey/bench/rivals/internal/load"
	"covey/bench/rivals/internal/report"
	"covey/bench/rivals/internal/server"
)

const replicationPatience = 20 * time.Second // for a key to come to the others

// mesh is three servers that hold the same; the first is written to.
type mesh struct {
	target
	members []*server.Server
}

func (m *mesh) pids() []int {
	var out []int
	for _, s := range m.members {
		out = append(out, s.Pid())
	}
	return out
}

// processor is the processor time of all members so far.
func (m *mesh) processor() (sum time.Duration, err error) {
	for _, s := range m.members {
		used, err := report.Processor(s.Pid())
		if err != nil {
			return 0, err
		}
		sum += used
	}
	return sum, nil
}

// startMesh starts three of a server, linked.
func (b *bench) startMesh(name string) (*mesh, error) {
	m := &mesh{}
	var more []string
	if name == "covey" || name == "before" {
		port, err := server.FreePort()
		if err != nil {
			return nil, err
		}
		more = []string{"--discovery-port", fmt.Sprint(port), "--cluster", fmt.Sprint(name, "-", port)}
	}
	for range 3 {
		s, err := b.fleet.Start(b.ctx, name, more...)
		if err != nil {
			return nil, err
		}
		m.members = append(m.members, s)
		if len(m.members) == 1 && len(more) == 0 {
			_, port, _ := strings.Cut(s.Addr, ":")
			more = []string{"--replicaof", "127.0.0.1 " + port, "--repl-diskless-sync-delay", "0"}
		}
	}
	m.target = target{name, m.members[0].Wire, m.members[0]}
	return m, m.settle(b.ctx, "linked")
}

// settle sets a key on the first and returns when all others have it.
func (m *mesh) settle(ctx context.Context, value string) error {
	if reply, err := m.Ask(fmt.Sprintf("SET settled %s\r\n", value)); err != nil || reply != "+OK\r\n" {
		return fmt.Errorf("setting a key on %s: %q, %w", m.name, reply, err)
	}
	want := fmt.Sprintf("$%d\r\n%s\r\n", len(value), value)
	deadline := time.Now().Add(replicationPatience)
	for _, s := range m.members[1:] {
		for {
			reply, err := s.Ask("GET settled\r\n")
			if err == nil && reply == want {
				break
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("%s: a key did not come to another within %v", m.name, replicationPatience)
			}
			time.Sleep(2 * time.Millisecond)
		}
	}
	return nil
}

func (b *bench) meshes() (map[string]*mesh, []target, error) {
	all, targets := map[string]*mesh{}, []target(nil)
	for _, name := range b.servers {
		if name == "memcached" {
			continue
		}
		m, err := b.startMesh(name)
		if err != nil {
			return nil, nil, err
		}
		all[name], targets = m, append(targets, m.target)
	}
	return all, targets, nil
}

func (b *bench) replicatedTable() error {
	meshes, targets, err := b.meshes()
	if err != nil {
		return err
	}
	b.r.Text("CPU and RSS are those of all three together; the processor time ends when the last write is visible on both others.\n")
	cases := kinds([]int{64}, []int{1, 16}, []int{100})
	for _, c := range cases {
		err := b.inTurn("replicated", c.String(), targets, func(t target) (row, error) { return b.replicate(meshes[t.name], c) })
		if err != nil {
			return err
		}
	}
	return b.print("replicated", namesOf(targets), []figure{byThroughput, byCPU, byP999}, byPipeline(cases, map[int]goal{
		1: {cpu: 1}, 16: {throughput: 1.5, cpu: 0.6}}))
}

// replicate writes to the first of a mesh. Nothing is left out before the window, for the processor time is of all of it.
func (b *bench) replicate(m *mesh, c kind) (row, error) {
	if err := b.fill(m.target, c.value); err != nil {
		return row{}, err
	}
	if err := m.settle(b.ctx, "before"); err != nil {
		return row{}, err
	}
	before, err := m.processor()
	if err != nil {
		return row{}, err
	}
	res, err := load.Run(b.ctx, load.Plan{Groups: []load.Group{c.group(m.target, clients)}, Window: b.warm + b.window, Pids: m.pids(), Seed: b.seed})
	if err != nil {
		return row{}, err
	}
	if err := m.settle(b.ctx, "after"); err != nil {
		return row{}, err
	}
	after, err := m.processor()
	if err != nil {
		return row{}, err
	}
	r := newRow(res)
	r.CPU = perMillion((after - before).Seconds(), r.Requests)
	return r, nil
}

func (b *bench) visibleTable() error {
	meshes, targets, err := b.meshes()
	if err != nil {
		return err
	}
	b.r.Text("Requests are probes: a set at the first, and from its reply on gets at another until it is there. Under load, 50 other")
	b.r.Text("connections write to the first with pipelines of 16 meanwhile.\n")
	const idle, loaded = "idle", "under saturating load"
	for _, name := range []string{idle, loaded} {
		err := b.inTurn("visible", name, targets, func(t target) (row, error) {
			m := meshes[t.name]
			w := load.Watch{Writer: m.Addr, Reader: m.members[1].Addr, For: b.window, Every: time.Millisecond}
			if name == idle {
				return b.watch(w)
			}
			return b.watchLoaded(m, w)
		})
		if err != nil {
			return err
		}
	}
	return b.print("visible", namesOf(targets), []figure{byP50, byP99, byP999}, func(caseName, other string) goal {
		switch {
		case other != "redis":
			return goal{}
		case caseName == loaded:
			return goal{p50: 0.5, p99: 0.5}
		}
		return goal{p50: 1, p99: 1}
	})
}

func (b *bench) watch(w load.Watch) (row, error) {
	f, err := load.RunWatch(b.ctx, w)
	if err != nil {
		return row{}, err
	}
	return row{Requests: f.Requests, PerSecond: f.PerSecond, P50: f.P50, P99: f.P99, P999: f.P999}, nil
}

// watchLoaded watches while others write.
func (b *bench) watchLoaded(m *mesh, w load.Watch) (row, error) {
	if err := b.fill(m.target, 64); err != nil {
		return row{}, err
	}
	r, err := b.beside(kind{sets: 100, value: 64, pipeline: 16}.group(m.target, clients), func() (row, error) { return b.watch(w) })
	if err != nil {
		return row{}, err
	}
	return r, m.settle(b.ctx, "after")
}
