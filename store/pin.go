package store

import (
	"sync"
	"sync/atomic"
)

// Pin lets a caller read a large value where it lies in the store, without a lock. The pages of a value are never written again, and
// pinned pages are not used for anything else, even if the entry is written anew, deleted or evicted meanwhile. GetOrPin begins a Pin,
// Unpin ends it. The zero value has not begun. A Pin is not for concurrent use, but one value may have any number of them.
type Pin struct {
	s     *Store
	chain uint32 // the first page of the entry
	size  int    // bytes of the value, or of the part of it that is read

	page uint32 // the page of the next byte
	at   int    // offset of that byte in the page
	left int    // bytes that Next has not returned
}

// pins are the chains of pages that are read without a lock, by their first pages.
type pins struct {
	mu     sync.Mutex
	chains map[uint32]pinned
	count  atomic.Int32 // of chains
	pages  int          // of all of them

	refused atomic.Uint64 // how many times a chain was not pinned because of the others: one that alone is too long does not count
}

type pinned struct {
	readers, pages int
	orphan         bool // no entry has it any more: the last reader gives it back
}

// take pins a chain, unless all pinned chains would then have more than most pages.
func (p *pins) take(chain uint32, pages, most int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	c, ok := p.chains[chain]
	if !ok {
		if p.pages+pages > most {
			if pages <= most {
				p.refused.Add(1)
			}
			return false
		}
		if p.chains == nil {
			p.chains = map[uint32]pinned{}
		}
		c.pages = pages
		p.pages += pages
		p.count.Add(1)
	}
	c.readers++
	p.chains[chain] = c
	return true
}

// drop takes one reader off a chain and reports whether the caller has to give the chain back: no reader and no entry has it any more.
func (p *pins) drop(chain uint32) (orphan bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.chains[chain]
	if c.readers--; c.readers > 0 {
		p.chains[chain] = c
		return false
	}
	delete(p.chains, chain)
	p.pages -= c.pages
	p.count.Add(-1)
	return c.orphan
}

// leave notes that the entry of a chain gives it up, and reports whether it is being read: then the last reader gives it back.
func (p *pins) leave(chain uint32) bool {
	if p.count.Load() == 0 { // take and leave of a chain are both called under its shard's lock
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	c, ok := p.chains[chain]
	if ok {
		c.orphan = true
		p.chains[chain] = c
	}
	return ok
}

// GetOrPin is Get, except that of a string with more than PinFrom bytes in pages it appends only what the entry itself has, and p pins
// the rest. If too much is pinned already, or p is nil, it is Get. The key should have been prefetched (WarmKey).
func (s *Store) GetOrPin(dst, key []byte, hash, now uint64, p *Pin) (out []byte, ok bool) {
	sh := s.shardOf(hash)
	sh.rlock(now)
	if b, cell := sh.plain(key, hash); cell != nil {
		dst = append(dst, b[headBytes+len(key):]...)
		hit(cell)
		sh.mu.RUnlock()
		return dst, true
	}
	var e entry
	if ok = sh.find(&e, key, hash) && e.readable(now); ok {
		dst = sh.readOrPin(dst, &e, 0, -1, p, s)
		hit(e.cell)
	}
	sh.mu.RUnlock()
	return dst, ok
}

// GetVersionOrPin is GetOrPin for a value of version v. ok is false, and there true, if the key has another version.
func (s *Store) GetVersionOrPin(dst, key []byte, hash, now uint64, v Version, p *Pin) (out []byte, there, ok bool) {
	sh := s.shardOf(hash)
	sh.rlock(now)
	var e entry
	if there = sh.find(&e, key, hash) && e.readable(now); there && e.meta().Version == v {
		dst, ok = sh.readOrPin(dst, &e, 0, -1, p, s), true
		hit(e.cell)
	}
	sh.mu.RUnlock()
	return dst, there, ok
}

// readOrPin appends a part of a value, as GetPart counts it, or pins what of it lies in pages.
func (sh *shard) readOrPin(dst []byte, e *entry, from, to int64, p *Pin, s *Store) []byte {
	if e.kind != KindString {
		start := len(dst)
		dst = sh.textOf(dst, e)
		first, end := part(len(dst)-start, from, to)
		return append(dst[:start], dst[start+first:start+end]...)
	}
	first, end := part(e.valueLen, from, to)
	if first, end = e.keyLen+first, e.keyLen+end; p != nil && end-first > PinFrom && sh.pin(p, s, e, first, end) {
		end = max(first, min(end, sh.inline(e)))
	}
	if first < end {
		dst = sh.read(dst, e, first, end)
	}
	return dst
}

// pin makes p what lies in pages of the bytes of key and value from first to end.
func (sh *shard) pin(p *Pin, s *Store, e *entry, first, end int) bool {
	most := sh.env.draftable / sh.env.memory.pages.cost
	if !sh.env.pins.take(e.page, sh.pageCount(e), int(most)) {
		return false
	}
	n := sh.inline(e)
	skip := max(0, first-n) // of what lies in pages before
	*p = Pin{s: s, chain: e.page, size: end - first, page: e.page, left: end - max(first, n)}
	for whole := sh.env.memory.pages.unit; skip >= whole; skip -= whole {
		p.page = sh.env.memory.pages.next[p.page]
	}
	p.at = skip
	return true
}

// PinsRefused counts the reads that had to copy a value because too much was pinned for others.
func (s *Store) PinsRefused() uint64 { return s.env.pins.refused.Load() }

// Begun reports whether p has pages to read, or has read them and was not unpinned.
func (p *Pin) Begun() bool { return p != nil && p.s != nil }

// Size returns the length in bytes of the whole value, or of the part of it that was asked for.
func (p *Pin) Size() int { return p.size }

// Left returns how many bytes Next has still to return.
func (p *Pin) Left() int { return p.left }

// Next appends to dst the next bytes of the value: up to most bytes, in as few pieces as they lie in and MaxPieces at most. The pieces
// alias the store and stay valid until Unpin.
func (p *Pin) Next(dst [][]byte, most int) [][]byte {
	pages := &p.s.env.memory.pages
	before := uint32(0)
	for most = min(most, p.left); most > 0 && len(dst) < MaxPieces; {
		if p.at == pages.unit {
			p.page, p.at = pages.next[p.page], 0
			continue
		}
		n := min(most, pages.unit-p.at)
		dst = pages.join(dst, before, p.page, p.at, n)
		before = p.page
		p.at += n
		p.left -= n
		most -= n
	}
	return dst
}

// Unpin ends the reading: what Next has returned is not valid any more.
func (p *Pin) Unpin() {
	if p.s == nil {
		return
	}
	if v := p.s.env; v.pins.drop(p.chain) {
		v.memory.pages.giveChain(p.chain)
	}
	*p = Pin{}
}
