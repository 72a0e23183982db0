package store

import "sync"

// Draft is a large value of known length on its way into the store. Its bytes are put, as they come, right into the pages that the
// entry will have; no reader sees them before SetDraft. It takes pages only as far as bytes have come, or are about to.
//
// The zero value is ready for Begin; after SetDraft or Drop it may begin again. It is not for concurrent use, but the
// store it belongs to is.
type Draft struct {
	s    *Store
	key  []byte
	hash uint64
	size int // bytes of the value
	have int // of them that have come

	head        []byte // what the entry itself will have of key and value: what is left of full pages
	filled      int    // bytes in it
	first, last uint32 // pages taken
	pages       int
	page        uint32 // the page that the next byte goes to
	at          int    // offset of that byte in the page

	content contentHash
}

// drafts are those that have begun.
type drafts struct {
	mu      sync.Mutex
	open    map[*Draft]struct{}
	claimed int64 // bytes of their keys and values, of which not all have come
}

// admit takes a draft of so many bytes of key and value in, if all drafts together then have no more than most.
func (s *drafts) admit(d *Draft, bytes, most int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.claimed+bytes > most {
		return false
	}
	if s.open == nil {
		s.open = map[*Draft]struct{}{}
	}
	s.open[d] = struct{}{}
	s.claimed += bytes
	return true
}

func (s *drafts) dismiss(d *Draft) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, d)
	s.claimed -= d.claim()
}

// draftable is how many bytes all drafts together may have, and all pins, in a store of that budget whose largest entry has limit bytes: one
// value of the largest size at least, unless that would be too much of either.
func draftable(budget int64, limit int) int64 {
	return min(max(budget/draftShare, MaxKeyBytes+MaxValueBytes), budget/draftMost, int64(limit)/8*heldEighths)
}

// Begin begins a value of size bytes for key, which is copied. It returns false if the value is too small for pages, larger than the
// store takes, or if drafts have too many bytes already. Then the caller has to put the value together itself, and call Set.
func (d *Draft) Begin(s *Store, key []byte, hash uint64, size int) bool {
	whole := s.env.memory.pages.unit
	if !s.fitting(len(key), size) || len(key)+size < whole {
		return false
	}
	if !s.env.drafts.admit(d, int64(len(key)+size), s.env.draftable) {
		return false
	}
	d.s, d.hash, d.size, d.have, d.filled = s, hash, size, 0, 0
	d.key = append(d.key[:0], key...)
	n := (len(key) + size) % whole
	if cap(d.head) < n {
		d.head = make([]byte, 0, whole)
	}
	d.head = d.head[:n]
	d.content.begin(KindString)
	for len(key) > 0 {
		n := copy(d.next(), key)
		d.pass(n)
		key = key[n:]
	}
	return true
}

// Begun reports whether d is between Begin and SetDraft or Drop.
func (d *Draft) Begun() bool { return d.s != nil }

// claim is how many bytes d counts among those of all drafts.
func (d *Draft) claim() int64 { return int64(len(d.key) + d.size) }

// Left returns how many bytes of the value have not come.
func (d *Draft) Left() int { return d.size - d.have }

// Have returns how many bytes of the value have come.
func (d *Draft) Have() int { return d.have }

// Held returns how many bytes d holds beside its pages: the key, what the entry itself will have, and what hashes the value.
func (d *Draft) Held() int {
	if !d.Begun() {
		return 0
	}
	return cap(d.key) + cap(d.head) + contentBlock
}

// Room appends to dst the places for the next bytes of the value: up to most bytes, in as few pieces as possible and MaxPieces at most.
// The caller fills them in order and calls Came with how many bytes it has put there.
func (d *Draft) Room(dst [][]byte, most int) [][]byte {
	page, at, filled := d.page, d.at, d.filled
	before := uint32(0)
	for most = min(most, d.Left()); most > 0 && len(dst) < MaxPieces; {
		inHead := d.filled < len(d.head)
		b := d.next()
		n := min(len(b), most)
		if inHead {
			dst = append(dst, b[:n])
		} else {
			dst = d.s.env.memory.pages.join(dst, before, d.page, d.at, n)
			before = d.page
		}
		d.pass(n)
		most -= n
	}
	d.page, d.at, d.filled = page, at, filled
	return dst
}

