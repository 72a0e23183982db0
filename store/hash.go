package store

import "github.com/zeebo/xxh3"

// Content is the content hash that breaks a tie of two equal versions (R1): the low 32 bits of xxh3 over the value, seeded by kind and
// deletion. A value longer than contentBlock is hashed in blocks of that length, the last one shorter, each seeded with the hash of the
// one before.
func Content(kind uint8, deleted bool, value []byte) uint32 {
	sum := contentSeed(kind, deleted)
	for len(value) > contentBlock {
		sum = xxh3.HashSeed(value[:contentBlock], sum)
		value = value[contentBlock:]
	}
	return uint32(xxh3.HashSeed(value, sum))
}

func contentSeed(kind uint8, deleted bool) uint64 {
	seed := uint64(kind^KindString) << 1 // none for strings: with a seed the library makes its secret anew for each value over 240 bytes
	if deleted {
		seed |= 1
	}
	return seed
}

// contentHash is Content of a value that comes in pieces and stays where it is put. A block that lies in a row is hashed where it lies, when
// it is complete: the streams of the library copy all that goes through them, which takes twice as long as the hash.
type contentHash struct {
	sum   uint64 // of the blocks that are complete
	mem   []byte // what from is an offset in
	from  int    // where the open block begins, if its bytes lie in a row
	block int    // bytes of the open block
	apart []byte // not empty: the bytes of the open block, which do not lie in a row
}

func (h *contentHash) begin(kind uint8) {
	h.sum, h.mem, h.block, h.apart = contentSeed(kind, false), nil, 0, h.apart[:0]
}

// add takes in the next n bytes of the value, which are in mem from at on. Those of the open block stay as they are until the next
// add or end.
func (h *contentHash) add(mem []byte, at, n int) {
	for n > 0 {
		if h.block == contentBlock { // it was not the last one
			h.sum = h.hashed()
			h.block, h.apart = 0, h.apart[:0]
		}
		k := min(n, contentBlock-h.block)
		switch {
		case h.block == 0:
			h.mem, h.from = mem, at
		case len(h.apart) > 0:
			h.apart = append(h.apart, mem[at:at+k]...)
		case &mem[0] != &h.mem[0] || h.from+h.block != at:
			if cap(h.apart) < contentBlock {
				h.apart = make([]byte, 0, contentBlock)
			}
			h.apart = append(append(h.apart, h.mem[h.from:h.from+h.block]...), mem[at:at+k]...)
		}
		h.block += k
		at += k
		n -= k
	}
}

// hashed is the hash of all up to the end of the open block.
func (h *contentHash) hashed() uint64 {
	b := h.apart
	if len(b) == 0 && h.block > 0 {
		b = h.mem[h.from : h.from+h.block]
	}
	return xxh3.HashSeed(b, h.sum)
}

// end returns the content hash of all that was added.
func (h *contentHash) end() uint32 { return uint32(h.hashed()) }
