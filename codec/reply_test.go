package codec

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"covey/internal/harness"
)

func TestReplyAppendersSpeakBothVersions(t *testing.T) {
	for _, c := range []struct {
		name         string
		append       func(dst []byte, proto int) []byte
		resp2, resp3 string
	}{
		{"simple", func(d []byte, _ int) []byte { return AppendSimple(d, "OK") }, "+OK\r\n", "+OK\r\n"},
		{"error", func(d []byte, _ int) []byte { return AppendError(d, "ERR a\r\nb") }, "-ERR a  b\r\n", "-ERR a  b\r\n"},
		{"int", func(d []byte, _ int) []byte { return AppendInt(d, math.MinInt64) }, ":-9223372036854775808\r\n", ":-9223372036854775808\r\n"},
		{"small int", func(d []byte, _ int) []byte { return AppendInt(d, 7) }, ":7\r\n", ":7\r\n"},
		{"bulk", func(d []byte, _ int) []byte { return AppendBulk(d, []byte("a\r\nb")) }, "$4\r\na\r\nb\r\n", "$4\r\na\r\nb\r\n"},
		{"bulk string", func(d []byte, _ int) []byte { return AppendBulkString(d, "") }, "$0\r\n\r\n", "$0\r\n\r\n"},
		{"bulk int", func(d []byte, _ int) []byte { return AppendBulkInt(d, -15) }, "$3\r\n-15\r\n", "$3\r\n-15\r\n"},
		{"null", AppendNull, "$-1\r\n", "_\r\n"},
		{"null array", AppendNullArray, "*-1\r\n", "_\r\n"},
		{"array", func(d []byte, _ int) []byte { return AppendArray(d, 12) }, "*12\r\n", "*12\r\n"},
		{"map", func(d []byte, p int) []byte { return AppendMap(d, p, 2) }, "*4\r\n", "%2\r\n"},
		{"set", func(d []byte, p int) []byte { return AppendSet(d, p, 2) }, "*2\r\n", "~2\r\n"},
		{"verbatim", func(d []byte, p int) []byte { return AppendVerbatim(d, p, "txt", []byte("hi")) }, "$2\r\nhi\r\n", "=6\r\ntxt:hi\r\n"},
		{"command", func(d []byte, _ int) []byte { return AppendCommand(d, "GET", "a") }, "*2\r\n$3\r\nGET\r\n$1\r\na\r\n", "*2\r\n$3\r\nGET\r\n$1\r\na\r\n"},
	} {
		if got := c.append([]byte("before"), RESP2); string(got) != "before"+c.resp2 {
			t.Errorf("%s in RESP2: %q, want %q", c.name, got, c.resp2)
		}
		if got := c.append(nil, RESP3); string(got) != c.resp3 {
			t.Errorf("%s in RESP3: %q, want %q", c.name, got, c.resp3)
		}
	}
}

func TestBulkBegunWithAnyGuessEndsRight(t *testing.T) {
	for _, size := range []int{0, 1, 9, 10, 99, 100, 12345, 1234567, 16777216} {
		body := strings.Repeat("b", size)
		want := string(AppendBulkString([]byte("x"), body))
		for _, guess := range []int{0, 9, 10, 1000, 99999, 16777216} {
			dst := BeginBulk([]byte("x"), guess)
			dst = append(dst, body...)
			if got := FinishBulk(dst, 1, guess); string(got) != want {
				t.Errorf("size %d, guess %d: %.30q", size, guess, got)
			}
		}
	}
}

func TestAppendersDoNotAllocate(t *testing.T) {
	if harness.Race {
		t.Skip("the race detector allocates")
	}
	dst, value := make([]byte, 0, 4096), make([]byte, 100)
	if got := testing.AllocsPerRun(200, func() {
		d := AppendSimple(dst[:0], "OK")
		d = AppendError(d, "ERR syntax error")
		d = AppendInt(d, 123456)
		d = AppendBulk(d, value)
		d = AppendBulkInt(d, -42)
		start := len(d)
		d = BeginBulk(d, 5)
		d = append(d, value...)
		d = FinishBulk(d, start, 5)
		d = AppendMap(d, RESP3, 30)
		d = AppendNull(d, RESP2)
		if len(d) == 0 {
			t.Fatal("nothing")
		}
	}); got != 0 {
		t.Errorf("%v allocations, want 0", got)
	}
}

