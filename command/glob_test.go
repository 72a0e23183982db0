package command

import (
	"strings"
	"testing"

	"covey/codec"
)

func TestGlob(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"", "", true}, {"", "a", false}, {"*", "", true}, {"*", "abc", true}, {"a*", "abc", true}, {"*c", "abc", true}, {"a*c", "abc", true}, {"a*d", "abc", false},
		{"?", "a", true}, {"?", "", false}, {"h?llo", "hello", true}, {"h[ae]llo", "hallo", true}, {"h[ae]llo", "hillo", false}, {"h[^e]llo", "hallo", true}, {"h[^e]llo", "hello", false},
		{"h[a-b]llo", "hbllo", true}, {"h[b-a]llo", "hallo", true}, {"[a-", "a", true}, {"[a-", "-", true}, {"[", "a", false}, {"[^", "a", true}, {"[]", "a", false}, {"a[", "a", false},
		{`\*`, "*", true}, {`\*`, "a", false}, {`a\`, `a\`, true}, {`[\]]`, "]", true}, {`[a\-z]`, "-", true}, {"**", "", true}, {"a**b", "ab", true}, {"*a*b*", "xaybz", true},
		{"a*a*a*b", "aaaaaaaaaaaaaaaa", false}, {"abc", "abcd", false}, {"abcd", "abc", false}, {"*?", "", false}, {"\xff*", "\xff\x00", true}, {"A", "a", false},
	} {
		if got := match([]byte(c.pattern), []byte(c.name)); got != c.want {
			t.Errorf("%q on %q: %v", c.pattern, c.name, got)
		}
	}
}

// A pattern of many stars on a long name ends within the product of the lengths, by trying every star it would never end; and that
// product has a bound, at which it is given up.
func TestTheWorkOfGlobIsBounded(t *testing.T) {
	name := []byte(strings.Repeat("a", codec.MaxKey))
	stars := strings.Repeat("a*", maxPattern/2)
	for pattern, want := range map[string]bool{
		stars: true, stars[:maxPattern-2] + "b*": false, strings.Repeat("*", maxPattern): true, strings.Repeat("[^b]", 256): false,
	} {
		ok, work := try([]byte(pattern), name)
		if most := 2*len(name) + 2*len(pattern); ok != want || work > most {
			t.Errorf("%.20q: %v after %d steps of %d", pattern, ok, work, most)
		}
	}
	for _, pattern := range []string{"*" + strings.Repeat("a", 1000) + "b", "*[" + strings.Repeat("b", 1000) + "]", "*" + strings.Repeat("?", 1000)} {
		if ok, work := try([]byte(pattern), name); ok || work <= mostWork(name) || work > mostWork(name)+maxPattern+1 {
			t.Errorf("%.20q: %v after %d steps", pattern, ok, work)
		}
	}
	f := newFixture(t)
	f.do("SET", string(name), "v")
	f.do("SET", "short", "v")
	evil := "*" + strings.Repeat("a", 1000) + "b"
	for _, words := range [][]string{{"KEYS", evil}, {"SCAN", "0", "MATCH", evil, "COUNT", "1000"}} {
		if got := f.do(words...); got != "-"+errWork+"\r\n" {
			t.Errorf("%s: %.100q", words[0], got)
		}
	}
	if got := f.do("KEYS", "*"+strings.Repeat("a", 5)); !strings.HasPrefix(got, "*1\r\n$65536\r\n") {
		t.Errorf("%.40q", got)
	}
	many := append([]string{"CONFIG", "GET"}, strings.Split(strings.Repeat("x ", maxPatterns+1), " ")[:maxPatterns+1]...)
	if got := f.do(many...); !strings.HasPrefix(got, "-ERR more than 64 patterns") {
		t.Errorf("%q", got)
	}
}

// slowMatch is the same by trying everything.
func slowMatch(pattern, name []byte) bool {
	if len(pattern) == 0 {
		return len(name) == 0
	}
	if pattern[0] == '*' {
		for i := 0; i <= len(name); i++ {
			if slowMatch(pattern[1:], name[i:]) {
				return true
			}
		}
		return false
	}
	if len(name) == 0 {
		return false
	}
	next, ok := one(pattern, 0, name[0])
	return ok && slowMatch(pattern[next:], name[1:])
}

func FuzzGlobEqualsTryingEverything(f *testing.F) {
	f.Add([]byte("a*[b-d]?\\*"), []byte("aXXc1*"))
	f.Fuzz(func(t *testing.T, pattern, name []byte) {
		if len(pattern) > 12 || len(name) > 16 {
			return
		}
		if got, want := match(pattern, name), slowMatch(pattern, name); got != want {
			t.Errorf("%q on %q: %v, want %v", pattern, name, got, want)
		}
	})
}
