package main

// The policies by themselves, over one queue for all keys: what a store that follows one of them can reach, and how much
// it loses by its shards and by what it keeps less exactly. Each returns how many asks from warm on it answers.

const (
	smallPart = 10 // the small queue of S3-FIFO is 1/10 of the entries
	mostFreq  = 3
	nobody    = ^uint32(0)
)

// lists are linked lists over keys, each key in at most one of them.
type lists struct{ newer, older []uint32 }

type queue struct {
	newest, oldest uint32
	count          int
}

func newLists(top uint32) lists { return lists{make([]uint32, top), make([]uint32, top)} }
func newQueue() queue           { return queue{newest: nobody, oldest: nobody} }

func (l lists) push(q *queue, key uint32) {
	l.newer[key], l.older[key] = nobody, q.newest
	if q.newest == nobody {
		q.oldest = key
	} else {
		l.newer[q.newest] = key
	}
	q.newest = key
	q.count++
}

func (l lists) remove(q *queue, key uint32) {
	newer, older := l.newer[key], l.older[key]
	if newer == nobody {
		q.newest = older
	} else {
		l.older[newer] = older
	}
	if older == nobody {
		q.oldest = newer
	} else {
		l.newer[older] = newer
	}
	q.count--
}

func (l lists) pop(q *queue) uint32 {
	key := q.oldest
	l.remove(q, key)
	return key
}

func topOf(asks []uint32) (top uint32) {
	for _, key := range asks {
		top = max(top, key+1)
	}
	return top
}

// sieve is SIEVE, after Zhang and others, "SIEVE is simpler than LRU" (2024): a hand goes from the oldest to the newest
// and forgets the first that was not hit since it last came by; nothing is moved.
func sieve(asks []uint32, entries, warm int) (hits int) {
	top := topOf(asks)
	l, q := newLists(top), newQueue()
	held, hit := make([]bool, top), make([]bool, top)
	hand := nobody
	for i, key := range asks {
		if held[key] {
			hit[key] = true
			if i >= warm {
				hits++
			}
			continue
		}
		if q.count >= entries {
			if hand == nobody {
				hand = q.oldest
			}
			for hit[hand] {
				hit[hand] = false
				if hand = l.newer[hand]; hand == nobody {
					hand = q.oldest
				}
			}
			out := hand
			hand = l.newer[out]
			l.remove(&q, out)
			held[out] = false
		}
		held[key], hit[key] = true, false
		l.push(&q, key)
	}
	return hits
}

// Where S3-FIFO has a key.
const (
	nowhere = iota
	inSmall
	inMain
	inGhost // forgotten, but the key is remembered
)

// s3fifo is S3-FIFO, after Yang and others, "FIFO queues are all you need for cache eviction" (2023).
type s3fifo struct {
	lists
	small, main, ghost queue
	place, freq        []uint8
	entries, smallMost int
}

func playS3FIFO(asks []uint32, entries, warm int) (hits int) {
	top := topOf(asks)
	c := &s3fifo{
		lists: newLists(top), small: newQueue(), main: newQueue(), ghost: newQueue(),
		place: make([]uint8, top), freq: make([]uint8, top), entries: entries, smallMost: max(1, entries/smallPart),
	}
	for i, key := range asks {
		switch c.place[key] {
		case inSmall, inMain:
			c.freq[key] = min(c.freq[key]+1, mostFreq)
			if i >= warm {
				hits++
			}
			continue
		case inGhost:
			c.remove(&c.ghost, key)
			c.makeRoom()
			c.put(&c.main, inMain, key)
		default:
			c.makeRoom()
			c.put(&c.small, inSmall, key)
		}
		c.freq[key] = 0
	}
	return hits
}

func (c *s3fifo) put(q *queue, place uint8, key uint32) {
	c.place[key] = place
	c.push(q, key)
}

func (c *s3fifo) makeRoom() {
	for c.small.count+c.main.count >= c.entries {
		if c.small.count >= c.smallMost || c.main.count == 0 {
			c.evictSmall()
		} else {
			c.evictMain()
		}
	}
}

// evictSmall moves the oldest on, to the main queue when it was hit more than once, or to the ghosts.
func (c *s3fifo) evictSmall() {
	key := c.pop(&c.small)
	if c.freq[key] > 1 {
		c.freq[key] = 0
		c.put(&c.main, inMain, key)
		return
	}
	c.put(&c.ghost, inGhost, key)
	if c.ghost.count > c.entries-c.smallMost {
		c.place[c.pop(&c.ghost)] = nowhere
	}
}

// evictMain gives the oldest another round for each hit, and forgets the first that has none left.
func (c *s3fifo) evictMain() {
	for {
		key := c.pop(&c.main)
		if c.freq[key] == 0 {
			c.place[key] = nowhere
			return
		}
		c.freq[key]--
		c.push(&c.main, key)
	}
}
