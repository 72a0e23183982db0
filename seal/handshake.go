package seal

import (
	"errors"
	"fmt"
	"io"

	"github.com/flynn/noise"
)

// Magic is the first byte of a link with a secret. It is neither that of a frame nor one that RESP begins with.
const Magic = 0xC6

// version is that of the handshake and of the records: Noise_NNpsk0_25519_AESGCM_SHA256, and records as in record.go.
const version = 2

// HandshakeLen is the length of either message, in bytes: magic, version, an ephemeral key, an authenticator.
const HandshakeLen = 2 + 32 + 16

// prologue is what both sides mix in beside the secret.
const prologue = "covey link 2"

// Errors of the handshake: whoever gets one closes the connection and says nothing.
var (
	ErrOther     = errors.New("seal: the other side has no secret, another one, or another version of covey")
	ErrHandshake = errors.New("seal: this is no handshake")
	ErrVersion   = errors.New("seal: this is the handshake of another version of covey, which this one does not speak with")
)

// A Session is a link's keys, one for each direction. It belongs to the loop of the connection.
type Session struct {
	Out    Sealer
	In     Opener
	Secret Secret // that it was made with: when it counts no longer, the link is closed
}

// A Dialer waits for the answer to its hello.
type Dialer struct {
	secret Secret
	state  *noise.HandshakeState
}

func begin(s Secret, initiator bool, random io.Reader) (*noise.HandshakeState, error) {
	return noise.NewHandshakeState(noise.Config{
		CipherSuite: noise.NewCipherSuite(noise.DH25519, noise.CipherAESGCM, noise.HashSHA256),
		Pattern:     noise.HandshakeNN, Initiator: initiator, Random: random, Prologue: []byte(prologue),
		PresharedKey: s.derive("covey link"), PresharedKeyPlacement: 0,
	})
}

// Dial begins the handshake of the side that has dialed: hello is to be sent, HandshakeLen bytes, and nothing else before the
// answer has come.
func Dial(s Secret, random io.Reader) (d *Dialer, hello []byte, err error) {
	state, err := begin(s, true, random)
	if err != nil {
		return nil, nil, fmt.Errorf("seal: %w", err)
	}
	hello, _, _, err = state.WriteMessage([]byte{Magic, version}, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("seal: %w", err)
	}
	return &Dialer{secret: s, state: state}, hello, nil
}

// Finish takes the answer, HandshakeLen bytes. The other side knows the secret.
func (d *Dialer) Finish(answer []byte) (*Session, error) {
	if err := framed(answer); err != nil {
		return nil, err
	}
	_, out, in, err := d.state.ReadMessage(nil, answer[2:])
	if err != nil {
		return nil, ErrOther
	}
	return newSession(d.secret, out, in), nil
}

// Accept answers a hello, HandshakeLen bytes, under whichever of the secrets it was made with. answer is to be sent; until the
// first record was opened who dialed may be somebody that repeats what another has said, and is told nothing.
func Accept(all Secrets, hello []byte, random io.Reader) (s *Session, answer []byte, err error) {
	if err := framed(hello); err != nil {
		return nil, nil, err
	}
	for _, secret := range all {
		state, err := begin(secret, false, random)
		if err != nil {
			return nil, nil, fmt.Errorf("seal: %w", err)
		}
		if _, _, _, err := state.ReadMessage(nil, hello[2:]); err != nil {
			continue
		}
		answer, in, out, err := state.WriteMessage([]byte{Magic, version}, nil)
		if err != nil {
			return nil, nil, ErrHandshake // an ephemeral key that is no point
		}
		return newSession(secret, out, in), answer, nil
	}
	return nil, nil, ErrOther
}

func framed(message []byte) error {
	switch {
	case len(message) != HandshakeLen || message[0] != Magic:
		return ErrHandshake
	case message[1] != version:
		return ErrVersion
	}
	return nil
}

func newSession(secret Secret, out, in *noise.CipherState) *Session {
	s := &Session{Secret: secret}
	s.Out.init(out.UnsafeKey()) // Noise seals nothing with them: they are the secrets that the keys of records are made of
	s.In.init(in.UnsafeKey())
	return s
}