// Came notes that the next n bytes of the value were put where Room said.
func (d *Draft) Came(n int) {
	for n > 0 {
		n -= d.took(min(len(d.next()), n))
	}
}

// Write copies the next bytes of the value from the start of b, and returns how many: fewer than len(b) at the value's end.
func (d *Draft) Write(b []byte) (n int) {
	b = b[:min(len(b), d.Left())]
	for n < len(b) {
		n += d.took(copy(d.next(), b[n:]))
	}
	return n
}

// took notes that n bytes of the value, all of which next has room for, were put there, and returns n.
func (d *Draft) took(n int) int {
	d.have += n
	mem, at := d.head, d.filled
	if d.filled == len(d.head) {
		pages := &d.s.env.memory.pages
		mem, at = pages.mem, int(d.page)*pages.unit+d.at
	}
	d.content.add(mem, at, n)
	d.pass(n)
	return n
}

// Settle evicts to make up for the pages that d has taken, a bounded number at a time. The caller calls it each time that bytes have come.
// What is under its key is evicted like all else: both together may be more than the store has room for.
func (d *Draft) Settle(now uint64) { d.s.settleBudget(now) }

// Drop gives back what d has taken: the value will not be set.
func (d *Draft) Drop() {
	if d.s == nil {
		return
	}
	d.s.env.memory.pages.giveChain(d.first)
	d.end()
}

// end makes d ready for Begin. Its pages are somebody else's.
func (d *Draft) end() {
	d.s.env.drafts.dismiss(d)
	d.s, d.first, d.last, d.page, d.pages, d.at = nil, 0, 0, 0, 0, 0
}

// next is where the next byte goes, and as much room behind it as there is in a row.
func (d *Draft) next() []byte {
	if d.filled < len(d.head) {
		return d.head[d.filled:]
	}
	pages := &d.s.env.memory.pages
	if d.page == 0 || d.at == pages.unit {
		d.turnPage()
	}
	return pages.at(d.page)[d.at:]
}

// turnPage goes on to the next page, and takes it if Room has not.
func (d *Draft) turnPage() {
	pages := &d.s.env.memory.pages
	d.at = 0
	switch {
	case d.page == 0 && d.first != 0:
		d.page = d.first
		return
	case d.page != 0 && d.page != d.last:
		d.page = pages.next[d.page]
		return
	}
	page := pages.take()
	pages.next[page] = 0
	if d.last == 0 {
		d.first = page
	} else {
		pages.next[d.last] = page
	}
	d.last, d.page = page, page
	d.pages++
}

// pass goes on n bytes, which next has returned.
func (d *Draft) pass(n int) {
	if d.filled < len(d.head) {
		d.filled += n
		return
	}
	d.at += n
}

// SetDraft is Set with the whole value of d, under the key of Begin. The write gets its version now. If it is written d has ended;
// otherwise the value is still d's. The Record in res has no value.
func (s *Store) SetDraft(dst []byte, d *Draft, now uint64, o SetOptions) (out []byte, res SetResult) {
	if d.s != s || d.Left() > 0 {
		return dst, SetResult{Err: ErrTooLarge}
	}
	o.Kind = KindString
	out = s.write(&res, dst, d.key, nil, d, d.hash, now, o)
	return out, res
}

// adopt makes the pages of a draft those of an entry, and copies to body what the entry has itself. The draft is over.
func (sh *shard) adopt(e *entry, body []byte, d *Draft) {
	copy(body, d.head)
	e.page = d.first
	sh.pages += d.pages
	sh.logs[sh.logAt(e.at)].pages += d.pages
	sh.grown = true
	d.end()
}
