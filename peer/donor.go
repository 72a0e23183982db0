package peer

import (
	"bytes"

	"covey/codec"
	"covey/store"
)

// ask is a Pull, or a Fetch of count keys, that waits for its answer: exactly one Records frame.
type ask struct {
	pull  codec.Pull
	count uint32 // of keys; 0: a Pull
	keys  []byte // a run of keys, its own copy
}

// ask queues a Pull or a Fetch. More than MaxAnswers at one time is a breach.
func (s *sender) ask(kind codec.Kind, body []byte) error {
	if len(s.asked) >= MaxAnswers {
		return ErrFlow
	}
	if kind == codec.KindPull {
		m, err := codec.DecodePull(body)
		if err != nil {
			return err
		}
		s.asked = append(s.asked, ask{pull: m})
		return nil
	}
	m, err := codec.DecodeFetch(body)
	if err != nil {
		return err
	}
	s.asked = append(s.asked, ask{pull: codec.Pull{ID: m.ID}, count: m.Count, keys: bytes.Clone(m.Keys)})
	return nil
}

// mayAnswer reports whether appendAnswers would append something.
func (s *sender) mayAnswer() bool { return len(s.asked) > 0 && s.window() > 0 }

// appendAnswers answers what was asked, in its order, until about answerSlice bytes are appended or the window is full.
func (s *sender) appendAnswers(dst []byte, n *Node, now int64) []byte {
	begun, done := len(dst), 0
	for done < len(s.asked) && s.window() > 0 && len(dst)-begun < answerSlice {
		start := len(dst)
		a := &s.asked[done]
		if a.count == 0 {
			dst = s.appendShard(dst, n, a.pull, n.clock.Cluster(now))
		} else {
			dst = s.appendFetched(dst, n, a, n.clock.Cluster(now))
		}
		s.sent += uint64(len(dst) - start)
		done++
	}
	rest := copy(s.asked, s.asked[done:])
	clear(s.asked[rest:])
	s.asked = s.asked[:rest]
	return dst
}

// appendShard answers a Pull. The donor keeps nothing between two of them.
func (s *sender) appendShard(dst []byte, n *Node, p codec.Pull, now uint64) []byte {
	start := len(dst)
	dst = codec.BeginRecords(dst)
	// Complete and the registers are read before the records: what they promise is then in the store.
	m := codec.Records{ID: p.ID, Shard: p.Shard, Step: n.steps.number.Load(), Complete: n.State() == codec.StateReady}
	m.Floor, m.Flush = codec.Version(n.store.Floor()), codec.Version(n.store.Flushed())
	limit := int(min(p.Limit, pullLimit))
	w := n.borrow()
	defer n.repay(w)
	dst, m.Next, m.Done = w.ofShard(n, dst, p, limit, now)
	for i := range w.recs {
		dst = codec.AppendRecord(dst, (*codec.Record)(&w.recs[i]))
	}
	m.Count = uint32(len(w.recs))
	if m.Done {
		m.Next = 0
	}
	return codec.FinishRecords(dst, start, m)
}

// appendFetched answers a Fetch: Done when every key that is here fitted the frame.
func (s *sender) appendFetched(dst []byte, n *Node, a *ask, now uint64) []byte {
	start := len(dst)
	dst = codec.BeginRecords(dst)
	m := codec.Records{ID: a.pull.ID, Step: n.steps.number.Load(), Done: true}
	m.Floor, m.Flush = codec.Version(n.store.Floor()), codec.Version(n.store.Flushed())
	for rest := a.keys; len(rest) > 0; {
		key, used, err := codec.DecodeKey(rest)
		if err != nil {
			break // cannot be: DecodeFetch has read them all
		}
		rest = rest[used:]
		at := len(dst)
		rec, out, ok := n.store.Lookup(behind(dst, store.RecordOverhead), key, n.store.Hash(key), now)
		if !ok {
			continue
		}
		s.record = codec.Record(rec)
		dst = out[:at]
		if at-start+codec.RecordLen(&s.record) > codec.MaxFrame {
			m.Done = false
			break
		}
		dst = codec.AppendRecord(dst, &s.record)
		m.Count++
	}
	return codec.FinishRecords(dst, start, m)
}
