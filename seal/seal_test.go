package seal

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

// random is a source of bytes that repeats under a seed.
func random(seed uint64) io.Reader {
	var key [32]byte
	for i := range 8 {
		key[i] = byte(seed >> (8 * i))
	}
	return rand.NewChaCha8(key)
}

func secrets(t testing.TB, seeds ...uint64) Secrets {
	t.Helper()
	var text strings.Builder
	for _, seed := range seeds {
		one, err := New(random(seed))
		if err != nil {
			t.Fatal(err)
		}
		text.WriteString(one + "\n")
	}
	all, err := Parse([]byte(text.String()))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// link is both sides of a link.
func link(t testing.TB, dialer, acceptor Secrets) (ours, theirs *Session, err error) {
	t.Helper()
	d, hello, err := Dial(dialer[0], random(101))
	if err != nil || len(hello) != HandshakeLen {
		t.Fatalf("hello of %d bytes, %v", len(hello), err)
	}
	theirs, answer, err := Accept(acceptor, hello, random(102))
	if err != nil {
		return nil, nil, err
	}
	if len(answer) != HandshakeLen {
		t.Fatalf("an answer of %d bytes", len(answer))
	}
	ours, err = d.Finish(answer)
	return ours, theirs, err
}

func mustLink(t testing.TB) (ours, theirs *Session) {
	t.Helper()
	ours, theirs, err := link(t, secrets(t, 1), secrets(t, 1))
	if err != nil {
		t.Fatal(err)
	}
	return ours, theirs
}

func TestASecretIsFortyNineCharactersAndReadBack(t *testing.T) {
	text, err := New(random(7))
	if err != nil || len(text) != 49 || !strings.HasPrefix(text, "covey-") {
		t.Fatalf("New gave %q, %v", text, err)
	}
	other, _ := New(random(8))
	all, err := Parse([]byte("# first is used\n\n  " + text + "\r\n" + other + "\n" + text))
	if err != nil || len(all) != 2 || all[0].text() != text || all[1].text() != other {
		t.Fatalf("Parse gave %d secrets, %v", len(all), err)
	}
	if _, err := New(strings.NewReader("too short")); err == nil {
		t.Error("a source without 32 bytes made a secret")
	}
}

func TestWhatIsNoSecretIsRefused(t *testing.T) {
	good, _ := New(random(1))
	second, _ := New(random(2))
	third, _ := New(random(3))
	zeros := prefix + strings.Repeat("A", 43)
	for name, text := range map[string]string{
		"nothing": "", "a remark": "# none\n", "a word": "secret", "a cut one": good[:48], "a longer one": good + "A", "no prefix": good[6:],
		"three": good + "\n" + second + "\n" + third, "zeros": zeros, "a letter that is none": good[:48] + "!", "loose bits": good[:48] + looseEnd(good[48]),
		"very long": good + "\n" + strings.Repeat("#\n", MaxText),
	} {
		if all, err := Parse([]byte(text)); err == nil {
			t.Errorf("%s: %q is taken for %d secrets", name, text, len(all))
		}
	}
}

// looseEnd is another last letter that stands for the same bytes but for bits that are none of them.
func looseEnd(c byte) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(letters[strings.IndexByte(letters, c)+1])
}

func TestASecretIsNotPrinted(t *testing.T) {
	all := secrets(t, 1)
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d", "%q"} {
		if got := fmt.Sprintf(format, struct{ Secrets Secrets }{all}); strings.Contains(got, "0x") || strings.Count(got, "[secret]") != 1 {
			t.Errorf("%s prints %s", format, got)
		}
	}
	if b, err := json.Marshal(all); err != nil || string(b) != "[{}]" {
		t.Errorf("JSON has %s, %v", b, err)
	}
}

func TestEachPurposeHasItsKey(t *testing.T) {
	all := secrets(t, 1, 2)
	seen := map[string]bool{}
	for _, s := range all {
		for _, key := range []string{string(s.derive("covey link")), string(s.derive("covey announce")), string(s.derive("covey client")), s.Password(), s.text()} {
			if seen[key] {
				t.Fatal("two purposes share a key")
			}
			seen[key] = true
		}
	}
}

