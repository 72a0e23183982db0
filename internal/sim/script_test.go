package sim

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"covey/codec"
	"covey/store"
)

// script is a scenario that is being played.
type script struct {
	t    *testing.T
	w    *World
	off  protection
	line int
	out  []string
}

func (s *script) say(format string, args ...any) { s.out = append(s.out, fmt.Sprintf(format, args...)) }

func (s *script) fail(args []string) { s.t.Fatalf("line %d: %q: what is that?", s.line, args) }

func (s *script) host(name string) *Host {
	for _, h := range s.w.Hosts {
		if h.name == name {
			return h
		}
	}
	s.t.Fatalf("line %d: no host %s", s.line, name)
	return nil
}

func (s *script) hosts(names []string) (all []*Host) {
	for _, name := range names {
		all = append(all, s.host(name))
	}
	return all
}

func (s *script) time(text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil {
		s.t.Fatalf("line %d: %v", s.line, err)
	}
	return d
}

func (s *script) number(text string) int64 {
	n, err := strconv.ParseInt(text, 0, 64)
	if err != nil {
		s.t.Fatalf("line %d: %v", s.line, err)
	}
	return n
}

// play carries out one command.
func (s *script) play(args []string) {
	w := s.w
	switch rest := args[1:]; args[0] {
	case "host": // host NAME [skew=MS] [ring=BYTES] [memory=BYTES] [horizon=DURATION] [clone=NAME]: a machine that is down
		s.add(rest)
	case "start":
		for _, h := range s.hosts(rest) {
			h.Start()
		}
	case "crash":
		s.host(rest[0]).Crash()
	case "leave":
		s.host(rest[0]).Leave()
	case "sleep": // sleep NAME DURATION: as SIGSTOP
		s.host(rest[0]).Sleep(s.time(rest[1]))
	case "break": // break NAME: a connection of it ends under both sides
		if h := s.host(rest[0]); len(h.ends) > 0 {
			h.ends[0].close()
		}
	case "cut": // cut NAME NAME...: the first is cut off from the others
		for _, o := range s.hosts(rest[1:]) {
			w.Cut(s.host(rest[0]), o, true)
		}
	case "deaf": // deaf NAME NAME: the first does not hear the second
		w.CutOneWay(s.host(rest[1]), s.host(rest[0]), true)
	case "apart": // apart NAME NAME: they never reach each other
		w.Apart(s.host(rest[0]), s.host(rest[1]))
	case "lose": // lose announces: all of them
		w.Faults.LostShare = 1
	case "heal":
		w.Heal()
		w.Faults.LostShare = 0
	case "slow": // slow DURATION: what is on its way takes up to so long
		w.Faults.Delay = s.time(rest[0])
	case "run": // run DURATION
		w.Run(s.time(rest[0]))
	case "until":
		s.until(args)
	case "do": // do NAME COMMAND...: what a client is answered
		s.say("%s", s.do(s.host(rest[0]), rest[1:]))
	case "write": // write EVERY DURATION: clients of all hosts write
		w.busy(50, s.time(rest[0]), s.time(rest[1]))
	case "fill": // fill NAME PREFIX COUNT BYTES: that many keys with values so long, which begin with a number from 100 on
		h := s.host(rest[0])
		for i := range s.number(rest[2]) {
			if h.set(fmt.Sprint(rest[1], i), fmt.Sprintf("%-*d", s.number(rest[3]), i+100)); i%50 == 49 {
				w.Run(5 * time.Millisecond)
			}
		}
	case "hold": // hold NAME KEY VALUE AGE NODE: a record comes out of nowhere, stamped so long ago by the first host's clock
		h := s.host(rest[0])
		stamp := uint64(int64(s.w.running()[0].now())-s.time(rest[3]).Milliseconds()) << 16
		h.hold(rest[1], rest[2], store.Version{Stamp: stamp, Node: uint64(s.number(rest[4]))})
	case "floor": // floor NAME AGE: it has forgotten a deletion of that time
		h := s.host(rest[0])
		h.Store.RaiseFloor(store.Version{Stamp: (h.now() - uint64(s.time(rest[1]).Milliseconds())) << 16, Node: 1})
	case "frail": // frail NAME PROTECTION: this one misses it in any case; before its start
		h, p := s.host(rest[0]), protections[strings.Join(rest[1:], " ")]
		h.weak, h.frail = h.weak|p.peer, h.frail|p.store
	default:
		s.look(args)
	}
}

