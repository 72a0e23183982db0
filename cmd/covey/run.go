package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"covey/cmd/covey/internal/machine"
	"covey/loop"
)

const (
	defaultPort = 9000
	defaultHTTP = "127.0.0.1:9080"
	// unknownMachineMemory stands for the memory of a machine that does not tell how much it has, bytes.
	unknownMachineMemory = 1 << 30
	// gcPercent is how much garbage a node lets lie, in percent of what is not garbage. Nothing that is stored is the
	// collector's, so that a collection takes a fraction of a millisecond, and what it would be spared is memory.
	gcPercent = 25
)

type runVerb struct {
	Listen        string `placeholder:"ADDR:PORT" help:"TCP address for peers and clients; the default is 0.0.0.0:9000, or the next free port."`
	Unix          string `placeholder:"PATH" help:"A Unix socket for clients of this machine besides, such as /run/covey/covey.sock: faster than TCP."`
	DiscoveryPort uint16 `default:"9000" placeholder:"PORT" help:"UDP port on which nodes find each other (default ${default})."`
	Interfaces    string `placeholder:"PATTERN" help:"Cards to use: names and globs, ! leaves one out, as in eth0,!docker0."`
	Peer          peers  `placeholder:"HOST:PORT" help:"A node to link with where broadcasts do not pass; may be repeated."`
	StateDir      string `placeholder:"DIR" help:"Folder in which to remember where members are, for the next start; the default is $$STATE_DIRECTORY of systemd, or none."`
	Cluster       string `default:"default" placeholder:"NAME" help:"Only nodes of the same cluster link up (default ${default})."`
	secretFlag
	MaxMemory *size         `placeholder:"SIZE" help:"Memory for all that is stored, as in 64m or 1GiB; the default is half of the smaller of machine and control group."`
	Horizon   time.Duration `default:"1h" placeholder:"TIME" help:"How long deletions are remembered (default ${default})."`
	Loops     int           `default:"0" placeholder:"N" help:"Event loops; 0 is one for every two processors, and more in reserve for when there is much to do."`
	HTTP      string        `name:"http" placeholder:"ADDR:PORT" help:"Where /healthz, /readyz and /metrics are served, or off; the default is 127.0.0.1:9080."`
	LogLevel  slog.Level    `default:"info" placeholder:"LEVEL" help:"The least that is logged: debug, info, warn or error (default ${default})."`
	LogFormat string        `default:"text" enum:"text,json" placeholder:"FORMAT" help:"text or json (default ${default})."`
}

// Help is the second part of `covey run --help`.
func (*runVerb) Help() string {
	return `Nodes on one network find each other: no address is needed. What is set on any of them can be read on all.

Examples:

    covey                                  a node with every default
    covey run --max-memory 512m            at most 512 MiB of entries
    covey run --listen 10.0.0.5:9000       on one card only
    covey run --unix /run/covey.sock       for clients of this machine a faster way besides
    covey run --cluster blue               apart from other nodes on the network
    covey run --peer 10.1.0.7:9000         a node in another network, by address
    covey run --secret-file covey.secret   only nodes and clients that know a secret (covey secret new)

Then, from any machine of the network: covey set greeting hello; covey get greeting; redis-cli -p 9000 get greeting.`
}

