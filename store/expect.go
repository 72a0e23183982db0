package store

// Expect says that a whole shard of the digest will come, of which n records with that many bytes of keys and values lie between the
// hashes from and to. The index makes room at once for as many entries as that makes in the whole shard. It is a hint: room is made for
// no more entries of that size than the budget of a shard holds.
func (s *Store) Expect(from, to uint64, n, bytes int) {
	sh := s.shardOf(from)
	if n < expectFrom || to <= from || to>>s.shift != from>>s.shift || bytes < 0 {
		return
	}
	each := uint64(bytes/n + headBytes + cellBytes)
	total := min(float64(n)/float64(to-from)*float64(uint64(1)<<(s.shift-1))*2, float64(uint64(sh.env.share)/each))
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.index.expect(sh.env.memory, uint64(total)) {
		sh.publish()
		sh.hold()
	}
}
