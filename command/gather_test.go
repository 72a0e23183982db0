package command

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"covey/codec"
	"covey/internal/harness"
)

// gatherAll carries out what is whole in buf, in the way of the loop. rest is what is not carried out.
func gatherAll(f *fixture, p *codec.Parser, buf []byte) (out, rest []byte) {
	for len(buf) > 0 {
		n, all, err := f.GatherRESP(p, buf)
		for range n {
			var size int
			var v Verdict
			if out, size, v = f.NextRESP(f.client, out); v == Wait {
				p.Forget()
				return out, buf
			}
			if buf = buf[size:]; v == Close {
				return out, buf
			}
		}
		if err != nil {
			return codec.AppendError(out, "ERR "+err.Error()), buf
		}
		if all {
			break
		}
	}
	return out, buf
}

// Commands that are gathered, however the bytes come, get the replies and give the updates of commands that come alone.
func TestGatheredCommandsAreCarriedOutOneByOne(t *testing.T) {
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 6))
		g := &generator{Rand: rng, base: int64(startOfTime / 1000)}
		alone, together := newFixture(t), newFixture(t)
		var stream, want []byte
		for range 400 {
			switch command := g.command(); rng.IntN(20) {
			case 0:
				stream = append(stream, "GET a\r\n\r\n*0\r\nGET key:1\r\n"...)
				want = append(want, alone.do("GET", "a")+alone.do("GET", "key:1")...)
			case 1:
				command = []string{"MGET"}
				for range rng.IntN(2 * maxAimed) {
					command = append(command, g.key())
				}
				fallthrough
			default:
				stream = codec.AppendCommand(stream, command...)
				want = append(want, alone.do(command...)...)
			}
		}
		var p codec.Parser
		var got, kept []byte
		for len(stream) > 0 {
			n := min(1+rng.IntN(1+rng.IntN(5000)), len(stream))
			kept = append(kept, stream[:n]...)
			stream = stream[n:]
			out, rest := gatherAll(together, &p, kept)
			got = append(got, out...)
			kept = append([]byte(nil), rest...)
		}
		if string(got) != string(want) || len(kept) > 0 {
			t.Fatalf("seed %d: replies differ\n got %.2000q\nwant %.2000q, %d bytes left", seed, got, want, len(kept))
		}
		if got, want := together.endTurn(t), alone.endTurn(t); !reflect.DeepEqual(got, want) {
			t.Fatalf("seed %d: %d updates, want %d, or they differ", seed, len(got), len(want))
		}
		if together.Tally != alone.Tally {
			t.Errorf("seed %d: counted %+v, want %+v", seed, together.Tally, alone.Tally)
		}
	}
}

func TestGatheredFramesAreCarriedOutOneByOne(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 7))
		alone, together := newFixture(t), newFixture(t)
		var stream, want []byte
		for tag := range uint32(300) {
			var frame []byte
			switch key := fmt.Sprint(rng.IntN(50)); rng.IntN(7) {
			case 4:
				frame = incrementFrame(key, rng.Int64N(9)-4, rng.Uint64N(2)*1000)
			case 5:
				frame = expireFrame(key, rng.Uint64N(2)*1000)
			case 6:
				frame = ttlFrame(key)
			case 0:
				frame = setFrame(key, strings.Repeat("v", rng.IntN(100)), 0, 0)
			case 1:
				frame = setFrame(key, "x", codec.SetNX, 1000)
			case 2:
				frame = deleteFrame(key)
			default:
				frame = codec.AppendGetValue(nil, tag, codec.GetValue{Key: []byte(key)})
			}
			h, _, err := codec.DecodeHeader(frame)
			if err != nil {
				t.Fatal(err)
			}
			stream = append(stream, frame...)
			want, _ = alone.Frame(alone.client, h, frame[codec.HeaderLen:], want)
		}
		var got, kept []byte
		for len(stream) > 0 {
			cut := min(1+rng.IntN(3000), len(stream))
			kept = append(kept, stream[:cut]...)
			stream = stream[cut:]
			for all := false; !all && len(kept) > 0; {
				var n int
				var err error
				if n, all, _, err = together.GatherFrames(kept); err != nil {
					t.Fatal(err)
				}
				for range n {
					var size int
					got, size, _ = together.NextFrame(together.client, got)
					kept = kept[size:]
				}
			}
		}
		if string(got) != string(want) || len(kept) > 0 {
			t.Fatalf("seed %d: responses differ, %d bytes left", seed, len(kept))
		}
		if got, want := together.endTurn(t), alone.endTurn(t); !reflect.DeepEqual(got, want) {
			t.Fatalf("seed %d: %d updates, want %d, or they differ", seed, len(got), len(want))
		}
	}
}