func TestTwoWhoKnowTheSecretUnderstandEachOther(t *testing.T) {
	for name, c := range map[string]struct{ dialer, acceptor []uint64 }{
		"one secret": {[]uint64{1}, []uint64{1}}, "the acceptor knows the new one too": {[]uint64{1}, []uint64{2, 1}},
		"the dialer has the new one": {[]uint64{2, 1}, []uint64{1, 2}},
	} {
		ours, theirs, err := link(t, secrets(t, c.dialer...), secrets(t, c.acceptor...))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if ours.Secret != theirs.Secret || !secrets(t, c.dialer[0]).Has(theirs.Secret) {
			t.Errorf("%s: they do not agree on the secret", name)
		}
		if theirs.In.Opened() {
			t.Errorf("%s: proved before a record came", name)
		}
		for i, text := range []string{"a greeting", "", strings.Repeat("long ", 100_000), "z"} {
			there, back := pass(t, ours, theirs, text), pass(t, theirs, ours, text)
			if there != text || back != text {
				t.Fatalf("%s: message %d of %d bytes arrived as %d and %d", name, i, len(text), len(there), len(back))
			}
		}
		if !theirs.In.Opened() || !ours.In.Opened() {
			t.Errorf("%s: not proved after records came", name)
		}
	}
}

