package codec

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"unsafe"

	"covey/internal/harness"
)

// take runs buf through p whole and returns every command and the error at the end.
func take(p *Parser, buf []byte) (cmds [][]string, rest int, err error) {
	for {
		args, n, err := p.Next(nil, buf)
		if err != nil || n == 0 {
			return cmds, len(buf), err
		}
		if len(args) > 0 {
			cmds = append(cmds, texts(args))
		}
		buf = buf[n:]
	}
}

// takeSplit feeds input in pieces whose sizes piece gives. The buffer is a new one at
// every call, and what the parser said it had dealt with is overwritten: a parser that
// reads an argument's header a second time fails.
func takeSplit(t testing.TB, p *Parser, input []byte, piece func() int) (cmds [][]string, rest int, err error) {
	t.Helper()
	var pending []byte
	for len(input) > 0 {
		k := min(max(piece(), 1), len(input))
		pending = append(pending, input[:k]...)
		input = input[k:]
		for {
			buf := bytes.Clone(pending)
			poisoned := p.open
			if poisoned {
				poison(buf, p)
			}
			args, n, err := p.Next(nil, buf)
			if err != nil {
				return cmds, len(pending), err
			}
			if n == 0 {
				if need := p.Need(); need <= len(pending) || need > MaxCommand {
					t.Fatalf("Need() = %d with %d bytes there", need, len(pending))
				}
				break
			}
			if len(args) > 0 {
				if poisoned {
					cmds = append(cmds, realign(pending, buf, args))
				} else {
					cmds = append(cmds, texts(args))
				}
			}
			pending = pending[n:]
			if len(pending) == 0 {
				break
			}
		}
	}
	return cmds, len(pending), nil
}

// poison overwrites everything before the parser's place.
func poison(buf []byte, p *Parser) {
	for i := range buf[:min(p.pos, len(buf))] {
		buf[i] = 0xFF
	}
}

// realign reads args at their places in the clean copy of a poisoned buffer.
func realign(clean, poisoned []byte, args [][]byte) []string {
	out := make([]string, len(args))
	for i, a := range args {
		if len(a) > 0 {
			off := uintptr(unsafe.Pointer(&a[0])) - uintptr(unsafe.Pointer(&poisoned[0]))
			out[i] = string(clean[off : int(off)+len(a)])
		}
	}
	return out
}

func texts(args [][]byte) []string {
	out := make([]string, len(args))
	for i, a := range args {
		out[i] = string(a)
	}
	return out
}

func TestParserTakesCommands(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     [][]string
		rest     int
	}{
		{"nothing", "", nil, 0},
		{"one bulk", "*1\r\n$4\r\nPING\r\n", [][]string{{"PING"}}, 0},
		{"pipeline", "*1\r\n$4\r\nPING\r\n*2\r\n$3\r\nGET\r\n$1\r\na\r\n", [][]string{{"PING"}, {"GET", "a"}}, 0},
		{"empty argument", "*2\r\n$4\r\nECHO\r\n$0\r\n\r\n", [][]string{{"ECHO", ""}}, 0},
		{"any bytes", "*2\r\n$4\r\nECHO\r\n$5\r\n\r\n\x00\xff*\r\n", [][]string{{"ECHO", "\r\n\x00\xff*"}}, 0},
		{"two digits", "*1\r\n$12\r\nabcdefghijkl\r\n", [][]string{{"abcdefghijkl"}}, 0},
		{"empty arrays", "*0\r\n*-1\r\n*-7\r\n*1\r\n$4\r\nPING\r\n", [][]string{{"PING"}}, 0},
		{"inline", "PING\r\n", [][]string{{"PING"}}, 0},
		{"inline without return", "SET a b\n", [][]string{{"SET", "a", "b"}}, 0},
		{"inline spaces", "  GET \t a  \r\n", [][]string{{"GET", "a"}}, 0},
		{"empty lines", "\r\n\n  \r\nPING\r\n", [][]string{{"PING"}}, 0},
		{"inline quotes", `set "a b" 'c"d' "\x41\n\r\t\a\b\"\\\q\x4"` + "\r\n", [][]string{{"set", "a b", `c"d`, "A\n\r\t\a\b\"\\qx4"}}, 0},
		{"inline single quote escape", `echo 'it\'s \n'` + "\r\n", [][]string{{"echo", `it's \n`}}, 0},
		{"inline empty word", `echo ""` + "\r\n", [][]string{{"echo", ""}}, 0},
		{"inline quote inside a word", `echo a"b c"` + "\r\n", [][]string{{"echo", "ab c"}}, 0},
		{"inline zero byte ends the line", "echo a\x00b c\r\n", [][]string{{"echo", "a"}}, 0},
		{"inline then array", "PING\r\n*1\r\n$4\r\nPING\r\n", [][]string{{"PING"}, {"PING"}}, 0},
		{"a key that looks like HTTP", "SET a HTTP/1.1\r\n", [][]string{{"SET", "a", "HTTP/1.1"}}, 0},
		{"no count", "*", nil, 1},
		{"count without end", "*2\r", nil, 3},
		{"no header", "*2\r\n", nil, 4},
		{"header without end", "*2\r\n$3", nil, 6},
		{"half a bulk", "*2\r\n$3\r\nGE", nil, 10},
		{"bulk without end", "*1\r\n$3\r\nGET", nil, 11},
		{"one missing", "*2\r\n$3\r\nGET\r\n", nil, 13},
		{"half a line", "GET a", nil, 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, _, err := take(new(Parser), []byte(c.in))
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("whole: %q, %v, want %q", got, err, c.want)
			}
			got, rest, err := takeSplit(t, new(Parser), []byte(c.in), func() int { return 1 })
			if err != nil || !reflect.DeepEqual(got, c.want) || rest != c.rest {
				t.Errorf("byte by byte: %q, %d left, %v, want %q, %d", got, rest, err, c.want, c.rest)
			}
		})
	}
}

