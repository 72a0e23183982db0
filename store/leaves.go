package store

import "math/bits"

// leaves keeps the fingerprints of a shard's leaves as sums keeps the shard's (R18): what each epoch added to each leaf. An
// epoch in which nothing changed has no table; the table of one that left the window is added to base and used again.
type leaves struct {
	bits   uint                // bits of what the shard's number left of a hash that name the leaf
	oldest uint64              // the epoch of the first table
	busy   uint64              // a bit for each table in use
	table  [epochsWindow]uint8 // number of the table plus one, by epoch mod epochsWindow; 0: none
	tables [][]uint64          // by number of the table and leaf
	base   []uint64            // by leaf, of all epochs before oldest

	room []uint64 // of the tables; empty: they are of the Go heap

	partial []uint64 // a bit for each leaf; nil: none is partial (R16)
}

// init takes mapped room for base and all tables, all zero; with none they come from the Go heap.
func (l *leaves) init(bits uint, base, room []uint64) {
	l.bits, l.base, l.room = bits, base, room
	if base == nil {
		l.base = make([]uint64, 1<<bits)
	}
}

// newTable makes the next table, of zeros.
func (l *leaves) newTable() []uint64 {
	from, to := len(l.tables)<<l.bits, (len(l.tables)+1)<<l.bits
	if to > len(l.room) {
		return make([]uint64, to-from)
	}
	return l.room[from:to:to]
}

// rest gives all tables back when nothing changed for as long as the window is.
func (l *leaves) rest() {
	if l.busy != 0 || len(l.tables) == 0 {
		return
	}
	clear(l.tables)
	if l.tables = l.tables[:0]; len(l.room) > 0 {
		releaseWords(l.room)
	}
}

const leafBytes = 8

// bytes counts a bit for each leaf besides, whether or not one is partial.
func (l *leaves) bytes() int64 {
	return int64(1+len(l.tables))*leafBytes<<l.bits + int64(l.partialWords())*8
}

func (l *leaves) partialWords() int { return max(1, 1<<l.bits/64) }

// newest is the epoch that local writes are stamped in, unless a clock was ahead.
func (l *leaves) newest() uint64 { return l.oldest + epochsKept - 1 }

func (l *leaves) isPartial(rest uint64) bool {
	n := l.leaf(rest)
	return l.partial != nil && l.partial[n/64]>>(n%64)&1 != 0
}

func (l *leaves) setPartial(rest uint64, partial bool) {
	if l.partial == nil {
		if !partial {
			return
		}
		l.partial = make([]uint64, l.partialWords())
	}
	n := l.leaf(rest)
	if l.partial[n/64] &^= 1 << (n % 64); partial {
		l.partial[n/64] |= 1 << (n % 64)
	}
}

// leaf returns the number of the leaf for a hash without the bits of the shard's number.
func (l *leaves) leaf(rest uint64) int { return int(rest >> (64 - l.bits)) }

// of returns the table of an epoch, nil if it has none.
func (l *leaves) of(epoch uint64) []uint64 {
	n := int(l.table[epoch%epochsWindow])
	if n == 0 {
		return nil
	}
	return l.tables[n-1]
}

// add is that of sums for one leaf. It tells whether that took a table.
func (l *leaves) add(rest, epoch, change uint64) (opened bool) {
	if epoch < l.oldest {
		l.base[l.leaf(rest)] += change
		return false
	}
	epoch = min(epoch, l.oldest+epochsWindow-1)
	t := l.of(epoch)
	if opened = t == nil; opened {
		t = l.open(epoch)
	}
	t[l.leaf(rest)] += change
	return opened
}

// open gives an epoch a table of zeros.
func (l *leaves) open(epoch uint64) []uint64 {
	n := bits.TrailingZeros64(^l.busy)
	if n == len(l.tables) {
		l.tables = append(l.tables, l.newTable())
	}
	l.busy |= 1 << n
	l.table[epoch%epochsWindow] = uint8(n + 1)
	return l.of(epoch)
}

// clear is that of sums for all leaves.
func (l *leaves) clear(epoch uint64) {
	epoch = min(epoch, l.oldest+epochsWindow-1)
	for e := max(epoch, l.oldest); e < l.oldest+epochsWindow; e++ {
		l.close(e)
	}
	if epoch < l.oldest {
		clear(l.base)
		return
	}
	t := l.open(epoch)
	l.at(t, 0, epoch-1)
	for i, v := range t {
		t[i] = -v
	}
}

// close takes the table of an epoch away from it.
func (l *leaves) close(epoch uint64) {
	if t := l.of(epoch); t != nil {
		clear(t)
		slot := &l.table[epoch%epochsWindow]
		l.busy &^= 1 << (*slot - 1)
		*slot = 0
	}
}

// reset makes all leaves empty, with a window that begins at an epoch. What is partial stays so.
func (l *leaves) reset(oldest uint64) {
	clear(l.base)
	for i := range l.tables {
		clear(l.tables[i])
	}
	l.oldest, l.table, l.busy = oldest, [epochsWindow]uint8{}, 0
}

// slide follows the window of sums.
func (l *leaves) slide(oldest uint64) {
	for n := 0; l.oldest < oldest && n < epochsWindow; n++ {
		if t := l.of(l.oldest); t != nil {
			for i, change := range t {
				l.base[i] += change
			}
			l.close(l.oldest)
		}
		l.oldest++
	}
	l.oldest = max(l.oldest, oldest)
}

// at adds the fingerprints of the leaves from one on, as of the end of an epoch of the window, to sum.
func (l *leaves) at(sum []uint64, from int, epoch uint64) {
	for i, v := range l.base[from : from+len(sum)] {
		sum[i] += v
	}
	for e := l.oldest; e <= epoch && e < l.oldest+epochsWindow; e++ {
		if t := l.of(e); t != nil {
			for i, v := range t[from : from+len(sum)] {
				sum[i] += v
			}
		}
	}
}
