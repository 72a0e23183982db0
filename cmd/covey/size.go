package main

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"
)

// size is a number of bytes, written as 1048576, 64k, 64m, 64MiB or 1.5g. Units are powers of 1,024 in either spelling:
// a memory limit that turned out 7 % smaller because of a letter would help nobody.
type size int64

// units maps the lower-case suffix of a size to the power of two it stands for.
var units = map[string]uint{
	"": 0, "b": 0,
	"k": 10, "kb": 10, "kib": 10,
	"m": 20, "mb": 20, "mib": 20,
	"g": 30, "gb": 30, "gib": 30,
	"t": 40, "tb": 40, "tib": 40,
}

// parseSize reads a size of 0 to 2^63-1 bytes.
func parseSize(s string) (size, error) {
	text := strings.ToLower(strings.TrimSpace(s))
	digits := strings.TrimRight(text, "bkmgti ")
	shift, known := units[strings.TrimSpace(text[len(digits):])]
	if digits == "" || !known || strings.Trim(digits, "0123456789.") != "" {
		return 0, fmt.Errorf("%q is not a size; write bytes or a unit, as in 67108864, 64m or 1GiB", s)
	}
	if n, err := strconv.ParseInt(digits, 10, 64); err == nil {
		if n > math.MaxInt64>>shift {
			return 0, fmt.Errorf("%q is more bytes than a machine can count", s)
		}
		return size(n << shift), nil
	}
	f, err := strconv.ParseFloat(digits, 64)
	if err != nil && !math.IsInf(f, 0) {
		return 0, fmt.Errorf("%q is not a size; write bytes or a unit, as in 67108864, 64m or 1GiB", s)
	}
	bytes := math.Ldexp(f, int(shift))
	if bytes >= math.MaxInt64 {
		return 0, fmt.Errorf("%q is more bytes than a machine can count", s)
	}
	return size(bytes), nil
}

// byteSize reads a size.
func byteSize(ctx *kong.DecodeContext, target reflect.Value) error {
	token, err := ctx.Scan.PopValue("size")
	if err != nil {
		return err
	}
	n, err := parseSize(token.String())
	if err != nil {
		return err
	}
	target.SetInt(int64(n))
	return nil
}

// String gives the size in the largest unit that leaves at most one decimal: "64 MiB", "1.5 GiB".
func (z size) String() string {
	names := []string{"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}
	v, i := float64(z), 0
	for v >= 1024 && i < len(names)-1 {
		v, i = v/1024, i+1
	}
	return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64) + " " + names[i]
}
