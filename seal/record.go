package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
)

// A record is 2 bytes of length, that of the rest, and the rest: what it carries, encrypted, and a tag of 16 bytes. The length is
// authenticated too. The nonce is the number of the record, which is not sent,
// under a mask that is the link's own.
const (
	recordHead = 2
	tagLen     = 16
	keyLen     = 16 // AES-128
	nonceLen   = 12
)

// Errors of records: each costs the link.
var (
	ErrRecord    = errors.New("seal: a record was changed on its way, came twice, or is of another link")
	ErrExhausted = errors.New("seal: the link has carried as many records as its keys are good for; a new one is to be made")
)

// direction is one direction of a link: its cipher, and how many records it has seen.
type direction struct {
	aead   cipher.AEAD
	secret [sha256.Size]byte // that the key and the mask are made of
	mask   [nonceLen]byte    // of the nonces: the same number has another nonce on every link
	count  uint64            // records so far
	every  uint64            // records with one key
	nonce  [nonceLen]byte
}

func (d *direction) init(secret [sha256.Size]byte) {
	d.every, d.secret = rekeyAfter, secret
	d.turn()
}

// turn takes the key and the mask that the secret stands for.
func (d *direction) turn() {
	made := expand(d.secret[:], "covey record", keyLen+nonceLen)
	block, err := aes.NewCipher(made[:keyLen])
	if err == nil {
		d.aead, err = cipher.NewGCM(block)
	}
	if err != nil {
		panic("seal: AES does not take a key of 16 bytes: " + err.Error())
	}
	copy(d.mask[:], made[keyLen:])
	clear(made)
}

// next makes the nonce of the next record, with the next key when it is due. Who learns a secret learns none before it.
func (d *direction) next() error {
	if d.count >= maxRecords {
		return ErrExhausted
	}
	if d.count > 0 && d.count%d.every == 0 {
		copy(d.secret[:], expand(d.secret[:], "covey next", sha256.Size))
		d.turn()
	}
	d.nonce = d.mask
	binary.BigEndian.PutUint64(d.nonce[4:], binary.BigEndian.Uint64(d.mask[4:])^d.count)
	d.count++
	return nil
}

// expand is HKDF-Expand: n bytes for one purpose.
func expand(secret []byte, purpose string, n int) []byte {
	made, err := hkdf.Expand(sha256.New, secret, purpose, n)
	if err != nil {
		panic("seal: a key cannot be derived: " + err.Error()) // only longer ones fail
	}
	return made
}

// A Sealer seals what one side of a link says.
type Sealer struct{ direction }

// SealedLen is how long n bytes are when they are sealed at once.
func SealedLen(n int) int { return n + (n+MaxPlain-1)/MaxPlain*(recordHead+tagLen) }

// Append appends plain, sealed, to dst: as many records as it takes, none for nothing. The two must not overlap. With
// SealedLen bytes of room in dst nothing is allocated.
func (s *Sealer) Append(dst, plain []byte) ([]byte, error) {
	dst = slices.Grow(dst, SealedLen(len(plain)))
	for len(plain) > 0 {
		n := min(len(plain), MaxPlain)
		if err := s.next(); err != nil {
			return dst, err
		}
		dst = binary.LittleEndian.AppendUint16(dst, uint16(n+tagLen))
		dst = s.aead.Seal(dst, s.nonce[:], plain[:n], dst[len(dst)-recordHead:])
		plain = plain[n:]
	}
	return dst, nil
}

// An Opener opens what the other side has sealed.
type Opener struct {
	direction
	part []byte // the beginning of a record
	err  error  // what ended it
}

// Pending is how many bytes of an unfinished record wait.
func (o *Opener) Pending() int { return len(o.part) }

// Held is how many bytes the opener holds: room for a record, once one came in pieces.
func (o *Opener) Held() int { return cap(o.part) }

// Opened reports whether a record has been opened: the other side took part in this handshake.
func (o *Opener) Opened() bool { return o.count > 0 && o.err == nil }

// Append appends what whole records carry to dst. sealed is what came, in whatever pieces: the beginning of a record that is
// not whole is kept, at most MaxPlain bytes and a head and a tag. dst and sealed must not overlap. With len(sealed) + Pending()
// bytes of room in dst nothing is allocated. After an error nothing is opened any more.
func (o *Opener) Append(dst, sealed []byte) ([]byte, error) {
	if o.err != nil {
		return dst, o.err
	}
	for len(o.part) > 0 && len(sealed) > 0 {
		n, err := recordLen(o.part)
		if err != nil {
			return dst, o.fail(err)
		}
		take := min(n-len(o.part), len(sealed))
		o.part = append(o.part, sealed[:take]...)
		sealed = sealed[take:]
		if n, _ = recordLen(o.part); len(o.part) < n || n == recordHead {
			continue // n has become the record's own length, or is still not known
		}
		if dst, err = o.open(dst, o.part); err != nil {
			return dst, o.fail(err)
		}
		o.part = o.part[:0]
	}
	for len(sealed) > 0 {
		n, err := recordLen(sealed)
		if err != nil {
			return dst, o.fail(err)
		}
		if n > len(sealed) || n == recordHead {
			if o.part == nil {
				o.part = make([]byte, 0, recordHead+MaxPlain+tagLen)
			}
			o.part = append(o.part, sealed...)
			break
		}
		if dst, err = o.open(dst, sealed[:n]); err != nil {
			return dst, o.fail(err)
		}
		sealed = sealed[n:]
	}
	return dst, nil
}

func (o *Opener) open(dst, record []byte) ([]byte, error) {
	if err := o.next(); err != nil {
		return dst, err
	}
	out, err := o.aead.Open(dst, o.nonce[:], record[recordHead:], record[:recordHead])
	if err != nil {
		return dst, ErrRecord
	}
	return out, nil
}

func (o *Opener) fail(err error) error {
	o.err, o.part = err, nil
	return err
}

// recordLen is the length of the record that b begins with; recordHead while that is not known.
func recordLen(b []byte) (int, error) {
	if len(b) < recordHead {
		return recordHead, nil
	}
	n := int(binary.LittleEndian.Uint16(b))
	if n <= tagLen || n > MaxPlain+tagLen {
		return 0, ErrRecord
	}
	return recordHead + n, nil
}
