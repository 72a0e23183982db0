package store

import (
	"bytes"
	"slices"
)

// Key and value of an entry are one string of bytes. The first of them lie in the entry, the rest, of a large one, in a
// chain of pages, each of them full. So a large value costs no more than its bytes, and needs no room in a row.

// read appends bytes from to to of an entry's key and value to dst.
func (sh *shard) read(dst []byte, e *entry, from, to int) []byte {
	b := sh.mem[e.at:]
	if e.page == 0 {
		return append(dst, b[e.body+from:e.body+to]...)
	}
	n := sh.inline(e)
	dst = slices.Grow(dst, to-from) // once, not with every few pages
	if from < n {
		dst = append(dst, b[e.body+from:e.body+min(to, n)]...)
	}
	pages := &sh.env.memory.pages
	for page := e.page; n < to; {
		b := pages.at(page)
		rest := b
		if skip := from - n; skip < len(rest) {
			dst = append(dst, rest[max(skip, 0):min(to-n, len(rest))]...)
		}
		n += len(rest)
		page = pages.next[page]
	}
	return dst
}

// hasKey reports whether the key of an entry is key.
func (sh *shard) hasKey(e *entry, key []byte) bool {
	return len(key) == e.keyLen && sh.hasBytes(e, 0, key)
}

// hasBytes reports whether key and value of an entry, from a byte on, begin with want. They are at least as long.
func (sh *shard) hasBytes(e *entry, from int, want []byte) bool {
	b := sh.mem[int(e.at)+e.body:]
	if e.page == 0 {
		return bytes.Equal(b[from:from+len(want)], want)
	}
	n := sh.inline(e)
	if from < n {
		k := min(n-from, len(want))
		if !bytes.Equal(b[from:from+k], want[:k]) {
			return false
		}
		want, from = want[k:], n
	}
	pages := &sh.env.memory.pages
	for page, skip := e.page, from-n; len(want) > 0; page = pages.next[page] {
		b := pages.at(page)
		if skip >= len(b) {
			skip -= len(b)
			continue
		}
		b = b[skip:]
		k := min(len(want), len(b))
		if !bytes.Equal(b[:k], want[:k]) {
			return false
		}
		want, skip = want[k:], 0
	}
	return true
}

// writeBody writes key and value: to body as much as is not whole pages, the rest to pages new to the entry. Those of a
// draft are there already.
func (sh *shard) writeBody(e *entry, body, key, value []byte) {
	if sh.draft != nil {
		sh.adopt(e, body, sh.draft)
		return
	}
	n := sh.inline(e)
	k := copy(body[:n], key)
	v := copy(body[k:n], value)
	key, value = key[k:], value[v:]
	e.page = 0
	if len(key)+len(value) == 0 {
		return
	}
	pages, log := &sh.env.memory.pages, &sh.logs[sh.logAt(e.at)]
	last := uint32(0)
	for len(key)+len(value) > 0 {
		page := pages.take()
		sh.pages++
		log.pages++
		sh.grown = true
		if last == 0 {
			e.page = page
		} else {
			pages.next[last] = page
		}
		last = page
		b := pages.at(page)
		k := copy(b, key)
		v := copy(b[k:], value)
		key, value = key[k:], value[v:]
	}
	pages.next[last] = 0
}

// freePages gives the pages of a large entry back. If they are pinned the last reader does.
func (sh *shard) freePages(e *entry) {
	n := sh.pageCount(e)
	if !sh.env.pins.leave(e.page) {
		sh.env.memory.pages.giveChain(e.page)
	}
	sh.pages -= n
	sh.logs[sh.logAt(e.at)].pages -= n
	e.page = 0
}

// takePages counts the pages of a large entry that went from one log to another.
func (sh *shard) takePages(e *entry, from, to uint8) {
	if e.page != 0 && from != to {
		n := sh.pageCount(e)
		sh.logs[from].pages -= n
		sh.logs[to].pages += n
	}
}

// pagesIn counts the pages of the large entries of a segment.
func (sh *shard) pagesIn(s uint32) (n int) {
	if sh.logs[sh.about(s).log].pages == 0 {
		return 0
	}
	var e entry
	for at, size := sh.nextIn(s, 0); size != 0; at, size = sh.nextIn(s, int(at-sh.start(s))+size) {
		if sh.load(at, &e); e.page != 0 {
			n += sh.pageCount(&e)
		}
	}
	return n
}
