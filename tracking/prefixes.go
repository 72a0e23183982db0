package tracking

import (
	"slices"
	"sync"
	"sync/atomic"
)

// prefixes are those that clients have named. A key is looked up once for each length that a prefix has.
type prefixes struct {
	count atomic.Int64 // how many there are, each counted once

	mu      sync.RWMutex
	by      map[string]map[*Client]struct{}
	lengths []prefixLength // in ascending order
}

// prefixLength is a length, and how many prefixes have it.
type prefixLength struct{ bytes, count int }

func byBytes(l prefixLength, bytes int) int { return l.bytes - bytes }

func (x *prefixes) add(prefix string, c *Client) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.by[prefix] != nil {
		x.by[prefix][c] = struct{}{}
		return
	}
	x.by[prefix] = map[*Client]struct{}{c: {}}
	x.count.Add(1)
	at, there := slices.BinarySearchFunc(x.lengths, len(prefix), byBytes)
	if !there {
		x.lengths = slices.Insert(x.lengths, at, prefixLength{bytes: len(prefix)})
	}
	x.lengths[at].count++
}

func (x *prefixes) drop(prefix string, c *Client) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if delete(x.by[prefix], c); len(x.by[prefix]) > 0 {
		return
	}
	delete(x.by, prefix)
	x.count.Add(-1)
	at, _ := slices.BinarySearchFunc(x.lengths, len(prefix), byBytes)
	if x.lengths[at].count--; x.lengths[at].count == 0 {
		x.lengths = slices.Delete(x.lengths, at, at+1)
	}
}

// tell tells the clients that have named a prefix of a key that the key changed.
func (x *prefixes) tell(key []byte, by *Client) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	for _, l := range x.lengths {
		if l.bytes > len(key) {
			return
		}
		for c := range x.by[string(key[:l.bytes])] {
			c.push(key, by)
		}
	}
}
