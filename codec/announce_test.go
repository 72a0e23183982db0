package codec

import (
	"bytes"
	"errors"
	"testing"
)

func TestADatagramThatIsNotExactlyOneAnnounceIsRefused(t *testing.T) {
	says(t, "A datagram that is not exactly one announce of 80 bytes is refused.")
	b := AppendAnnounce(nil, exampleAnnounce)
	for i := range b {
		if _, err := DecodeAnnounce(b[:i]); !errors.Is(err, ErrLength) {
			t.Errorf("%d bytes: %v", i, err)
		}
	}
	if _, err := DecodeAnnounce(append(bytes.Clone(b), 0)); !errors.Is(err, ErrLength) {
		t.Errorf("a byte too many: %v", err)
	}
}

func TestAnEthernetFrameHasAnAddressAndPaddingBehindTheAnnounce(t *testing.T) {
	says(t, "the announce, then the 4 bytes of the sending card's IPv4 address, in network order; what follows is padding.")
	b := append(AppendAnnounce(nil, exampleAnnounce), 10, 0, 0, 1, 0, 0, 0)
	a, n, err := DecodeAnnouncePrefix(b)
	if err != nil || a != exampleAnnounce || !bytes.Equal(b[n:n+4], []byte{10, 0, 0, 1}) {
		t.Errorf("%+v, %d, %v", a, n, err)
	}
	if _, n, err := DecodeAnnouncePrefix(b[:AnnounceLen-1]); n != 0 || !errors.Is(err, ErrLength) {
		t.Errorf("too short: %d, %v", n, err)
	}
}

func TestAnAnnounceWithAFieldOutOfRangeIsRefused(t *testing.T) {
	says(t, "A form other than 1 and 2 is refused.")
	for name, c := range map[string]struct {
		at   int
		b    byte
		want error
	}{
		"magic": {0, 'c', ErrMagic}, "form 0": {4, 0, ErrRange}, "form 3": {4, 3, ErrRange}, "no lowest protocol": {5, 0, ErrRange},
		"ends before it begins": {5, 2, ErrRange}, "state": {7, 3, ErrRange}, "flags": {42, 1, ErrReserved}, "more flags": {43, 0x80, ErrReserved},
	} {
		b := AppendAnnounce(nil, exampleAnnounce)
		b[c.at] = c.b
		if a, err := DecodeAnnounce(b); !errors.Is(err, c.want) || a != (Announce{}) {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
	}
}

func TestANodeIdIsShown(t *testing.T) {
	says(t, "Shown as `02fc00000001-9000`.")
	id := NodeID([6]byte{0x02, 0xfc, 0, 0, 0, 1}, 9000)
	if id != node1 || FormatID(id) != "02fc00000001-9000" || FormatMAC(id) != "02:fc:00:00:00:01" {
		t.Errorf("%x %s %s", id, FormatID(id), FormatMAC(id))
	}
}

func TestVersionsAreOrderedByStampThenByNode(t *testing.T) {
	says(t, "ordered by stamp, then by id.")
	ordered := []Version{{}, {0, 1}, {1, 0}, {1, 1}, {1, 1 << 63}, {1 << 63, 0}}
	for i, v := range ordered {
		for j, o := range ordered {
			want := 0
			if i < j {
				want = -1
			} else if i > j {
				want = 1
			}
			if got := v.Compare(o); got != want {
				t.Errorf("%v against %v: %d", v, o, got)
			}
		}
	}
	if !ordered[0].IsZero() || ordered[1].IsZero() {
		t.Error("only the zero version is zero")
	}
}
