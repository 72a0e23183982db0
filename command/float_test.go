package command

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"covey/codec"
)

// TestOracleFloats compares sums of numbers of all forms and sizes, and of what is none, with those of redis-server. Hexadecimal numbers,
// which it takes as well, are left out, and so are those that are 0 or not by less than a digit.
func TestOracleFloats(t *testing.T) {
	t.Logf("repeat with -oracle.seed=%d", *oracleSeed)
	forBothProtocols(t, func(t *testing.T, p *pair) {
		g := &generator{Rand: rand.New(rand.NewPCG(*oracleSeed, 12))}
		for i := 0; i < often(5_000) && !t.Failed(); i++ {
			key := g.key()
			switch g.IntN(8) {
			case 0:
				p.same("SET", key, g.float())
			case 1:
				p.same("SET", key, g.value(), "EX", fmt.Sprint(1000+g.IntN(1000)))
			case 2:
				p.same("DEL", key)
			case 3:
				p.same("INCRBY", key, g.number())
			}
			p.same("INCRBYFLOAT", key, g.float())
			p.same("GET", key)
			p.same("TTL", key)
		}
	})
}

// float is a number, mostly.
func (g *generator) float() string {
	digits := func(most int) string {
		var b strings.Builder
		for range g.IntN(most) {
			b.WriteByte(byte('0' + g.IntN(10)))
		}
		return b.String()
	}
	exponent := func() string { return g.pick("", "", "", g.pick("e", "E")+g.pick("", "+", "-")+digits(5)) }
	switch g.IntN(10) {
	case 0:
		return g.pick("", "0", "-0", "+0", "inf", "-Infinity", "nan", ".", "1.", ".5", "-.5", "1e", "1e+", "e5", "1 ", " 1", "+-1", "1..", "1.2.3", "0x", "1_000", "1\x00", "abc", "1e5x", "i", "info",
			"0.1", "3.0e3", "10.50", "5.0e3", "0e99999", "1e4932", "-1e4932", "1.2e4932", "1e4933", "1e-4900", "1e-5000", "1e99999999999999999999", "1e-99999999999999999999",
			"9223372036854775807", "18446744073709551615", "18446744073709551616", "0.00000000000000001", "0.000000000000000005", "1"+strings.Repeat("0", 4000), "0."+strings.Repeat("0", 4000)+"1")
	case 1:
		return g.pick("", "-", "+") + digits(700) + g.pick("", ".") + digits(700) + exponent()
	case 2, 3:
		return fmt.Sprint(g.NormFloat64())
	}
	return g.pick("", "", "-", "+") + digits(22) + g.pick("", ".", ".", ".") + digits(22) + exponent()
}

func TestANumberOfTooManyBytesIsNone(t *testing.T) {
	p := newPair(t, startOracle(t), codec.RESP2)
	for _, n := range []int{maxFloat - 1, maxFloat, maxFloat + 1, codec.MaxValue / 2} {
		number := strings.Repeat("0", n-1) + "7"
		p.same("INCRBYFLOAT", fmt.Sprint("by", n), number)
		p.same("SET", "a", number)
		p.same("INCRBYFLOAT", "a", "0.5")
		p.same("STRLEN", "a")
	}
	if got := p.mine.do("INCRBYFLOAT", "a", "0.5"); got != "-ERR value is not a valid float\r\n" {
		t.Errorf("%q", got)
	}
}

func BenchmarkINCRBYFLOAT(b *testing.B) {
	for name, number := range map[string]string{"short": "10.5", "longest": strings.Repeat("9", 4932)} {
		b.Run(name, func(b *testing.B) {
			f := newFixture(b)
			f.do("SET", "n", number)
			args := [][]byte{[]byte("INCRBYFLOAT"), []byte("n"), []byte("0.1")}
			out := make([]byte, 0, 8<<10)
			for b.Loop() {
				f.RESP(f.client, args, out)
				f.Stage.Reset()
			}
		})
	}
}
