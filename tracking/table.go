package tracking

import (
	"sync"
	"sync/atomic"
)

// Table is what the clients of one node have read. All methods may be called from any goroutine.
type Table struct {
	most int64 // bytes that it may take

	clients atomic.Int64 // how many clients track
	keys    atomic.Int64
	items   atomic.Int64
	bytes   atomic.Int64 // of keys, prefixes and messages that wait
	unswept atomic.Int64 // how many shards may have keys of clients that have ended
	room    atomic.Uint32
	swept   atomic.Uint32

	shards   [shardCount]shard
	prefixes prefixes

	mu  sync.Mutex
	all map[*Client]struct{} // the clients that track
}

// shard is a part of the keys under one lock. No other lock is taken under it.
type shard struct {
	mu   sync.Mutex
	keys map[string]readers
}

// readers are the clients that have read a key: mostly one.
type readers struct {
	one  *Client
	more map[*Client]struct{} // the others; nil: there are none
}

// New makes a table that takes up to so many bytes.
func New(most int64) *Table {
	t := &Table{most: most, all: make(map[*Client]struct{})}
	for i := range t.shards {
		t.shards[i].keys = make(map[string]readers)
	}
	t.prefixes.by = make(map[string]map[*Client]struct{})
	return t
}

// Active reports whether any client tracks. Who writes while none does has nothing to tell.
func (t *Table) Active() bool { return t.clients.Load() > 0 }

// Counts is how much a table holds.
type Counts struct {
	Clients, Keys, Items, Prefixes int
	Bytes                          int64
}

func (t *Table) Counts() Counts {
	return Counts{
		Clients: int(t.clients.Load()), Keys: int(t.keys.Load()), Items: int(t.items.Load()), Prefixes: int(t.prefixes.count.Load()),
		Bytes: t.bytes.Load(),
	}
}

// Remember notes that a client is about to read a key. hash is any hash of the key, always the same.
func (t *Table) Remember(c *Client, key []byte, hash uint64) {
	s := &t.shards[hash%shardCount]
	s.mu.Lock()
	r, there := s.keys[string(key)]
	switch {
	case !there:
		s.keys[string(key)] = readers{one: c}
		t.keys.Add(1)
		t.items.Add(1)
		t.bytes.Add(keyCost + int64(len(key)))
	case r.one == c:
	case r.more == nil:
		s.keys[string(key)] = readers{r.one, map[*Client]struct{}{c: {}}}
		t.items.Add(1)
		t.bytes.Add(setCost + itemCost)
	default:
		if _, there := r.more[c]; !there {
			r.more[c] = struct{}{}
			t.items.Add(1)
			t.bytes.Add(itemCost)
		}
	}
	s.mu.Unlock()
	if t.full() {
		t.makeRoom()
	}
}

func (t *Table) full() bool { return t.items.Load() > maxItems || t.bytes.Load() > t.most }

// makeRoom forgets keys, whichever they are, and tells their clients that they changed.
func (t *Table) makeRoom() {
	for range shardCount {
		s := &t.shards[t.room.Add(1)%shardCount]
		s.mu.Lock()
		for key, r := range s.keys {
			t.take(s, key, r)
			s.mu.Unlock()
			r.tell([]byte(key), nil)
			s.mu.Lock()
			break
		}
		s.mu.Unlock()
		if !t.full() {
			return
		}
	}
}

// take takes a key out of a shard, which is locked.
func (t *Table) take(s *shard, key string, r readers) {
	delete(s.keys, key)
	t.uncount(key, r)
}

func (t *Table) uncount(key string, r readers) {
	items, bytes := int64(1), keyCost+int64(len(key))
	if r.more != nil {
		items += int64(len(r.more))
		bytes += setCost + itemCost*int64(len(r.more))
	}
	t.keys.Add(-1)
	t.items.Add(-items)
	t.bytes.Add(-bytes)
}

// tell tells the clients that a key changed; by is who changed it, and has asked not to be told, or nil.
func (r readers) tell(key []byte, by *Client) {
	r.one.push(key, by)
	for c := range r.more {
		c.push(key, by)
	}
}

// has reports whether a client is among them.
func (r readers) has(c *Client) bool {
	_, there := r.more[c]
	return there || r.one == c
}

// Changed tells the clients that have read a key, or have named a prefix of it, that it changed. by is the client that changed it; nil:
// none of this node's that tracks. A client that is not to be told of its own changes (Options.NoLoop) stays remembered: it may have
// kept what it wrote.
func (t *Table) Changed(key []byte, hash uint64, by *Client) {
	s := &t.shards[hash%shardCount]
	s.mu.Lock()
	r, there := s.keys[string(key)]
	stays := there && by != nil && by.options.NoLoop && r.has(by)
	if there {
		t.take(s, string(key), r)
	}
	if stays {
		s.keys[string(key)] = readers{one: by}
		t.keys.Add(1)
		t.items.Add(1)
		t.bytes.Add(keyCost + int64(len(key)))
	}
	s.mu.Unlock()
	if there {
		r.tell(key, by)
	}
	if t.prefixes.count.Load() > 0 {
		t.prefixes.tell(key, by)
	}
}

// ChangedAll tells all clients to forget all that they have: after a FLUSHALL, or where it is not known what changed.
func (t *Table) ChangedAll() {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		for key, r := range s.keys {
			t.uncount(key, r)
		}
		if len(s.keys) > 0 {
			s.keys = make(map[string]readers)
		}
		s.mu.Unlock()
	}
	t.mu.Lock()
	all := make([]*Client, 0, len(t.all))
	for c := range t.all {
		all = append(all, c)
	}
	t.mu.Unlock()
	for _, c := range all {
		c.pushAll()
	}
}

// Sweep forgets, a few shards at each call, what clients have read that have ended. To look through all keys at the end of each would take
// long where there are many.
func (t *Table) Sweep() {
	for range sweepShards {
		if t.unswept.Load() <= 0 {
			return
		}
		t.unswept.Add(-1)
		s := &t.shards[t.swept.Add(1)%shardCount]
		s.mu.Lock()
		for key, r := range s.keys {
			t.sweepKey(s, key, r)
		}
		s.mu.Unlock()
	}
}

// sweepKey forgets the clients of a key that have ended.
func (t *Table) sweepKey(s *shard, key string, r readers) {
	for c := range r.more {
		if c.ended.Load() {
			delete(r.more, c)
			t.items.Add(-1)
			t.bytes.Add(-itemCost)
		}
	}
	if !r.one.ended.Load() {
		return
	}
	for c := range r.more { // one of the others takes its place
		delete(r.more, c)
		t.items.Add(-1)
		t.bytes.Add(-itemCost)
		r.one = c
		s.keys[key] = r
		return
	}
	t.take(s, key, r)
}
