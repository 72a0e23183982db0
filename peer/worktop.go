package peer

import (
	"slices"

	"covey/codec"
	"covey/store"
)

// worktop is where a run of records lies while it is made or merged, and what two nodes list of a part while it is compared. Links have none of their own: they borrow one for as long
// as a call takes, and what nobody borrows is the collector's.
type worktop struct {
	recs     []store.Record
	hashes   []uint64
	outcomes []store.Outcome
	messages int // how many of the records so far are messages, which are not among recs

	prints, theirs []store.Print // of this node, and of the other
}

// borrow returns an empty worktop.
func (n *Node) borrow() *worktop {
	if w, ok := n.worktops.Get().(*worktop); ok {
		return w
	}
	return &worktop{hashes: make([]uint64, mergeRun), outcomes: make([]store.Outcome, mergeRun)}
}

// repay gives a worktop back: nothing of it is looked at any more.
func (n *Node) repay(w *worktop) {
	clear(w.recs)
	w.recs, w.prints, w.theirs, w.messages = w.recs[:0], w.prints[:0], w.theirs[:0], 0
	n.worktops.Put(w)
}

// ofShard reads the records of a part of a shard, about limit bytes of them, for dst: their keys and values lie behind its
// end, so far on that the encoded records, one after the other, do not reach those of the next. So they move up in the one
// buffer that there is.
func (w *worktop) ofShard(n *Node, dst []byte, p codec.Pull, limit int, now uint64) (_ []byte, next uint64, done bool) {
	at := len(dst)
	for room := limit; ; room = len(w.recs) * store.RecordOverhead {
		w.recs, dst, next, done = n.store.Range(w.recs[:0], behind(dst[:at], room), int(p.Shard), p.Cursor, limit, now)
		if len(w.recs)*store.RecordOverhead <= room {
			return dst[:at], next, done
		}
	}
}

// byHash reads the records of a key hash in the same way.
func (w *worktop) byHash(n *Node, dst []byte, hash, now uint64) []byte {
	at := len(dst)
	for room := store.RecordOverhead; ; room = len(w.recs) * store.RecordOverhead {
		w.recs, dst = n.store.ByHash(w.recs[:0], behind(dst[:at], room), hash, now)
		if len(w.recs)*store.RecordOverhead <= room {
			return dst[:at]
		}
	}
}

// behind extends dst by n bytes of any content.
func behind(dst []byte, n int) []byte { return slices.Grow(dst, n)[:len(dst)+n] }

// decode reads the next records of a run that are to be merged, mergeRun at most, with the hashes of their keys, and returns the rest of it.
func (w *worktop) decode(run []byte, n *Node) (rest []byte, err error) {
	clear(w.recs)
	w.recs = w.recs[:0]
	for len(run) > 0 && len(w.recs) < mergeRun {
		i := len(w.recs)
		w.recs = append(w.recs, store.Record{})
		r := (*codec.Record)(&w.recs[i])
		used, err := codec.DecodeRecord(run, r)
		if err != nil {
			return nil, err
		}
		run = run[used:]
		if isMessage(r) {
			w.recs = w.recs[:i]
			w.messages++
			continue
		}
		if n.weak&WithoutContent != 0 {
			r.Content = 0
		}
		w.hashes[i] = n.store.Hash(r.Key)
	}
	return run, nil
}
