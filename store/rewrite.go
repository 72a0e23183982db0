package store

import "encoding/binary"

// plain are the flags of an entry that has no optional part and is not gone.
const plain = counted | padded

// rewrite is apply and put for what most writes are: another value of the same length for a live key, neither of them with
// an expiry of its own. Nothing moves, and no list or size changes. It returns false, having done nothing, for all else.
func (sh *shard) rewrite(e *entry, r *Record, now uint64) bool {
	if e.at == 0 || e.flags&^plain != 0 || e.ghost || e.wide || e.page != 0 ||
		r.Flags != 0 || r.ExpireAt != 0 || r.Expiry() != r.Version() || len(r.Value) != e.valueLen {
		return false
	}
	number, ok := sh.env.nodes.number(r.Node)
	if !ok {
		return false
	}
	sh.slide(now)
	old := e.counted()
	e.v, e.kind, e.content = r.Version(), r.Kind, r.Content
	e.e = e.v
	e.flags |= counted
	sh.count(e.hash, e.epoch(), e.fingerprint()-old)
	b := sh.mem[e.at:][:e.size]
	b[flagsAt] = e.flags
	b[kindAt] = e.kind
	binary.LittleEndian.PutUint16(b[numberAt:], number)
	binary.LittleEndian.PutUint64(b[stampAt:], e.v.Stamp)
	binary.LittleEndian.PutUint32(b[contentAt:], e.content)
	copy(b[e.body+e.keyLen:], r.Value)
	return true
}

// overwrite is write for what most writes are: text over text of the same length, whatever is there. r has key, value and content, and
// gets the rest. It returns false, having done nothing, for all else.
func (s *Store) overwrite(sh *shard, r *Record, hash, now uint64) bool {
	b, cell := sh.plain(r.Key, hash)
	body := headBytes + len(r.Key)
	if cell == nil || len(b) != body+len(r.Value) {
		return false
	}
	number, ok := sh.env.nodes.number(s.node.Load())
	if !ok {
		return false
	}
	hit(cell)
	le, v := binary.LittleEndian, s.version(sh, now)
	was := Version{le.Uint64(b[stampAt:]), sh.env.nodes.id(le.Uint16(b[numberAt:]))}
	sh.slide(now)
	sh.count(hash, v.epoch(), fingerprint(hash, r.Content, v, v, 0)-fingerprint(hash, le.Uint32(b[contentAt:]), was, was, 0))
	r.Stamp, r.Node, r.ExpireStamp, r.ExpireNode = v.Stamp, v.Node, v.Stamp, v.Node
	le.PutUint16(b[numberAt:], number)
	le.PutUint64(b[stampAt:], v.Stamp)
	le.PutUint32(b[contentAt:], r.Content)
	copy(b[body:], r.Value)
	sh.trim(sh.locOf(*cell), now)
	return true
}
