package codec

import (
	"errors"
	"testing"
)

func TestHeader(t *testing.T) {
	head := func(b ...byte) []byte { return append(b, make([]byte, HeaderLen-len(b))...) }
	long := func(kind Kind, flags byte, length uint32) []byte {
		return append([]byte{Magic, byte(kind), flags, 0}, append(u32(length), 0, 0, 0, 0)...)
	}
	for _, c := range []struct {
		sentence string
		frame    []byte
		want     error
	}{
		{"A frame whose first byte is not 0xC5 is refused.", head(Magic - 1), ErrMagic},
		{"A frame whose first byte is not 0xC5 is refused.", []byte("*"), ErrMagic},
		{"A frame whose first byte is not 0xC5 is refused.", []byte("GET / HTTP/1.1\r\n"), ErrMagic},
		{"A header whose reserved byte is not zero, or whose flags hold another bit than bit 0, is refused.", append([]byte{Magic, 2, 0, 1}, u64(1)...), ErrReserved},
		{"A header whose reserved byte is not zero, or whose flags hold another bit than bit 0, is refused.", long(KindBye, 2, 1), ErrReserved},
		{"A header whose reserved byte is not zero, or whose flags hold another bit than bit 0, is refused.", long(KindBye, 0x81, 1), ErrReserved},
		{"A frame of an unknown kind is skipped when it is marked skippable, and refused otherwise.", long(0x1F, 0, 1), ErrKind},
		{"A frame of an unknown kind is skipped when it is marked skippable, and refused otherwise.", long(0, 0, 0), ErrKind},
		{"A frame of an unknown kind is skipped when it is marked skippable, and refused otherwise.", long(0x1F, FlagSkippable, MaxFrame-HeaderLen), nil},
		{"A frame of an unknown kind is skipped when it is marked skippable, and refused otherwise.", long(KindBye, FlagSkippable, 1), nil},
		{"An unknown kind that is marked skippable has a body of at most 16846836 bytes.", long(0x1F, FlagSkippable, MaxFrame-HeaderLen+1), ErrTooLong},
		{"A frame between nodes has tag 0; another tag is refused.", append([]byte{Magic, byte(KindBye), 0, 0}, append(u32(1), u32(1)...)...), ErrTag},
		{"A frame between nodes has tag 0; another tag is refused.", append([]byte{Magic, byte(KindDelete), 0, 0}, append(u32(1), u32(1)...)...), nil},
	} {
		says(t, c.sentence)
		if h, ok, err := DecodeHeader(c.frame); !errors.Is(err, c.want) || ok != (c.want == nil) {
			t.Errorf("%s\n% x: %+v, %v, %v", c.sentence, c.frame, h, ok, err)
		}
	}
}

func TestALengthOutsideOfTheLimitsOfItsKindIsRefusedBeforeTheBodyIsRead(t *testing.T) {
	says(t, "A length outside of the limits of its kind is refused before the body is read.")
	for k, lim := range kindBounds {
		if lim.max == 0 {
			continue
		}
		for length, want := range map[uint32]error{lim.min - 1: ErrLength, lim.min: nil, lim.max: nil, lim.max + 1: ErrTooLong, 1<<32 - 1: ErrTooLong} {
			if lim.min == 0 && length == 1<<32-1 {
				want = ErrTooLong
			}
			_, ok, err := DecodeHeader(AppendHeader(nil, Header{Kind: Kind(k), Length: length}))
			if !errors.Is(err, want) || ok != (want == nil) {
				t.Errorf("%v with %d bytes: %v, want %v", Kind(k), length, err, want)
			}
		}
	}
}

func TestAHeaderThatIsNotAllThereIsNoError(t *testing.T) {
	frame := AppendBye(nil, Bye{ReasonLeft})
	for i := range HeaderLen {
		if _, ok, err := DecodeHeader(frame[:i]); ok || err != nil {
			t.Errorf("%d bytes: %v, %v", i, ok, err)
		}
	}
	if h, ok, err := DecodeHeader(frame[:HeaderLen]); !ok || err != nil || h.Length != 1 {
		t.Errorf("%+v, %v, %v", h, ok, err)
	}
}