// A command of very many arguments, of which a part has come, is not parsed before those ahead of it are done: each of these may end a turn,
// and all that was parsed is forgotten then.
func TestALongCommandIsNotParsedAheadOfItsTurn(t *testing.T) {
	f := newFixture(t)
	var p codec.Parser
	const ahead = 3
	buf := []byte(strings.Repeat("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", ahead) + "*100000\r\n$3\r\nDEL\r\n" + strings.Repeat("$1\r\nk\r\n", 50_000))
	n, all, err := f.GatherRESP(&p, buf)
	if n != ahead || all || err != nil || p.Room() != 0 {
		t.Fatalf("%d are gathered, all %v, %v, and the parser holds %d bytes", n, all, err, p.Room())
	}
	_, rest := gatherAll(f, &p, buf)
	if !strings.HasPrefix(string(rest), "*100000") || p.Room() == 0 || p.Need() != len(rest)+1 {
		t.Errorf("%.20q is left, the parser holds %d bytes of it and needs %d of %d", rest, p.Room(), p.Need(), len(rest))
	}
}

// A command that waits, or breaks the protocol, is met after those before it, and what is behind it stays.
func TestGatheredBehindACommandThatWaits(t *testing.T) {
	f := newFixture(t)
	f.host.acks = []uint64{0}
	var p codec.Parser
	stream := codec.AppendCommand(nil, "SET", "a", "1")
	stream = codec.AppendCommand(stream, "WAIT", "1", "1000")
	stream = codec.AppendCommand(stream, "GET", "a")
	stream = append(stream, "*2\r\n$3\r\nGET\r\n$1\r\n"...)
	out, rest := gatherAll(f, &p, stream)
	if string(out) != ok || !strings.HasPrefix(string(rest), "*3\r\n$4\r\nWAIT") {
		t.Fatalf("%q, left %q", out, rest)
	}
	f.endTurn(t)
	if out, rest = gatherAll(f, &p, rest); len(out) > 0 {
		t.Fatalf("%q before the peer has it", out)
	}
	f.host.acks[0] = f.client.LastSeq
	out, rest = gatherAll(f, &p, rest)
	if string(out) != one1+bulk("1") || string(rest) != "*2\r\n$3\r\nGET\r\n$1\r\n" {
		t.Fatalf("%q, left %q", out, rest)
	}
	rest = append(append([]byte(nil), rest...), "a\r\n*1\r\n$4\r\nPING\r\n*x\r\n*1\r\n$4\r\nPING\r\n"...)
	out, _ = gatherAll(f, &p, rest)
	if want := bulk("1") + "+PONG\r\n-ERR Protocol error: invalid multibulk length\r\n"; string(out) != want {
		t.Errorf("%q, want %q", out, want)
	}
}

func TestGatheringDoesNotAllocate(t *testing.T) {
	if harness.Race {
		t.Skip("the race detector allocates")
	}
	f := newFixture(t)
	var stream, frames []byte
	mget := []string{"MGET"}
	for i := range 100 {
		key := fmt.Sprint("key:", i)
		stream = codec.AppendCommand(stream, "SET", key, strings.Repeat("v", 64))
		stream = codec.AppendCommand(stream, "GET", key)
		frames = append(append(frames, setFrame(key, "value", 0, 0)...), getFrame(key)...)
		if i < 16 {
			mget = append(mget, key)
		}
	}
	stream = codec.AppendCommand(stream, mget...)
	var p codec.Parser
	out := make([]byte, 0, 64<<10)
	if got := testing.AllocsPerRun(100, func() {
		buf := stream
		for len(buf) > 0 {
			n, _, _ := f.GatherRESP(&p, buf)
			for range n {
				_, size, _ := f.NextRESP(f.client, out)
				buf = buf[size:]
			}
		}
		for buf = frames; len(buf) > 0; {
			n, _, _, _ := f.GatherFrames(buf)
			for range n {
				_, size, _ := f.NextFrame(f.client, out)
				buf = buf[size:]
			}
		}
		f.Stage.Reset()
	}); got != 0 {
		t.Errorf("%v allocations, want 0", got)
	}
}