func TestParserRefusesWithTheWordsOfRedis(t *testing.T) {
	long := strings.Repeat("x", MaxInline)
	for _, c := range []struct{ in, want string }{
		{"*a\r\n", "Protocol error: invalid multibulk length"},
		{"*\r\n", "Protocol error: invalid multibulk length"},
		{"*+1\r\n", "Protocol error: invalid multibulk length"},
		{"*01\r\n", "Protocol error: invalid multibulk length"},
		{"*-0\r\n", "Protocol error: invalid multibulk length"},
		{"*1048577\r\n", "Protocol error: invalid multibulk length"},
		{"*99999999999999999999999999\r\n", "Protocol error: invalid multibulk length"},
		{"*1\r\nPING\r\n", "Protocol error: expected '$', got 'P'"},
		{"*1\r\n:1\r\n", "Protocol error: expected '$', got ':'"},
		{"*1\r\n$x\r\n", "Protocol error: invalid bulk length"},
		{"*1\r\n$-1\r\n", "Protocol error: invalid bulk length"},
		{"*1\r\n$16777217\r\n", "Protocol error: invalid bulk length"},
		{"echo \"a\r\n", "Protocol error: unbalanced quotes in request"},
		{"echo 'a\r\n", "Protocol error: unbalanced quotes in request"},
		{"echo \"a\"b\r\n", "Protocol error: unbalanced quotes in request"},
		{long + "x\r\n", "Protocol error: too big inline request"},
		{long + "xx", "Protocol error: too big inline request"},
		{"GET / HTTP/1.1\r\nHost: a\r\n", errHTTP.Text},
		{"POST /x HTTP/1.0\r\n", errHTTP.Text},
		{"HEAD / HTTP/1.1\r\n", errHTTP.Text},
		{"post\r\n", errHTTP.Text},
		{"Host: localhost:9000\r\n", errHTTP.Text},
	} {
		var p *ProtocolError
		cmds, _, err := take(new(Parser), []byte(c.in))
		if len(cmds) > 0 || !errors.As(err, &p) || p.Text != c.want {
			t.Errorf("%.40q: %q, %v, want %q", c.in, cmds, err, c.want)
		}
		cmds, _, err = takeSplit(t, new(Parser), []byte(c.in), func() int { return 1 })
		if len(cmds) > 0 || !errors.As(err, &p) || p.Text != c.want {
			t.Errorf("%.40q byte by byte: %q, %v, want %q", c.in, cmds, err, c.want)
		}
	}
	if cmds, _, err := take(new(Parser), []byte(long+"\r\n")); err != nil || len(cmds) != 1 {
		t.Errorf("the longest line: %v", err)
	}
}

func TestParserBoundsACommand(t *testing.T) {
	p := new(Parser)
	buf := []byte("*3\r\n")
	for range 2 {
		buf = fmt.Appendf(buf, "$%d\r\n", MaxBulk)
		buf = append(buf, make([]byte, MaxBulk+2)...)
	}
	if _, n, err := p.Next(nil, buf); n != 0 || err != errCommandSize {
		t.Errorf("a command past MaxCommand: n %d, err %v", n, err)
	}
}

