package command

import (
	"strings"
	"testing"
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

// A pattern of many stars on a long name ends within the product of the lengths; by trying
// every star it would never end.
func TestGlobIsNotExponential(t *testing.T) {
	pattern := []byte(strings.Repeat("a*", maxPattern/2))
	name := []byte(strings.Repeat("a", 10_000) + "b")
	if !match(pattern, name) {
		t.Error("no match")
	}
	if match(append(pattern[:len(pattern)-2], 'c'), name) {
		t.Error("a match")
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
