package command

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"covey/internal/harness"
)

// TestOracleRandomScripts has redis-server run the very texts that are recognised here, in any layout.
func TestOracleRandomScripts(t *testing.T) {
	t.Logf("repeat with -oracle.seed=%d", *oracleSeed)
	forBothProtocols(t, func(t *testing.T, p *pair) {
		g := &generator{Rand: rand.New(rand.NewPCG(*oracleSeed, 9)), base: time.Now().Unix()}
		token := func() string { return g.pick("", "me", "you", "you2", "12", "\x00\r\n", strings.Repeat("v", 70_000)) }
		did := make([]int, len(lockScripts))
		for i := 0; i < often(7_000) && !t.Failed(); i++ {
			if g.IntN(4) == 0 {
				p.scripted(g.other(token))
				continue
			}
			row := g.IntN(len(lockScripts))
			args := append([]string{"EVAL", g.layOut(lockScripts[row].text), "1", g.key()}, g.scriptArguments(lockScripts[row].text, token())...)
			if g.IntN(3) == 0 {
				p.same("SCRIPT", "LOAD", args[1])
				args[0], args[1] = "EVALSHA", sumOf(args[1])
			}
			if reply := p.scripted(args); reply != zero && reply != ":-3\r\n" {
				did[row]++
			}
			p.same("GET", args[3])
			p.same("TTL", args[3])
		}
		for row, n := range did {
			if n == 0 && !harness.Race {
				t.Errorf("never did anything: %s", lockScripts[row].text)
			}
		}
	})
}

// other is a command that changes what the scripts find.
func (g *generator) other(token func() string) []string {
	key := g.key()
	return [][]string{{"SET", key, token()}, {"SET", key, token(), "EX", fmt.Sprint(g.seconds())}, {"DEL", key}, {"INCRBY", key, "12"}, {"PERSIST", key}}[g.IntN(5)]
}

// scriptArguments are what a script is called with. A time that is wrong for SET is not among them: redis-server finds it out only where it
// comes to the SET.
func (g *generator) scriptArguments(text, token string) []string {
	millis := fmt.Sprint(g.seconds() * 1000)
	switch {
	case strings.Contains(text, "offset"):
		return []string{token + "x", fmt.Sprint(max(len(token), 1) + g.IntN(3)), millis}
	case strings.Contains(text, `"setex"`):
		return []string{token, fmt.Sprint(g.seconds())}
	case strings.Contains(text, `"set"`):
		return []string{token, millis}
	case strings.Contains(text, "expiration"):
		return []string{token, g.pick(millis, "0", "5000000", "-1099511627776"), g.pick("0", "1", "00")}
	case strings.Contains(text, `"expire"`):
		return []string{token, g.pick(fmt.Sprint(g.seconds()), "0", "-1")}
	}
	return []string{token, g.pick(millis, "0", "-1")}
}

// layOut writes a script in another layout.
func (g *generator) layOut(text string) string {
	for _, name := range []string{"get", "del", "expire", "pexpire", "pttl", "set"} {
		if g.IntN(2) == 0 {
			text = strings.ReplaceAll(text, `call("`+name+`"`, "call( '"+strings.ToUpper(name)+"'")
		}
	}
	var b strings.Builder
	for _, word := range strings.Fields(text) {
		b.WriteString(word)
		b.WriteString(g.pick(" ", "\n", " \t", "\r\n  ", " -- if then\n", " --[[ \n ]] ", " --[=[ ]] ]=] "))
	}
	return b.String()
}

// scripted compares the replies to a command, in which a time to live may be a little more or less, and returns one.
func (p *pair) scripted(args []string) string {
	p.t.Helper()
	theirs, mine := p.both(args...)
	if theirs != mine && !near(theirs, mine, 2000) {
		p.t.Errorf("%.300q:\n redis %.300q\n covey %.300q", args, theirs, mine)
	}
	return mine
}