// The work is O(bytes): a megabyte that arrives byte by byte never has a byte before
// the parser's place read again (they are overwritten), and while a bulk's bytes are
// missing Need names its end, so that a caller does not even ask.
func TestParserNeverReadsBackByteByByte(t *testing.T) {
	const args, size = 64, 16 << 10
	input := []byte(fmt.Sprintf("*%d\r\n", args))
	for range args {
		input = fmt.Appendf(input, "$%d\r\n", size)
		input = append(input, bytes.Repeat([]byte{'v'}, size)...)
		input = append(input, '\r', '\n')
	}
	p := new(Parser)
	calls, asked, done := 0, 0, 0
	need := 1
	buf := bytes.Clone(input)
	for n := 1; n <= len(buf); n++ {
		calls++
		if n < need {
			continue
		}
		asked++
		before := p.pos
		got, took, err := p.Next(nil, buf[:n])
		if err != nil {
			t.Fatal(err)
		}
		if took > 0 {
			if len(got) != args || took != len(input) {
				t.Fatalf("%d args of %d bytes", len(got), took)
			}
			done++
			break
		}
		if p.pos < before {
			t.Fatalf("the place went back from %d to %d", before, p.pos)
		}
		for i := before; i < p.pos; i++ {
			buf[i] = 0xFF
		}
		need = p.Need()
	}
	if done != 1 {
		t.Fatal("no command came out")
	}
	// Each argument costs its header's bytes and one more call.
	if limit := args*10 + 10; asked > limit {
		t.Errorf("%d calls did work for %d bytes, want at most %d", asked, calls, limit)
	}
}

func TestParserNeedNamesTheEndOfABulk(t *testing.T) {
	p := new(Parser)
	head := "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1000000\r\n"
	if _, n, err := p.Next(nil, []byte(head)); n != 0 || err != nil {
		t.Fatal(n, err)
	}
	if got, want := p.Need(), len(head)+1000000+2; got != want {
		t.Errorf("Need() = %d, want %d", got, want)
	}
	whole := append([]byte(head), make([]byte, 1000002)...)
	args, n, err := p.Next(nil, whole)
	if err != nil || n != len(whole) || len(args) != 3 || len(args[2]) != 1000000 {
		t.Errorf("%d args, n %d, %v", len(args), n, err)
	}
	if p.Need() != 1 {
		t.Errorf("Need() = %d at rest", p.Need())
	}
}

// Any split of a stream of commands gives the same commands.
func TestParserSplitsEqualWhole(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 1))
		input := randomCommands(rng)
		want, _, wantErr := take(new(Parser), input)
		got, _, gotErr := takeSplit(t, new(Parser), input, func() int { return 1 + rng.IntN(9) })
		if !reflect.DeepEqual(got, want) || !sameError(gotErr, wantErr) {
			t.Fatalf("seed %d: split %q %v, whole %q %v", seed, got, gotErr, want, wantErr)
		}
	}
}

func sameError(a, b error) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Error() == b.Error()
}

func randomCommands(rng *rand.Rand) []byte {
	var b []byte
	for range 1 + rng.IntN(8) {
		switch rng.IntN(8) {
		case 0:
			b = append(b, "PING \"x\\n\" b\r\n"...)
		case 1:
			b = append(b, "*0\r\n"...)
		default:
			n := 1 + rng.IntN(6)
			b = AppendArray(b, n)
			for range n {
				b = AppendBulk(b, bytes.Repeat([]byte{byte(rng.IntN(256))}, rng.IntN(40)))
			}
		}
	}
	if rng.IntN(4) == 0 {
		b[rng.IntN(len(b))] = byte(rng.IntN(256))
	}
	return b
}

// What is there at once is taken another way than what comes in pieces: both know the same lengths and counts.
func TestParserTakesAllLengthsBothWays(t *testing.T) {
	for _, size := range []int{0, 1, 9, 10, 11, 99, 100, 999, 1000, 9999, 10_000, 70_000} {
		for _, count := range []int{1, 2, 9, 10, 11, 19, 99, 100, 101} {
			if size*count > 200_000 {
				continue
			}
			input := AppendArray(nil, count)
			for i := range count {
				input = AppendBulk(input, bytes.Repeat([]byte{byte(i)}, size))
			}
			input = append(input, "*1\r\n$4\r\nPING\r\n"...)
			want, _, err := take(new(Parser), input)
			if err != nil || len(want) != 2 || len(want[0]) != count || len(want[0][count-1]) != size {
				t.Fatalf("%d arguments of %d bytes: %d commands, %v", count, size, len(want), err)
			}
			got, _, err := takeSplit(t, new(Parser), input, func() int { return len(input) - 15 })
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%d arguments of %d bytes in two pieces: %d commands, %v", count, size, len(got), err)
			}
		}
	}
}