// pass seals a text on one side and opens it on the other.
func pass(t testing.TB, from, to *Session, text string) string {
	t.Helper()
	sealed, err := from.Out.Append(nil, []byte(text))
	if err != nil || len(sealed) != SealedLen(len(text)) {
		t.Fatalf("%d bytes sealed are %d, not %d: %v", len(text), len(sealed), SealedLen(len(text)), err)
	}
	if len(text) > 8 && bytes.Contains(sealed, []byte(text[:8])) {
		t.Fatal("the text can be read in its record")
	}
	out, err := to.In.Append(nil, sealed)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestWithAnotherSecretThereIsNoLink(t *testing.T) {
	if _, _, err := link(t, secrets(t, 1), secrets(t, 2, 3)); !errors.Is(err, ErrOther) {
		t.Errorf("accepted with %v", err)
	}
	// An acceptor that only pretends: it answers with what it can make without the secret.
	d, hello, _ := Dial(secrets(t, 1)[0], random(1))
	for name, answer := range map[string][]byte{
		"the hello itself": hello, "zeros": append([]byte{Magic, version}, make([]byte, 48)...), "a short one": hello[:49], "nothing": nil,
		"an error of RESP": []byte("-ERR " + strings.Repeat("x", 45)),
	} {
		if _, err := d.Finish(answer); err == nil {
			t.Errorf("%s: taken for an answer", name)
		}
	}
}

// Nodes of two versions do not link up, and each knows why where the other has said its version.
func TestAnotherVersionIsToldFromAnotherSecret(t *testing.T) {
	all := secrets(t, 1)
	d, hello, _ := Dial(all[0], random(1))
	_, answer, err := Accept(all, hello, random(2))
	if err != nil {
		t.Fatal(err)
	}
	hello[1], answer[1] = version-1, version+1
	if _, _, err := Accept(all, hello, random(2)); !errors.Is(err, ErrVersion) {
		t.Errorf("an older hello: %v", err)
	}
	if _, err := d.Finish(answer); !errors.Is(err, ErrVersion) {
		t.Errorf("a younger answer: %v", err)
	}
}

func TestEveryBitOfTheHandshakeCounts(t *testing.T) {
	all := secrets(t, 1)
	for bit := range HandshakeLen * 8 {
		d, hello, _ := Dial(all[0], random(uint64(bit)))
		bad := bytes.Clone(hello)
		bad[bit/8] ^= 1 << (bit % 8)
		if _, _, err := Accept(all, bad, random(1)); err == nil {
			// X25519 ignores the highest bit of a key, Noise does not: it is in the hash.
			t.Fatalf("a hello with bit %d turned is accepted", bit)
		}
		_, answer, err := Accept(all, hello, random(1))
		if err != nil {
			t.Fatal(err)
		}
		answer[bit/8] ^= 1 << (bit % 8)
		if _, err := d.Finish(answer); err == nil {
			t.Fatalf("an answer with bit %d turned is accepted", bit)
		}
	}
}

// What was recorded of a session is of no use: a repeated hello gets an answer, for a node cannot know, and then nothing that
// was said after it opens.
func TestARepeatedSessionEndsAtItsFirstRecord(t *testing.T) {
	all := secrets(t, 1)
	d, hello, _ := Dial(all[0], random(1))
	first, answer, _ := Accept(all, hello, random(2))
	ours, err := d.Finish(answer)
	if err != nil {
		t.Fatal(err)
	}
	recorded, _ := ours.Out.Append(nil, []byte("greeting"))
	if out, err := first.In.Append(nil, recorded); err != nil || string(out) != "greeting" {
		t.Fatalf("%q, %v", out, err)
	}
	again, _, err := Accept(all, hello, random(3))
	if err != nil {
		t.Fatal(err)
	}
	if out, err := again.In.Append(nil, recorded); !errors.Is(err, ErrRecord) || len(out) > 0 || again.In.Opened() {
		t.Errorf("what another session said was opened: %q, %v", out, err)
	}
	// Nor does a record count twice in its own session, or in the other direction.
	if _, err := first.In.Append(nil, recorded); !errors.Is(err, ErrRecord) {
		t.Errorf("a record counted twice: %v", err)
	}
	if _, err := ours.In.Append(nil, recorded); !errors.Is(err, ErrRecord) {
		t.Errorf("a record was opened by who sealed it: %v", err)
	}
}

func TestEveryBitOfARecordCounts(t *testing.T) {
	for bit := range SealedLen(5) * 8 {
		ours, theirs := mustLink(t)
		sealed, _ := ours.Out.Append(nil, []byte("hello"))
		sealed[bit/8] ^= 1 << (bit % 8)
		out, err := theirs.In.Append(nil, sealed)
		if len(out) > 0 || err == nil && theirs.In.Pending() == 0 {
			t.Fatalf("bit %d turned: %q, %v", bit, out, err)
		}
		if err == nil { // the length grew: it waits for the rest, and then it does not open
			_, err = theirs.In.Append(nil, make([]byte, MaxPlain+tagLen))
		}
		if !errors.Is(err, ErrRecord) {
			t.Fatalf("bit %d turned: %v", bit, err)
		}
		next, _ := ours.Out.Append(nil, []byte("more"))
		if out, err := theirs.In.Append(nil, next); err == nil || len(out) > 0 {
			t.Fatalf("bit %d turned: goes on with %q", bit, out)
		}
	}
}

// However the bytes are cut, what comes out is the same, and no more than one record is kept.
func TestRecordsComeInAnyPieces(t *testing.T) {
	pick := rand.New(rand.NewPCG(3, 5))
	for range 50 {
		ours, theirs := mustLink(t)
		var plain, sealed, out []byte
		for range pick.IntN(8) + 1 {
			part := make([]byte, pick.IntN(3*MaxPlain))
			for i := range part {
				part[i] = byte(pick.Uint32())
			}
			plain = append(plain, part...)
			sealed, _ = ours.Out.Append(sealed, part)
		}
		for len(sealed) > 0 {
			n := min(len(sealed), 1+pick.IntN(1+pick.IntN(2*MaxPlain)))
			var err error
			if out, err = theirs.In.Append(out, sealed[:n]); err != nil {
				t.Fatal(err)
			}
			if theirs.In.Pending() >= recordHead+MaxPlain+tagLen {
				t.Fatalf("%d bytes wait", theirs.In.Pending())
			}
			sealed = sealed[n:]
		}
		if !bytes.Equal(out, plain) || theirs.In.Pending() != 0 {
			t.Fatalf("%d bytes came out of %d", len(out), len(plain))
		}
	}
}

func TestKeysTurnTogetherAndEnd(t *testing.T) {
	ours, theirs := mustLink(t)
	ours.Out.every, theirs.In.every = 3, 3
	first := ours.Out.direction
	before := first.aead
	for i := range 10 {
		if got := pass(t, ours, theirs, "record"); got != "record" {
			t.Fatalf("record %d arrived as %q", i, got)
		}
	}
	if ours.Out.aead == before || ours.Out.secret == first.secret || ours.Out.mask == first.mask {
		t.Error("the key never turned")
	}
	// Who does not turn along understands nothing any more.
	ours.Out.every = 1 << 30
	sealed := make([]byte, 0, 3*SealedLen(1))
	for range 3 {
		sealed, _ = ours.Out.Append(sealed, []byte("x"))
	}
	if _, err := theirs.In.Append(nil, sealed); !errors.Is(err, ErrRecord) {
		t.Errorf("an old key is good on: %v", err)
	}
	ours.Out.count = maxRecords
	if out, err := ours.Out.Append(nil, []byte("x")); !errors.Is(err, ErrExhausted) || len(out) > 0 {
		t.Errorf("record number 2^60: %d bytes, %v", len(out), err)
	}
}

// TestRecordsAreAsThePageHasThem makes a record by docs/PROTOCOL.md alone, before and after the keys turn, and opens it here.
func TestRecordsAreAsThePageHasThem(t *testing.T) {
	d, hello, _ := Dial(secrets(t, 1)[0], random(1))
	s, answer, _ := Accept(secrets(t, 1), hello, random(2))
	_, out, _, err := d.state.ReadMessage(nil, answer[2:])
	if err != nil {
		t.Fatal(err)
	}
	s.In.every = 2
	secret := out.UnsafeKey()
	for number := range byte(4) {
		if number == 2 {
			next, _ := hkdf.Expand(sha256.New, secret[:], "covey next", 32)
			secret = [32]byte(next)
		}
		made, _ := hkdf.Expand(sha256.New, secret[:], "covey record", 28)
		block, _ := aes.NewCipher(made[:16])
		gcm, _ := cipher.NewGCM(block)
		nonce := bytes.Clone(made[16:])
		nonce[11] ^= number
		record := gcm.Seal([]byte{5 + 16, 0}, nonce, []byte("piece"), []byte{5 + 16, 0})
		if got, err := s.In.Append(nil, record); err != nil || string(got) != "piece" {
			t.Fatalf("record %d opens to %q, %v", number, got, err)
		}
	}
}

func TestRecordsAllocateNothing(t *testing.T) {
	ours, theirs := mustLink(t)
	plain := make([]byte, 40_000)
	sealed := make([]byte, 0, SealedLen(len(plain)))
	out := make([]byte, 0, SealedLen(len(plain)))
	if _, err := theirs.In.Append(out, nil); err != nil {
		t.Fatal(err)
	}
	theirs.In.part = make([]byte, 0, recordHead+MaxPlain+tagLen) // as the first one that is not whole makes it
	per := testing.AllocsPerRun(200, func() {
		sealed, _ = ours.Out.Append(sealed[:0], plain)
		half := len(sealed)/2 + 1
		got, err := theirs.In.Append(out[:0], sealed[:half])
		if err == nil {
			got, err = theirs.In.Append(got, sealed[half:])
		}
		if err != nil || len(got) != len(plain) {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
	})
	if per != 0 {
		t.Errorf("%v allocations for three records, sealed and opened", per)
	}
}

func BenchmarkRecord(b *testing.B) {
	for _, size := range []int{100, 4 << 10, 16 << 10, 256 << 10} {
		name := fmt.Sprintf("%dB", size)
		plain, sealed := make([]byte, size), make([]byte, 0, SealedLen(size))
		b.Run("seal/"+name, func(b *testing.B) {
			ours, _ := mustLink(b)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				var err error
				if sealed, err = ours.Out.Append(sealed[:0], plain); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("both/"+name, func(b *testing.B) {
			ours, theirs := mustLink(b)
			out := make([]byte, 0, SealedLen(size))
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				var err error
				if sealed, err = ours.Out.Append(sealed[:0], plain); err == nil {
					out, err = theirs.In.Append(out[:0], sealed)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkHandshake(b *testing.B) {
	all, source := secrets(b, 1, 2), random(9)
	b.ReportAllocs()
	for b.Loop() {
		d, hello, _ := Dial(all[1], source)
		_, answer, err := Accept(all, hello, source)
		if err == nil {
			_, err = d.Finish(answer)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
