package command

import "testing"

func TestNamesOfAnyLengthPackByLetter(t *testing.T) {
	const letters = "ABCDEFGHIJKLMNOPQ"
	seen := make(map[word]string)
	for n := range len(letters) + 1 {
		name := []byte(letters[:n])
		w, ok := pack(name)
		if ok != (n >= 1 && n <= 16) {
			t.Fatalf("%d letters pack: %v", n, ok)
		}
		if !ok {
			continue
		}
		var want word
		for i, c := range name {
			if part := uint64(c | 0x20); i < 8 {
				want.head |= part << (8 * i)
			} else {
				want.tail |= part << (8 * (i - 8))
			}
		}
		if w != want {
			t.Errorf("%s packs to %x, want %x", name, w, want)
		}
		if other, there := seen[w]; there {
			t.Errorf("%s packs as %s does", name, other)
		}
		seen[w] = string(name)
	}
	upper, _ := pack([]byte("SET"))
	lower, _ := pack([]byte("set"))
	if upper != lower || lookup([]byte("sEt")) == nil {
		t.Error("the case of a name makes a difference")
	}
}
