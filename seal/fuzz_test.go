package seal

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
)

// FuzzHandshake plays both messages in any order, whole, cut, changed or repeated, to nodes with and without the right secret:
// a session comes about only for the true messages in their order, and both sides' keys fit.
func FuzzHandshake(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 0, 0, 2, 0, 0})
	f.Add([]byte{0, 5, 1, 0, 0, 0, 1, 0, 0, 2, 9, 1})
	f.Add([]byte{3, 0, 0, 4, 0, 0, 0, 49, 128, 2, 0, 0, 1, 0, 0})
	right, wrong := secrets(f, 1, 2), secrets(f, 3)
	f.Fuzz(func(t *testing.T, script []byte) {
		d, hello, err := Dial(right[1], random(1))
		if err != nil {
			t.Fatal(err)
		}
		answer := make([]byte, HandshakeLen)
		var theirs, ours *Session
		for ; len(script) >= 3; script = script[3:] {
			at, flip := int(script[1]), script[2]
			switch script[0] % 5 {
			case 0:
				told := spoil(hello, at, flip)
				s, a, err := Accept(right, told, random(uint64(at)+7))
				if (err == nil) != bytes.Equal(told, hello) {
					t.Fatalf("hello %x: %v", told, err)
				}
				if err == nil {
					theirs, answer = s, a
				}
			case 1:
				told := spoil(answer, at, flip)
				s, err := d.Finish(told)
				if ours != nil && err == nil {
					t.Fatal("a second answer was taken")
				}
				if err == nil {
					if theirs == nil || !bytes.Equal(told, answer) {
						t.Fatalf("answer %x was taken", told)
					}
					ours = s
				}
			case 2:
				if ours == nil {
					continue
				}
				sealed, _ := ours.Out.Append(nil, []byte("first"))
				out, err := theirs.In.Append(nil, spoil(sealed, at, flip))
				if err == nil && len(out) > 0 && string(out) != "first" {
					t.Fatalf("%q came out", out)
				}
			case 3:
				if _, _, err := Accept(wrong, spoil(hello, at, flip), random(1)); err == nil {
					t.Fatal("accepted under another secret")
				}
			case 4:
				if _, _, err := Accept(right, script[1:], random(1)); err == nil {
					t.Fatal("a hello out of thin air")
				}
			}
		}
	})
}

// spoil cuts a message, or flips bits of it; at = 0 with flip = 0 leaves it as it is.
func spoil(b []byte, at int, flip byte) []byte {
	b = bytes.Clone(b)
	switch {
	case flip != 0:
		b[at%len(b)] ^= flip
	case at != 0:
		b = b[:min(at-1, len(b))]
	}
	return b
}

// FuzzRecords takes a stream of records apart, changes it, cuts it into pieces and opens it: what comes out is a prefix of what
// went in, whole up to the first change, and never more memory is taken than came, and one record.
func FuzzRecords(f *testing.F) {
	f.Add(uint64(1), uint16(40), uint32(0), byte(0), uint16(7))
	f.Add(uint64(2), uint16(40_000), uint32(16_402), byte(1), uint16(1000))
	f.Add(uint64(3), uint16(0), uint32(1), byte(255), uint16(1))
	f.Add(uint64(4), uint16(65_535), uint32(70_000), byte(128), uint16(65_535))
	f.Fuzz(func(t *testing.T, seed uint64, length uint16, at uint32, flip byte, piece uint16) {
		ours, theirs := mustLink(t)
		plain := make([]byte, length)
		_, _ = rand.NewChaCha8([32]byte{byte(seed)}).Read(plain)
		var sealed []byte
		for rest := plain; len(rest) > 0; {
			n := min(len(rest), 1+int(seed%uint64(MaxPlain+1)))
			sealed, _ = ours.Out.Append(sealed, rest[:n])
			rest = rest[n:]
		}
		spoilt := len(sealed)
		if flip != 0 && len(sealed) > 0 {
			spoilt = int(at) % len(sealed)
			sealed[spoilt] ^= flip
		}
		var out []byte
		var err error
		for rest := sealed; len(rest) > 0 && err == nil; {
			n := min(len(rest), 1+int(piece))
			out, err = theirs.In.Append(out, rest[:n])
			rest = rest[n:]
			if cap(theirs.In.part) > recordHead+MaxPlain+tagLen {
				t.Fatalf("%d bytes for a record", cap(theirs.In.part))
			}
		}
		switch {
		case !bytes.HasPrefix(plain, out):
			t.Fatal("something else came out")
		case len(out) > spoilt:
			t.Fatalf("%d bytes came out, and byte %d was changed", len(out), spoilt)
		case spoilt == len(sealed) && (err != nil || len(out) != len(plain)):
			t.Fatalf("%d bytes came out of %d: %v", len(out), len(plain), err)
		case err != nil && !errors.Is(err, ErrRecord):
			t.Fatal(err)
		}
	})
}

// FuzzStrangersRecords opens bytes that nobody sealed.
func FuzzStrangersRecords(f *testing.F) {
	f.Add([]byte{17, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17})
	f.Add([]byte{255, 255})
	f.Add([]byte{0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		_, theirs := mustLink(t)
		if out, err := theirs.In.Append(nil, b); len(out) > 0 || theirs.In.Opened() {
			t.Fatalf("%q was opened, %v", out, err)
		}
	})
}

// FuzzGenuine judges announces that nobody signed, and signed ones with a change.
func FuzzGenuine(f *testing.F) {
	f.Add([]byte("COVY"), uint8(3), byte(1))
	f.Add(make([]byte, 80), uint8(79), byte(0x80))
	f.Add([]byte{}, uint8(0), byte(0))
	f.Fuzz(func(t *testing.T, b []byte, at uint8, flip byte) {
		a := NewAnnouncer(secrets(t, 1, 2))
		if a.Genuine(b) {
			t.Fatal("nobody signed this")
		}
		b = append(bytes.Clone(b), make([]byte, AuthLen)...)
		a.Sign(b)
		if !a.Genuine(b) {
			t.Fatal("this was signed")
		}
		b[int(at)%len(b)] ^= flip
		if a.Genuine(b) != (flip == 0) {
			t.Fatalf("with byte %d changed by %02x", int(at)%len(b), flip)
		}
	})
}

// FuzzParse reads texts: what is taken for secrets is read back from their texts, and nothing else is.
func FuzzParse(f *testing.F) {
	one, _ := New(random(1))
	two, _ := New(random(2))
	f.Add([]byte(one))
	f.Add([]byte("# remark\n" + one + "\n" + two + "\n"))
	f.Add([]byte("covey-"))
	f.Fuzz(func(t *testing.T, text []byte) {
		all, err := Parse(text)
		if (err == nil) != (len(all) > 0) || len(all) > MaxSecrets {
			t.Fatalf("%d secrets, %v", len(all), err)
		}
		for _, s := range all {
			if !bytes.Contains(text, []byte(s.text())) || !all.Has(s) {
				t.Fatal("a secret that the text does not hold")
			}
		}
	})
}