func TestParserForgetsWhatItHasBegun(t *testing.T) {
	p := new(Parser)
	for _, begun := range []string{"*2\r\n$3\r\nGET\r\n$100\r\nab", "GET a"} {
		if _, n, err := p.Next(nil, []byte(begun)); n != 0 || err != nil {
			t.Fatal(n, err)
		}
		p.Forget()
		if args, _, err := p.Next(nil, []byte("*2\r\n$4\r\nECHO\r\n$1\r\nx\r\n")); err != nil || len(args) != 2 || string(args[1]) != "x" {
			t.Errorf("after %q: %q, %v", begun, args, err)
		}
	}
}

// The slices of very many arguments are made once: grown step by step they take the turn of a loop for themselves.
func TestVeryManyArgumentsAreMadeAtOnce(t *testing.T) {
	if harness.Race {
		t.Skip("the race detector allocates")
	}
	const count = 100_000
	in := []byte(fmt.Sprintf("*%d\r\n", count) + strings.Repeat("$0\r\n\r\n", count))
	var begun Parser
	if _, n, err := begun.Next(nil, in[:len(in)-1]); n != 0 || err != nil {
		t.Fatal(n, err)
	}
	if got := testing.AllocsPerRun(10, func() {
		p := begun
		if args, n, err := p.Next(nil, in); len(args) != count || n != len(in) || err != nil {
			t.Fatal(len(args), n, err)
		}
	}); got > 2 {
		t.Errorf("%v allocations", got)
	}
}

func FuzzParserSplitsEqualWhole(f *testing.F) {
	f.Add([]byte("*2\r\n$3\r\nGET\r\n$1\r\na\r\nPING\r\n"), uint64(1))
	f.Fuzz(func(t *testing.T, input []byte, seed uint64) {
		if len(input) > 2<<10 {
			return
		}
		rng := rand.New(rand.NewPCG(seed, 2))
		want, _, wantErr := take(new(Parser), input)
		got, _, gotErr := takeSplit(t, new(Parser), input, func() int { return 1 + rng.IntN(1+int(seed%31)) })
		if !reflect.DeepEqual(got, want) || !sameError(gotErr, wantErr) {
			t.Fatalf("split %q %v, whole %q %v", got, gotErr, want, wantErr)
		}
		var p *ProtocolError
		if wantErr != nil && !errors.As(wantErr, &p) {
			t.Fatalf("an error of type %T", wantErr)
		}
	})
}

func TestParserGivesBackTheRoomOfAHugeCommand(t *testing.T) {
	p := new(Parser)
	buf := AppendArray(nil, keptArgs*4)
	for range keptArgs * 4 {
		buf = AppendBulk(buf, nil)
	}
	if args, n, err := p.Next(nil, buf); err != nil || n != len(buf) || len(args) != keptArgs*4 {
		t.Fatal(len(args), n, err)
	}
	for range 2 { // what is not there at once goes the way that takes room
		if _, _, err := p.Next(nil, []byte("*1\r\n$4\r\nPI")); err != nil {
			t.Fatal(err)
		}
	}
	if cap(p.spans) > keptArgs {
		t.Errorf("room for %d arguments is kept", cap(p.spans))
	}
}

func TestParserDoesNotAllocate(t *testing.T) {
	if harness.Race {
		t.Skip("the race detector allocates")
	}
	var pipeline []byte
	for i := range 16 {
		pipeline = AppendCommand(pipeline, "SET", fmt.Sprintf("key:%d", i), strings.Repeat("v", 100))
	}
	pipeline = append(pipeline, "GET \"some key\"\r\n"...)
	p := new(Parser)
	var args [][]byte
	if got := testing.AllocsPerRun(200, func() {
		for buf := pipeline; len(buf) > 0; {
			var n int
			var err error
			args, n, err = p.Next(args[:0], buf)
			if err != nil || n == 0 || len(args) < 2 {
				t.Fatal(len(args), n, err)
			}
			buf = buf[n:]
		}
		for cut := 1; cut < 100; cut += 7 { // a command in pieces
			if _, n, err := p.Next(args[:0], pipeline[:cut]); n != 0 || err != nil {
				t.Fatal(n, err)
			}
		}
		if _, n, _ := p.Next(args[:0], pipeline); n == 0 {
			t.Fatal("no command")
		}
	}); got != 0 {
		t.Errorf("%v allocations, want 0", got)
	}
}
