package main

import (
	"fmt"
	"math"

	"covey/bench/rivals/internal/cache"
	"covey/bench/rivals/internal/trace"
)

const (
	valueBytes = 64
	entryBytes = trace.KeyBytes + valueBytes

	leastBytes  = 1 << 10
	mostBytes   = 1 << 40
	fillTimes   = 4        // a cache is filled with so many times the keys it shall hold
	fillKeys    = 1 << 31  // where their numbers begin: none is of a trace
	near        = 0.003    // of the entries: near enough
	halvings    = 24       // at most
	mostStretch = 64 << 10 // bytes of a value
	usable      = 0.05     // a cache that is farther off than this is left out
)

// capacity is how a cache is set up to hold a number of entries.
type capacity struct {
	room  cache.Room
	value int // bytes of every value
	held  int // entries of those lengths that it holds in fact
	note  string
}

// fit finds the budget with which a cache holds so many entries with values of 64 bytes, by filling it and counting. One
// that cannot be made so small, or is set in large steps (bigcache: a MiB), gets longer values instead: what it keeps of
// a trace depends on how many entries it holds.
func fit(m cache.Maker, entries int) (capacity, error) {
	c := capacity{value: valueBytes, room: cache.Room{Entries: entries, Entry: entryBytes, Inline: true}}
	var err error
	try := func(bytes int64, value int) int {
		room := c.room
		room.Bytes = bytes
		held, note, e := holds(m, room, value, entries)
		if e != nil {
			held, err = 0, e // too small for it
		} else {
			c.note = note
		}
		return held
	}
	// 1. The smallest budget that holds all of them.
	least, most := int64(leastBytes), int64(leastBytes)
	for try(most, valueBytes) < entries {
		least, most = most, most*2
		if most > mostBytes {
			return c, fmt.Errorf("%s does not hold %d entries with any budget: %w", m.Name, entries, err)
		}
	}
	for range halvings {
		if most-least <= int64(math.Max(1, near*float64(most)/4)) {
			break
		}
		if middle := (least + most) / 2; try(middle, valueBytes) < entries {
			least = middle
		} else {
			most = middle
		}
	}
	c.room.Bytes = most
	// 2. The longest values with which it still does.
	c.held = try(most, c.value)
	if float64(c.held) > float64(entries)*(1+near) {
		short, long := c.value, mostStretch
		for long-short > 1 {
			if middle := (short + long) / 2; try(most, middle) < entries {
				long = middle
			} else {
				short = middle
			}
		}
		c.value = short
		c.held = try(most, c.value)
	}
	return c, nil
}

// off tells how far from the entries it should hold a cache is.
func (c capacity) off(entries int) float64 { return math.Abs(float64(c.held)/float64(entries) - 1) }

// holds fills a cache with more than it can hold, and counts what it holds.
func holds(m cache.Maker, room cache.Room, value, entries int) (held int, note string, err error) {
	c, err := m.Make(room)
	if err != nil {
		return 0, "", err
	}
	defer c.Close()
	key, bytes := make([]byte, trace.KeyBytes), make([]byte, value)
	for n := range fillTimes * entries {
		trace.PutKey(key, uint32(fillKeys+n))
		set(c, key, bytes)
	}
	for n := range fillTimes * entries {
		trace.PutKey(key, uint32(fillKeys+n))
		if bytes, ok := c.Get(bytes[:0], key); ok && len(bytes) == value {
			held++
		}
	}
	return held, c.Note, nil
}

// set waits until the cache has decided what to keep.
func set(c cache.Cache, key, value []byte) {
	c.Set(key, value)
	if c.Settle != nil {
		c.Settle()
	}
}
