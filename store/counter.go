package store

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
	"strconv"
)

// A counter (R27) is the number that it goes on from and contributions: what each start of a node has added since. Each is
// written by that node alone, so of two that are the same the later has all of the other. Behind the origin, little-endian:
//
//	24  8  number of the SET that it goes on from; 0 after a deletion, or where it is not known
//	32     contributions, by the stamp of their first increment, then by stream, ascending; each
//	       8 id of the stream
//	       8 stamp of the first increment on this entry at this node
//	       8 order: the stamp of the latest, or one more than before where the time has gone back
//	       8 their sum
//
// A step of the time back (R7) leaves contributions alone: what they hold are names and an order, no moments.
// The value is the sum of all, or the nearest that 64 bits hold.
const (
	counterHead  = originBytes + 8
	contribBytes = 32
)

// contrib is a contribution as it lies in a counter.
type contrib []byte

func (c contrib) stream() uint64 { return binary.LittleEndian.Uint64(c) }
func (c contrib) first() uint64  { return binary.LittleEndian.Uint64(c[8:]) }
func (c contrib) order() uint64  { return binary.LittleEndian.Uint64(c[16:]) }
func (c contrib) sum() int64     { return int64(binary.LittleEndian.Uint64(c[24:])) }

func (c contrib) set(order uint64, sum int64) {
	binary.LittleEndian.PutUint64(c[16:], order)
	binary.LittleEndian.PutUint64(c[24:], uint64(sum))
}

// before compares the keys of two contributions.
func (c contrib) before(o contrib) bool {
	return c.first() < o.first() || c.first() == o.first() && c.stream() < o.stream()
}

func contributions(value []byte) int { return (len(value) - counterHead) / contribBytes }

func contribAt(value []byte, i int) contrib {
	return value[counterHead+i*contribBytes:][:contribBytes:contribBytes]
}

// Increment adds delta to the decimal number under key, 0 when it is absent, and returns the new number. It keeps the time to live
// (R2). The value of r lies in the array of out, which is dst as append has grown it, and is valid until the caller writes to out. If
// the store is not certain that an absent key is absent it writes nothing and returns ErrUnsure, unless sure says that the peers were
// asked (R17).
func (s *Store) Increment(dst, key []byte, hash, now uint64, delta int64, sure bool) (out []byte, n int64, r Record, err error) {
	out, c, err := s.IncrementUntil(dst, key, hash, now, delta, sure, Until{})
	return out, c.N, c.Record, err
}

// Until is the end that an increment gives its counter.
type Until struct {
	At    uint64     // cluster ms; a time that is past ends it now; 0: none is given
	Cond  ExpireCond // on which it is given
	First bool       // and on which else: the number has become delta
}

// Counted is the outcome of an IncrementUntil.
type Counted struct {
	N      int64  // the new number
	Record Record // the update to send
	Ended  bool   // it was given its end
}

// IncrementUntil is Increment, and Expire of what it leaves, in one write: nobody sees the one without the other, and no eviction comes
// in between. Its record is valid as that of Increment is.
func (s *Store) IncrementUntil(dst, key []byte, hash, now uint64, delta int64, sure bool, u Until) (out []byte, c Counted, err error) {
	out, c.Record, err = s.contribute(dst, key, KindCounter, hash, now, sure, s.adding(&c.N, delta), func(old uint64) (uint64, bool) {
		c.Ended = u.At > 0 && (!u.First || c.N == delta) && u.Cond.met(old, u.At)
		return u.At, c.Ended
	})
	return out, c, err
}

// adding is the contribution of an increment by delta, of which n becomes the sum.
func (s *Store) adding(n *int64, delta int64) func(dst, value []byte, v Version, own bool) ([]byte, error) {
	return func(dst, value []byte, v Version, own bool) ([]byte, error) {
		sum, err := sumOf(value).plus(delta)
		if err != nil {
			return dst, err
		}
		*n = sum
		return s.addTo(dst, value, v.Stamp, delta, own), nil
	}
}

