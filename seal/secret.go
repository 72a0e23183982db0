package seal

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
)

// secretLen is the length of a secret in bytes.
const secretLen = 32

// prefix begins the text of a secret, so that it is known for one wherever it turns up; clientPrefix that of the password that
// is made of it.
const (
	prefix       = "covey-"
	clientPrefix = "client-"
)

// A Secret is what all nodes of a mesh know and nobody else does.
type Secret struct{ bytes [secretLen]byte }

// Format prints a word in the place of a secret, by whatever verb: one that gets into a log by mistake tells nothing.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[secret]") }

// Secrets are those that count, at least one: the first is spoken with, all are understood. The slice is not changed after it
// was made.
type Secrets []Secret

// ErrSecret says that a text is not one or two secrets, each on its line.
var ErrSecret = errors.New("this is not a secret as `covey secret new` makes them, 49 characters that begin with covey-")

// New makes the text of a secret of 32 random bytes.
func New(random io.Reader) (string, error) {
	var s Secret
	if _, err := io.ReadFull(random, s.bytes[:]); err != nil {
		return "", fmt.Errorf("no randomness for a secret: %w", err)
	}
	return s.text(), nil
}

func (s *Secret) text() string { return prefix + base64.RawURLEncoding.EncodeToString(s.bytes[:]) }

// Parse reads one or two secrets, each on a line of its own; empty lines and those that begin with # are passed over.
func Parse(text []byte) (Secrets, error) {
	if len(text) > MaxText {
		return nil, fmt.Errorf("%w: it has %d bytes", ErrSecret, len(text))
	}
	var all Secrets
	for line := range bytes.Lines(text) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		s, err := parseOne(line)
		if err != nil {
			return nil, err
		}
		if slices.Contains(all, s) {
			continue
		}
		if all = append(all, s); len(all) > MaxSecrets {
			return nil, fmt.Errorf("at most %d secrets count at a time, each on its line: the one that is used, and another while it is replaced", MaxSecrets)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%w: it is empty", ErrSecret)
	}
	return all, nil
}

func parseOne(line []byte) (s Secret, err error) {
	text, ok := bytes.CutPrefix(line, []byte(prefix))
	if !ok || base64.RawURLEncoding.DecodedLen(len(text)) != secretLen {
		return s, ErrSecret
	}
	// Strict: one secret has one text.
	b, err := base64.RawURLEncoding.Strict().AppendDecode(nil, text)
	if err != nil || len(b) != secretLen {
		return s, ErrSecret
	}
	if subtle.ConstantTimeCompare(b, make([]byte, secretLen)) == 1 {
		return s, ErrSecret
	}
	copy(s.bytes[:], b)
	return s, nil
}

// Has reports whether a secret counts.
func (all Secrets) Has(s Secret) bool {
	found := 0
	for i := range all {
		found |= subtle.ConstantTimeCompare(all[i].bytes[:], s.bytes[:])
	}
	return found == 1
}

// derive makes a key for one purpose, which reveals neither the secret nor the keys of other purposes.
func (s *Secret) derive(purpose string) []byte {
	key, err := hkdf.Key(sha256.New, s.bytes[:], nil, purpose, secretLen)
	if err != nil {
		panic("seal: a key of 32 bytes cannot be derived: " + err.Error()) // only longer ones fail
	}
	return key
}

// Password is what a client may send instead of the secret itself. It opens the commands of a node, and reveals neither the secret nor
// the keys of links and announces.
func (s Secret) Password() string {
	return clientPrefix + base64.RawURLEncoding.EncodeToString(s.derive("covey client"))
}
