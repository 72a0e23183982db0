package store

import "math"

const maxNumberBytes = 20 // of an int64 in decimal, with its sign

// parseInt reads a decimal number as Redis takes it: an optional minus, no plus, space or leading zero.
func parseInt(b []byte) (int64, error) {
	digits := b
	negative := len(b) > 0 && b[0] == '-'
	if negative {
		digits = b[1:]
	}
	if len(digits) == 0 || len(b) > maxNumberBytes || digits[0] == '0' && len(b) > 1 {
		return 0, ErrNotInteger
	}
	n := uint64(0)
	for _, c := range digits {
		if c < '0' || c > '9' || n > math.MaxUint64/10-1 {
			return 0, ErrNotInteger
		}
		n = n*10 + uint64(c-'0')
	}
	switch {
	case negative && n <= math.MaxInt64+1:
		return -int64(n), nil
	case !negative && n <= math.MaxInt64:
		return int64(n), nil
	}
	return 0, ErrNotInteger
}

func add(n, delta int64) (int64, error) {
	if delta > 0 && n > math.MaxInt64-delta || delta < 0 && n < math.MinInt64-delta {
		return 0, ErrOverflow
	}
	return n + delta, nil
}