// addTo appends a counter with delta added to this node's contribution. Where that is not all here, or would overflow, the
// node opens another.
func (s *Store) addTo(dst, value []byte, stamp uint64, delta int64, own bool) []byte {
	start := len(dst)
	dst = append(dst, value...)
	value = dst[start:]
	for i := contributions(value) - 1; own && i >= 0; i-- {
		c := contribAt(value, i)
		if c.stream() != s.stream {
			continue
		}
		if sum, err := add(c.sum(), delta); err == nil {
			c.set(max(stamp, c.order()+1), sum)
			return dst
		}
		break
	}
	var c [contribBytes]byte
	binary.LittleEndian.PutUint64(c[:], s.stream)
	binary.LittleEndian.PutUint64(c[8:], stamp)
	contrib(c[:]).set(stamp, delta)
	at := start + counterHead + contribBytes*contributions(value)
	for at > start+counterHead && contrib(c[:]).before(contrib(dst[at-contribBytes:at])) {
		at -= contribBytes
	}
	dst = append(dst, c[:]...)
	copy(dst[at+contribBytes:], dst[at:])
	copy(dst[at:], c[:])
	return dst
}

// total is a sum of numbers of 64 bits in 128.
type total struct{ high, low uint64 }

// startOf returns the number that a counter goes on from.
func startOf(value []byte) int64 { return int64(binary.LittleEndian.Uint64(value[originBytes:])) }

func sumOf(value []byte) (t total) {
	t.add(startOf(value))
	for i := range contributions(value) {
		t.add(contribAt(value, i).sum())
	}
	return t
}

func (t *total) add(n int64) {
	var carry uint64
	t.low, carry = bits.Add64(t.low, uint64(n), 0)
	t.high, _ = bits.Add64(t.high, uint64(n>>63), carry)
}

// nearest returns the nearest number of 64 bits.
func (t total) nearest() int64 {
	switch high := int64(t.high); {
	case high == 0 && t.low <= math.MaxInt64, high == -1 && t.low > math.MaxInt64:
		return int64(t.low)
	case high < 0:
		return math.MinInt64
	}
	return math.MaxInt64
}

// plus returns the sum with delta. What leads out of 64 bits, or further out, is ErrOverflow.
func (t total) plus(delta int64) (int64, error) {
	t.add(delta)
	n := t.nearest()
	if out := uint64(n) != t.low || uint64(n>>63) != t.high; out && (delta > 0) == (n > 0) {
		return 0, ErrOverflow
	}
	return n, nil
}

func counterText(dst, value []byte) []byte { return strconv.AppendInt(dst, sumOf(value).nearest(), 10) }

// fullCounter reports whether a contribution was opened beyond maxContributions.
func fullCounter(old, value []byte) bool {
	return len(value) > len(old) && contributions(value) > maxContributions
}

func beginCounter(dst, text []byte) ([]byte, error) {
	n := int64(0)
	if text != nil {
		var err error
		if n, err = parseInt(text); err != nil {
			return dst, err
		}
	}
	return binary.LittleEndian.AppendUint64(dst, uint64(n)), nil
}

// joinCounters merges the contributions of two counters, of each the later. Those that are too many, the oldest, are left
// out: by their keys, which never change, so that it does not matter when.
func joinCounters(dst, a, b []byte) []byte {
	start := len(dst)
	number, other := startOf(a), startOf(b)
	if o, _ := readOrigin(b); o.form != originUnknown {
		if o, _ := readOrigin(a); o.form == originUnknown || other > number {
			number = other
		}
	}
	dst = binary.LittleEndian.AppendUint64(dst, uint64(number))
	i, j, n, m := 0, 0, contributions(a), contributions(b)
	for i < n || j < m {
		var c contrib
		switch {
		case j == m || i < n && contribAt(a, i).before(contribAt(b, j)):
			c = contribAt(a, i)
			i++
		case i == n || contribAt(b, j).before(contribAt(a, i)):
			c = contribAt(b, j)
			j++
		default:
			c = contribAt(a, i)
			if o := contribAt(b, j); o.order() > c.order() || o.order() == c.order() && o.sum() > c.sum() {
				c = o
			}
			i, j = i+1, j+1
		}
		dst = append(dst, c...)
	}
	if over := (len(dst)-start-8)/contribBytes - mostContributions; over > 0 {
		dst = slices.Delete(dst, start+8, start+8+over*contribBytes)
	}
	return dst
}

// validCounter checks the shape of a counter that came from another node, and that its contributions are in order.
func validCounter(value []byte) bool {
	n := contributions(value)
	if len(value) < counterHead || (len(value)-counterHead)%contribBytes != 0 || n == 0 || n > mostContributions {
		return false
	}
	if o, _ := readOrigin(value); o.form != originSet && startOf(value) != 0 {
		return false
	}
	for i := 1; i < n; i++ {
		if !contribAt(value, i-1).before(contribAt(value, i)) {
			return false
		}
	}
	return true
}
