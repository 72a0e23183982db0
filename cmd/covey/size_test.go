package main

import (
	"strconv"
	"testing"
)

func TestASizeIsBytesWithOrWithoutAUnit(t *testing.T) {
	for text, want := range map[string]size{
		"0": 0, "1": 1, "67108864": 64 << 20, "100b": 100,
		"64k": 64 << 10, "64K": 64 << 10, "64kb": 64 << 10, "64KiB": 64 << 10,
		"64m": 64 << 20, "64MB": 64 << 20, "64MiB": 64 << 20, " 64 MiB ": 64 << 20,
		"1g": 1 << 30, "1GiB": 1 << 30, "1.5g": 3 << 29, "2t": 2 << 40,
		"9223372036854775807": 1<<63 - 1, "8388607t": 8388607 << 40,
	} {
		if got, err := parseSize(text); err != nil || got != want {
			t.Errorf("%q is %d bytes (error %v), want %d", text, got, err, want)
		}
	}
}

func TestWhatIsNoSizeIsRefusedWithASentence(t *testing.T) {
	for _, text := range []string{
		"", " ", "m", "-1", "+1", "1x", "64mm", "64 m m", "1.2.3", "1e3", "0x10", "NaN", "inf", "1_000", "six",
		"9223372036854775808", "8388608t", "99999999999999999999g", "1.5.g", ".",
	} {
		if got, err := parseSize(text); err == nil {
			t.Errorf("%q was taken as %d bytes", text, got)
		}
	}
}

func TestASizeIsShownAsAPersonWritesIt(t *testing.T) {
	for n, want := range map[size]string{0: "0 bytes", 1023: "1023 bytes", 1024: "1 KiB", 64 << 20: "64 MiB", 3 << 29: "1.5 GiB", 1<<63 - 1: "8 EiB"} {
		if got := n.String(); got != want {
			t.Errorf("%d bytes are shown as %q, want %q", int64(n), got, want)
		}
	}
}

func FuzzASizeIsNeverNegativeAndDigitsMeanBytes(f *testing.F) {
	for _, text := range []string{"64m", "1.5GiB", "0", "9223372036854775807", "8388608t", "-1", "m", "1e9g", "9007199254740993.0"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseSize(text)
		if err == nil && got < 0 {
			t.Fatalf("%q is %d bytes", text, got)
		}
		if n, bad := strconv.ParseUint(text, 10, 63); bad == nil && (err != nil || uint64(got) != n) {
			t.Fatalf("%q is %d bytes, error %v", text, got, err)
		}
	})
}
