package command

import (
	"strings"
	"testing"

	"covey/codec"
)

// Whatever bytes arrive, each command gets exactly one whole reply or waits, and nothing panics.
func FuzzRESP(f *testing.F) {
	for i := range commands {
		f.Add([]byte(commands[i].name+" a 1\r\n"), uint8(i))
	}
	f.Add([]byte("SET a 1 EX 10\nINCR a\nSCAN 0 MATCH * COUNT 5\nHELLO 3\nMGET a b\nWAIT 1 1\n"), uint8(7))
	f.Fuzz(func(t *testing.T, in []byte, mode uint8) {
		if len(in) > 4<<10 {
			return
		}
		x := newFixture(t)
		x.host.state, x.host.settled = codec.State(mode%3), mode&8 != 0
		var p codec.Parser
		for {
			args, n, err := p.Next(nil, in)
			if err != nil || n == 0 {
				return
			}
			command := in[:n]
			in = in[n:]
			out, v := x.RESP(x.client, args, []byte("before"))
			for v == Again {
				out, v = x.RESP(x.client, args, out)
			}
			if !strings.HasPrefix(string(out), "before") {
				t.Fatalf("%q: what was there is gone", command)
			}
			out = out[len("before"):]
			if len(args) == 0 || v == Wait {
				if len(out) != 0 {
					t.Fatalf("%q: verdict %d with %q", command, v, out)
				}
				continue
			}
			replies := 1
			if strings.Contains(strings.ToLower(string(args[0])), "subscribe") && out[0] != '-' {
				replies = len(args) // one for each name, and one at least
			}
			for ; len(out) > 0; replies-- {
				_, n, err := codec.ParseReply(out)
				if err != nil || replies == 0 {
					t.Fatalf("%q: %q is not as many replies as there should be: %v", command, out, err)
				}
				out = out[n:]
			}
			x.endTurn(t)
		}
	})
}

// Whatever frame arrives, it gets exactly one response, waits, is skipped or costs the connection.
func FuzzFrame(f *testing.F) {
	f.Add(getFrame("a"), uint8(2))
	f.Add(setFrame("a", "1", codec.SetNX, 1), uint8(10))
	f.Add(deleteFrame("a"), uint8(0))
	f.Add(incrementFrame("a", -1, 5), uint8(2))
	f.Add(expireFrame("a", 0), uint8(2))
	f.Add(ttlFrame("a"), uint8(2))
	f.Add(codec.AppendReport(nil, 1, codec.Report{Topic: codec.TopicInfo}), uint8(2))
	f.Fuzz(func(t *testing.T, in []byte, mode uint8) {
		if len(in) > 4<<10 {
			return
		}
		h, ok, err := codec.DecodeHeader(in)
		if err != nil || !ok || int(h.Length) > len(in)-codec.HeaderLen {
			return
		}
		x := newFixture(t)
		x.host.state, x.host.settled = codec.State(mode%3), mode&8 != 0
		out, v := x.Frame(x.client, h, in[codec.HeaderLen:codec.HeaderLen+int(h.Length)], nil)
		if len(out) == 0 {
			if v == Close || v == Done && h.Kind.Known() {
				t.Fatalf("%v: verdict %d without a response", h, v)
			}
			return
		}
		r, ok, err := codec.DecodeHeader(out)
		if err != nil || !ok || r.Tag != h.Tag || int(r.Length) != len(out)-codec.HeaderLen {
			t.Fatalf("%v: response %v, %v, of %d bytes", h, r, err, len(out))
		}
	})
}