// Run blocks until the node is told to end.
func (v *runVerb) Run(ctx context.Context, p *process) error {
	lines, spooled := newSpool(), *p
	spooled.Stdout, spooled.Stderr = lines.into(p.Stdout), lines.into(p.Stderr)
	cfg, err := v.config(&spooled)
	if err != nil {
		return failf(exitUsage, "%v", err)
	}
	lines.start(func(dropped int64) {
		cfg.Logger.Warn("what reads the output of this node stood still, and lines were left out", "lines", dropped)
	})
	defer lines.close()
	if cfg.Secrets, err = v.read(p); err != nil {
		return err
	}
	cfg.NewSecrets = v.follow(ctx, cfg.Logger)
	// What reads the log may end before the node does: that costs the log, not the cache.
	signal.Ignore(syscall.SIGPIPE)
	if _, chosen := p.LookupEnv("GOGC"); !chosen {
		debug.SetGCPercent(gcPercent)
	}
	_, chosen := p.LookupEnv("GOMAXPROCS")
	if cfg.Loops == 0 {
		cfg.Loops = loop.DefaultLoops()
		if !chosen {
			cfg.Reserve = loop.DefaultReserve()
		}
	}
	if err := cfg.Check(); err != nil {
		return ofUsage(err) // before the scheduler has as many processors as somebody has mistyped loops
	}
	// A processor that no loop needs makes the scheduler start and stop a thread whenever a loop has nothing to do
	// (docs/ARCHITECTURE.md, How many loops).
	if !chosen && cfg.Loops > 0 {
		cfg.Procs = func(loops int) { runtime.GOMAXPROCS(loops) }
		cfg.Procs(cfg.Loops)
		cfg.Linger = true
	}
	err = loop.Run(ctx, cfg)
	return ofUsage(err)
}

// ofUsage makes a wrong configuration an error of usage.
func ofUsage(err error) error {
	if errors.Is(err, loop.ErrConfig) {
		return failf(exitUsage, "%s", strings.TrimPrefix(err.Error(), loop.ErrConfig.Error()+": "))
	}
	return err
}

// config is the node's configuration; what only the node can judge is left to it.
func (v *runVerb) config(p *process) (loop.Config, error) {
	cfg := loop.Config{
		Listen:        netip.AddrPortFrom(netip.IPv4Unspecified(), defaultPort),
		ListenSet:     v.Listen != "",
		Unix:          v.Unix,
		DiscoveryPort: v.DiscoveryPort,
		Interfaces:    v.Interfaces,
		Peers:         v.Peer,
		StateDir:      v.stateDir(p),
		Cluster:       v.Cluster,
		Horizon:       v.Horizon,
		Loops:         v.Loops,
		HTTP:          v.HTTP,
		HTTPSet:       v.HTTP != "",
		Version:       version,
		Logger:        newLogger(p.Stderr, v.LogLevel, v.LogFormat),
		Out:           p.Stdout,
	}
	if cfg.HTTP == "" {
		cfg.HTTP = defaultHTTP
	}
	if v.MaxMemory == nil {
		cfg.MaxMemory = defaultMaxMemory(cfg.Logger)
	} else {
		cfg.MaxMemory = int64(*v.MaxMemory)
	}
	if !cfg.ListenSet {
		return cfg, nil
	}
	var err error
	cfg.Listen, err = parseListen(v.Listen)
	return cfg, err
}

// stateDir is the folder that the user or else systemd names. systemd may name several, with colons between them.
func (v *runVerb) stateDir(p *process) string {
	if v.StateDir != "" {
		return v.StateDir
	}
	dirs, _ := p.LookupEnv("STATE_DIRECTORY")
	first, _, _ := strings.Cut(dirs, ":")
	return first
}

// parseListen reads 0.0.0.0:9000, and :9000 for the same.
func parseListen(s string) (netip.AddrPort, error) {
	if strings.HasPrefix(s, ":") {
		s = "0.0.0.0" + s
	}
	addr, err := netip.ParseAddrPort(s)
	if err != nil {
		return addr, fmt.Errorf("--listen %q is not an IPv4 address and a port, such as 0.0.0.0:9000 or 10.0.0.5:9000", s)
	}
	return addr, nil
}

// defaultMaxMemory is what a node takes that is not told otherwise.
func defaultMaxMemory(log *slog.Logger) int64 {
	memory, err := machine.ReadMemory()
	if err != nil {
		log.Warn("the machine's memory is not known; give --max-memory", "assumed", unknownMachineMemory, "error", err)
		return unknownMachineMemory / 2
	}
	return halfOf(memory)
}

// halfOf is half of what this process may use, as far as a store can be so large, in bytes.
func halfOf(m machine.Memory) int64 { return min(m.Smaller()/2, loop.MaxMemory) }

func newLogger(w io.Writer, level slog.Level, format string) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