var replies = []struct {
	in   string
	want Reply
}{
	{"+OK\r\n", Reply{Kind: ReplySimple, Str: []byte("OK")}},
	{"-ERR no\r\n", Reply{Kind: ReplyError, Str: []byte("ERR no")}},
	{":-12\r\n", Reply{Kind: ReplyInt, Int: -12}},
	{"$3\r\na\r\n\r\n", Reply{Kind: ReplyBulk, Str: []byte("a\r\n")}},
	{"$0\r\n\r\n", Reply{Kind: ReplyBulk, Str: []byte{}}},
	{"$-1\r\n", Reply{Kind: ReplyNull}},
	{"*-1\r\n", Reply{Kind: ReplyNull}},
	{"_\r\n", Reply{Kind: ReplyNull}},
	{"#t\r\n", Reply{Kind: ReplyBool, Int: 1}},
	{"#f\r\n", Reply{Kind: ReplyBool}},
	{",1.25\r\n", Reply{Kind: ReplyDouble, Double: 1.25}},
	{",-inf\r\n", Reply{Kind: ReplyDouble, Double: math.Inf(-1)}},
	{"(123456789012345678901234567890\r\n", Reply{Kind: ReplyBigInt, Str: []byte("123456789012345678901234567890")}},
	{"!5\r\nERR x\r\n", Reply{Kind: ReplyBulkError, Str: []byte("ERR x")}},
	{"=6\r\ntxt:hi\r\n", Reply{Kind: ReplyVerbatim, Str: []byte("txt:hi")}},
	{"*0\r\n", Reply{Kind: ReplyArray, Elements: []Reply{}}},
	{"*2\r\n:1\r\n*1\r\n+a\r\n", Reply{Kind: ReplyArray, Elements: []Reply{
		{Kind: ReplyInt, Int: 1}, {Kind: ReplyArray, Elements: []Reply{{Kind: ReplySimple, Str: []byte("a")}}}}}},
	{"%1\r\n+k\r\n$1\r\nv\r\n", Reply{Kind: ReplyMap, Elements: []Reply{
		{Kind: ReplySimple, Str: []byte("k")}, {Kind: ReplyBulk, Str: []byte("v")}}}},
	{"~1\r\n:5\r\n", Reply{Kind: ReplySet, Elements: []Reply{{Kind: ReplyInt, Int: 5}}}},
	{">1\r\n+m\r\n", Reply{Kind: ReplyPush, Elements: []Reply{{Kind: ReplySimple, Str: []byte("m")}}}},
	{"|1\r\n+a\r\n:1\r\n:7\r\n", Reply{Kind: ReplyInt, Int: 7}},
}

func TestParseReplyReadsEveryKind(t *testing.T) {
	for _, c := range replies {
		got, n, err := ParseReply([]byte(c.in + "rest"))
		if err != nil || n != len(c.in) || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q: %+v, %d, %v, want %+v", c.in, got, n, err, c.want)
		}
		for cut := range len(c.in) {
			if _, n, err := ParseReply([]byte(c.in[:cut])); n != 0 || err != nil {
				t.Errorf("%q cut at %d: n %d, %v", c.in, cut, n, err)
			}
		}
	}
}

func TestParseReplyRefusesWhatIsNotRESP(t *testing.T) {
	for _, in := range []string{
		"HTTP/1.1 200 OK\r\n", "$x\r\n", "$-2\r\n", "*99999999999\r\n", ":1.5\r\n", "#x\r\n", ",x\r\n", "$?\r\n",
		strings.Repeat("*1\r\n", MaxReplyDepth+1) + ":1\r\n",
		strings.Repeat("|1\r\n", MaxReplyDepth+2),
		"+" + strings.Repeat("x", MaxReplyLine),
	} {
		if _, n, err := ParseReply([]byte(in)); err == nil {
			t.Errorf("%.40q was taken: n %d", in, n)
		}
	}
}

func TestReplyScannerFindsEveryEndHoweverSplit(t *testing.T) {
	var stream []byte
	var ends []int
	for _, c := range replies {
		stream = append(stream, c.in...)
		ends = append(ends, len(stream))
	}
	for seed := range uint64(100) {
		rng := rand.New(rand.NewPCG(seed, 3))
		var s ReplyScanner
		var got []int
		from := 0
		for to := 0; to < len(stream); {
			to = min(to+1+rng.IntN(7), len(stream))
			for {
				n, err := s.Next(stream[from:to])
				if err != nil {
					t.Fatal(err)
				}
				if n == 0 {
					break
				}
				from += n
				got = append(got, from)
			}
		}
		if !reflect.DeepEqual(got, ends) {
			t.Fatalf("seed %d: ends at %v, want %v", seed, got, ends)
		}
	}
}

// What heads announce adds up to more than an int holds on a machine of 32 bits: the reply is none the more whole.
func TestHeadsThatAnnounceVeryMuchAreNotAWholeReply(t *testing.T) {
	in := strings.Repeat(fmt.Sprintf("%%%d\r\n", MaxReplyElements), 200)
	var s ReplyScanner
	if n, err := s.Next([]byte(in)); n != 0 || err != nil {
		t.Errorf("%d bytes of %d are taken for a reply, error %v", n, len(in), err)
	}
}

func TestReplyScannerDoesNotAllocate(t *testing.T) {
	if harness.Race {
		t.Skip("the race detector allocates")
	}
	in := []byte("*3\r\n$3\r\nabc\r\n:1\r\n+OK\r\n")
	var s ReplyScanner
	if got := testing.AllocsPerRun(200, func() {
		if n, err := s.Next(in[:9]); n != 0 || err != nil {
			t.Fatal(n, err)
		}
		if n, err := s.Next(in); n != len(in) || err != nil {
			t.Fatal(n, err)
		}
	}); got != 0 {
		t.Errorf("%v allocations, want 0", got)
	}
}

func FuzzReplyScannerAndParserAgree(f *testing.F) {
	for _, c := range replies {
		f.Add([]byte(c.in))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var s ReplyScanner
		end, scanErr := s.Next(in)
		_, n, err := ParseReply(in)
		if err == nil && scanErr == nil && n != end {
			t.Fatalf("the parser took %d bytes, the scanner %d", n, end)
		}
		// The parser looks at more: depth and doubles. What it takes the scanner takes.
		if n > 0 && scanErr != nil {
			t.Fatalf("the parser took what the scanner refused: %v", scanErr)
		}
		var pieces ReplyScanner
		for cut := 1; cut <= len(in); cut++ {
			got, err := pieces.Next(in[:cut])
			if err != nil {
				if scanErr == nil && end > 0 {
					t.Fatalf("cut at %d: %v", cut, err)
				}
				break
			}
			if got > 0 {
				if got != end {
					t.Fatalf("in pieces %d bytes, whole %d", got, end)
				}
				break
			}
		}
	})
}
