package command

import (
	"errors"
	"math/big"

	"covey/codec"
)

// INCRBYFLOAT counts as Redis does on x86, in its long double: 64 bits of mantissa, exponents of 2 from -16445 to 16384, and 17 digits behind
// the point when it is written. So of the same numbers the sums are the same, to the last digit.
const (
	floatBits   = 64
	floatMost   = 16_384  // a number with a higher exponent of 2 is infinite
	floatLeast  = -16_445 // one with a lower is 0
	floatDigits = 17

	// Exponents of 10 beyond which a number is infinite, or 0: they are looked at first, for a power of 10 costs its length.
	floatLarge = 4_933
	floatSmall = -4_950
)

var (
	errNotFloat = errors.New("value is not a valid float")
	errInfinite = errors.New("increment would produce NaN or Infinity")
)

// incrbyfloat adds to a number that may have a fraction. The sum is a string, no counter whose increments add up.
func incrbyfloat(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	by, err := parseFloat(args[2])
	if err != nil {
		return codec.AppendError(out, "ERR "+err.Error()), Done
	}
	_, a, err := t.change(c, args[1], func(length int) (int, error) {
		if length > maxFloat {
			return 0, errNotFloat
		}
		return length, nil
	}, func(value []byte, there bool) ([]byte, error) { return addFloat(value, there, by) })
	switch {
	case a != admitted:
		return a.turnAway(out, errTryAgain)
	case err != nil:
		return appendRefusal(out, err), Done
	}
	return codec.AppendBulk(out, t.buf), Done
}

// addFloat writes the sum of by and the number in value, if there is one, over it.
func addFloat(value []byte, there bool, by *big.Float) ([]byte, error) {
	sum := new(big.Float).SetPrec(floatBits)
	if there {
		n, err := parseFloat(value)
		if err != nil {
			return value, err
		}
		sum = n
	}
	if sum.IsInf() || by.IsInf() {
		return value, errInfinite
	}
	if sum.Add(sum, by).MantExp(nil) > floatMost {
		return value, errInfinite
	}
	return appendFloat(value[:0], sum), nil
}

// appendFloat writes a number without zeros that mean nothing, and never -0.
func appendFloat(dst []byte, n *big.Float) []byte {
	start := len(dst)
	dst = n.Append(dst, 'f', floatDigits)
	for dst[len(dst)-1] == '0' {
		dst = dst[:len(dst)-1]
	}
	if dst[len(dst)-1] == '.' {
		dst = dst[:len(dst)-1]
	}
	if string(dst[start:]) == "-0" {
		dst = append(dst[:start], '0')
	}
	return dst
}

// parseFloat reads a decimal number, with a fraction and an exponent or without, or the word for infinity. What is too large, or too close to
// 0, for floating point is no number.
func parseFloat(b []byte) (*big.Float, error) {
	n := new(big.Float).SetPrec(floatBits)
	if len(b) > maxFloat {
		return n, errNotFloat
	}
	negative := len(b) > 0 && b[0] == '-'
	if negative || len(b) > 0 && b[0] == '+' {
		b = b[1:]
	}
	if is(b, "INF") || is(b, "INFINITY") {
		return n.SetInf(negative), nil
	}
	digits, exponent, ok := splitFloat(b)
	if !ok {
		return n, errNotFloat
	}
	if len(digits) > 0 && !setDecimal(n, digits, exponent) {
		return n, errNotFloat
	}
	if negative {
		n.Neg(n)
	}
	return n, nil
}

// splitFloat takes a number apart: its digits from the first that is not 0 on, and the exponent of 10 of the last.
func splitFloat(b []byte) (digits []byte, exponent int, ok bool) {
	i, point := 0, false
	for ; i < len(b) && (b[i] >= '0' && b[i] <= '9' || b[i] == '.' && !point); i++ {
		switch {
		case b[i] == '.':
			point = true
			continue
		case point:
			exponent--
		}
		ok = true
		if len(digits) > 0 || b[i] != '0' {
			digits = append(digits, b[i])
		}
	}
	b = b[i:]
	if !ok || len(b) == 0 {
		return digits, exponent, ok
	}
	if b[0]|0x20 != 'e' {
		return nil, 0, false
	}
	e, ok := exponentOf(b[1:])
	return digits, exponent + e, ok
}

// exponentOf reads an exponent of 10. One that is farther out than any that counts, whatever the digits, is that.
func exponentOf(b []byte) (n int, ok bool) {
	negative := len(b) > 0 && b[0] == '-'
	if negative || len(b) > 0 && b[0] == '+' {
		b = b[1:]
	}
	for _, d := range b {
		if d < '0' || d > '9' {
			return 0, false
		}
		n = min(n*10+int(d-'0'), 2*(maxFloat+floatLarge))
	}
	if negative {
		n = -n
	}
	return n, len(b) > 0
}

// setDecimal makes n the number of these digits, of which the first is not 0, at an exponent of 10: the nearest that there is.
func setDecimal(n *big.Float, digits []byte, exponent int) bool {
	if high := len(digits) + exponent; high > floatLarge || high < floatSmall {
		return false
	}
	whole, _ := new(big.Int).SetString(string(digits), 10)
	power := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(exponent, -exponent))), nil)
	if exponent >= 0 {
		n.SetInt(whole.Mul(whole, power))
	} else {
		n.Quo(new(big.Float).SetInt(whole), new(big.Float).SetInt(power))
	}
	e := n.MantExp(nil)
	return e <= floatMost && e >= floatLeast
}