// look carries out a command that only looks.
func (s *script) look(args []string) {
	switch rest := args[1:]; args[0] {
	case "get": // get KEY: what all hosts that run have
		for _, h := range s.w.running() {
			s.say("%s %s", h.name, h.reads(rest[0]))
		}
	case "states":
		for _, h := range s.w.running() {
			s.say("%s %s", h.name, h.Node.State())
		}
	case "members": // members NAME: what it thinks of the others
		for _, m := range s.host(rest[0]).Node.Members(nil) {
			via := ""
			if m.Via != 0 {
				via = ", via " + s.who(m.Via)
			}
			s.say("%s %s, linked %v%s", s.who(m.ID), m.State, m.Linked, via)
		}
	case "clocks": // how far their times are from that of the first host, in units of 0.1 s
		first := s.w.running()[0]
		for _, h := range s.w.running() {
			s.say("%s %d ds", h.name, (int64(h.now())-int64(first.now()))/100)
		}
	case "ahead": // how far the newest stamp is ahead of time, in s
		for _, h := range s.w.running() {
			s.say("%s %d s", h.name, max(0, int64(store.StampTime(h.Store.Newest()))-int64(h.now()))/1000)
		}
	case "differs": // where the contents of two hosts differ
		diff := s.w.differs()
		s.say("%s", map[bool]string{true: "no", false: "they do"}[diff == ""])
	case "verify": // what each says of all
		for _, h := range s.w.running() {
			v := h.Node.Verify()
			s.say("%s: of %d members, converged %v, leaves left out %v", h.name, v.Members, v.Converged, v.LeftOut > 0)
		}
	case "sum": // sum COUNTER...: whether they have moved on a host that runs
		s.sum(rest)
	case "ids": // how many different ids, and connections of each
		s.ids()
	default:
		s.fail(args)
	}
}

func (s *script) ids() {
	ids := map[uint64]bool{}
	for _, h := range s.w.running() {
		ids[h.Node.ID()] = true
		s.say("%s has %d links", h.name, len(h.Node.Links()))
	}
	s.say("%d ids", len(ids))
}

// sum says of counters whether they have moved.
func (s *script) sum(names []string) {
	var seen Seen
	dropped := uint64(0)
	was := s.w.seen
	for _, h := range s.w.running() {
		s.w.seen.count(h)
		dropped += h.Node.Counters().Dropped
	}
	seen, s.w.seen = s.w.seen, was
	for _, name := range names {
		n, ok := map[string]uint64{"repairs": seen.Repairs, "repaired": seen.Repaired, "gaps": seen.Gaps, "relayed": seen.Relayed,
			"ahead": seen.Ahead, "dropped": dropped, "rekeys": seen.Rekeys}[name]
		if !ok {
			s.fail(names)
		}
		s.say("%s: %v", name, map[bool]string{true: "none", false: "some"}[n == 0])
	}
}

func (s *script) add(args []string) {
	h := s.w.AddHost(0, 1<<20)
	if h.name != args[0] {
		s.fail(args)
	}
	h.weak, h.frail = s.off.peer, s.off.store
	if s.off.sameStream {
		h.stream = uint64(h.index + 1)
	}
	for _, a := range args[1:] {
		switch k, v, _ := strings.Cut(a, "="); k {
		case "skew":
			h.skew = s.number(v)
		case "ring":
			h.ring = int(s.number(v))
		case "memory":
			h.memory = s.number(v)
		case "horizon":
			h.horizon = s.time(v)
		case "clone":
			h.id = s.host(v).id
		default:
			s.fail(args)
		}
	}
}

// until lets time pass: until ready|linked|loading|equal [NAME] LIMIT.
func (s *script) until(args []string) {
	w := s.w
	is := func(state codec.State) func() bool {
		return func() bool { h := s.host(args[2]); return h.Node != nil && h.Node.State() == state }
	}
	done := map[string]func() bool{
		"ready": w.ready, "linked": w.linked, "ready NAME": is(codec.StateReady), "loading NAME": is(codec.StateLoading),
		"equal": func() bool { return w.differs() == "" },
	}[args[1]+strings.Repeat(" NAME", len(args)-3)]
	if done == nil {
		s.fail(args)
	}
	if !w.RunUntil(s.time(args[len(args)-1]), done) {
		s.say("not within %s", args[len(args)-1])
	}
}

// do has a client give a command; the answer, or that there was none in 5 s.
func (s *script) do(h *Host, args []string) string {
	h.desk.buf = h.desk.buf[:0]
	h.Do(args...)
	if !s.w.RunUntil(5*time.Second, func() bool { return len(h.desk.buf) > 0 }) {
		return "(no answer)"
	}
	return strings.TrimRight(strings.ReplaceAll(string(h.desk.buf), "\r\n", " "), " ")
}

func (s *script) who(id uint64) string {
	for _, h := range s.w.Hosts {
		if h.id == id {
			return h.name
		}
	}
	return codec.FormatID(id)
}

// reads is what a host has of a key.
func (h *Host) reads(key string) string {
	v, m, ok := h.Store.Get(nil, []byte(key), h.Store.Hash([]byte(key)), h.now())
	switch {
	case !ok:
		return "(none)"
	case m.ExpireAt != 0:
		return fmt.Sprintf("%s, %d0 s to live and some", strings.TrimRight(string(v), " "), (m.ExpireAt-h.now())/10_000)
	}
	return strings.TrimRight(string(v), " ")
}