// A key is aimed at with the length that it and its value are likely to have, the value being what its command brings with it, else what
// was replied last; and as one to be written only where it may be.
func TestKeysAreAimedAtAsTheyAreGoingToBeUsed(t *testing.T) {
	f := newFixture(t)
	long := strings.Repeat("v", 1000)
	type aim struct {
		bytes uint32
		write bool
	}
	aimed := func() (all []aim) {
		for _, a := range f.ahead.aimed[:f.ahead.aims] {
			all = append(all, aim{a.Bytes, a.Write})
		}
		return all
	}
	set, get := codec.AppendCommand(nil, "SET", "a", long), codec.AppendCommand(nil, "GET", "a")
	buf := append(append(append([]byte(nil), set...), get...), codec.AppendCommand(nil, "MGET", "a", "b")...)
	var p codec.Parser
	for round, last := range []uint32{0, 1000} {
		n, _, err := f.GatherRESP(&p, buf)
		if err != nil || n != 3 {
			t.Fatalf("%d gathered, %v", n, err)
		}
		got, want := aimed(), []aim{{1004, true}, {last + 1, false}, {last + 1, false}, {last + 1, false}}
		if near := got[0].bytes; near < 1001 || near > 1001+10 {
			t.Errorf("round %d: the SET is aimed at with %d bytes", round, near)
		}
		if got[0].bytes = want[0].bytes; !reflect.DeepEqual(got, want) {
			t.Errorf("round %d: aimed with %v, want %v", round, got, want)
		}
		for range 2 {
			f.NextRESP(f.client, nil)
		}
	}
	// Words that are no value bring none.
	buf = append(codec.AppendCommand(nil, "GETRANGE", "a", "0", "100"), codec.AppendCommand(nil, "EXPIRE", "a", "100")...)
	buf = append(buf, codec.AppendCommand(nil, "GETEX", "a", "EX", "100")...)
	if n, _, err := f.GatherRESP(&p, buf); err != nil || n != 3 {
		t.Fatalf("%d gathered, %v", n, err)
	}
	if want, got := []aim{{1001, false}, {1001, true}, {1001, true}}, aimed(); !reflect.DeepEqual(got, want) {
		t.Errorf("aimed with %v, want %v", got, want)
	}
	frames := append(setFrame("a", long, 0, 0), codec.AppendGetValue(nil, 1, codec.GetValue{Key: []byte("a")})...)
	frames = append(frames, codec.AppendDelete(nil, 1, codec.Delete{Key: []byte("b")})...)
	frames = append(append(append(frames, incrementFrame("c", 1, 0)...), expireFrame("d", 9)...), ttlFrame("e")...)
	if n, _, _, err := f.GatherFrames(frames); err != nil || n != 6 {
		t.Fatalf("%d gathered, %v", n, err)
	}
	brought := uint32(len(setFrame("a", long, 0, 0)) - codec.HeaderLen)
	if want, got := []aim{{brought, true}, {1001, false}, {1001, true}, {1001, true}, {1001, true}, {1001, false}}, aimed(); !reflect.DeepEqual(got, want) {
		t.Errorf("aimed with %v, want %v", got, want)
	}
}

// The clock is looked at behind whatever may take long, in either protocol, and behind nothing else.
func TestWhatMayTakeLongIsKnown(t *testing.T) {
	f := newFixture(t)
	var p codec.Parser
	for line, want := range map[string]bool{
		"COVEY INFO": true, "covey members": true, "COVEY VERIFY": true, "DBSIZE": true, "INFO": true, "CLIENT INFO": true, "CONFIG GET *": true, "RESET": true,
		"KEYS *": true, "GETRANGE a 0 1": true, "COMMAND INFO get": true, "EXEC": true, "GET a": false, "SET a 1": false, "MGET a b": false, "PING": false, "NOSUCH": false,
	} {
		if n, _, err := f.GatherRESP(&p, codec.AppendCommand(nil, strings.Fields(line)...)); n != 1 || err != nil {
			t.Fatalf("%s: %d gathered, %v", line, n, err)
		}
		if f.NextRESP(f.client, nil); f.Long() != want {
			t.Errorf("%s: %v", line, !want)
		}
		if n, _, _, err := f.GatherFrames(getFrame("a")); n != 1 || err != nil { // in the place of the other
			t.Fatalf("%d gathered, %v", n, err)
		}
		if f.NextFrame(f.client, nil); f.Long() {
			t.Errorf("a GetValue behind %s: true", line)
		}
	}
	if n, _, _, err := f.GatherFrames(codec.AppendReport(nil, 1, codec.Report{Topic: codec.TopicInfo})); n != 1 || err != nil {
		t.Fatalf("%d gathered, %v", n, err)
	}
	if f.NextFrame(f.client, nil); !f.Long() {
		t.Error("a Report: false")
	}
	if f.GatherRESP(&p, []byte("\r\n")); f.ahead.count != 1 {
		t.Fatalf("%d gathered", f.ahead.count)
	}
	if f.NextRESP(f.client, nil); f.Long() {
		t.Error("an empty line behind a Report: true")
	}
}
