package main

// never is when a key that is not asked for again is.
const never = 1<<32 - 1

// optimal returns how many asks from warm on a cache of so many entries answers at best: on a miss it forgets the key
// whose next ask is farthest away, which may be the one just asked for. After Belady, "A study of replacement algorithms
// for a virtual-storage computer" (1966).
func optimal(asks []uint32, entries, warm int) (hits int) {
	next, top := nextAsks(asks)
	due := make([]uint32, top) // of a key that is held: its next ask; 0 when it is not held
	var far farthest
	held := 0
	for i, key := range asks {
		hit := due[key] != 0
		switch {
		case hit:
			if i >= warm {
				hits++
			}
		case held < entries:
			held++
		default:
			// The farthest is held: what is stale in the heap lies in the past.
			worst := far.max()
			if worst.due <= next[i] {
				continue
			}
			far.pop()
			due[worst.key] = 0
		}
		due[key] = next[i]
		far.push(ask{next[i], key})
	}
	return hits
}

// nextAsks returns for each ask when its key is asked for again, and one more than the highest key.
func nextAsks(asks []uint32) (next []uint32, top uint32) {
	top = topOf(asks)
	next = make([]uint32, len(asks))
	later := make([]uint32, top) // 0: not seen; the first ask is nobody's next
	for i := len(asks) - 1; i >= 0; i-- {
		next[i] = later[asks[i]]
		if next[i] == 0 {
			next[i] = never
		}
		later[asks[i]] = uint32(i)
	}
	return next, top
}

type ask struct{ due, key uint32 }

// farthest is a heap with the latest ask on top.
type farthest []ask

func (f farthest) max() ask { return f[0] }

func (f *farthest) push(a ask) {
	*f = append(*f, a)
	h, i := *f, len(*f)-1
	for i > 0 {
		above := (i - 1) / 2
		if h[above].due >= a.due {
			break
		}
		h[i] = h[above]
		i = above
	}
	h[i] = a
}

func (f *farthest) pop() {
	last := len(*f) - 1
	a := (*f)[last]
	*f = (*f)[:last]
	h, i := *f, 0
	for {
		child := 2*i + 1
		if child >= last {
			break
		}
		if child+1 < last && h[child+1].due > h[child].due {
			child++
		}
		if h[child].due <= a.due {
			break
		}
		h[i] = h[child]
		i = child
	}
	if last > 0 {
		h[i] = a
	}
}
