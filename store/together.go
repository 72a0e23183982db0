package store

// SetNew sets keys, each followed by its value, if none of them is there, and returns the updates to send, in their order; of a key that
// comes twice the last value is left. It holds the locks of all their shards meanwhile, which it takes in the order of FLUSHALL: the caller
// bounds how many keys there are, and their bytes. Nobody on this node sees some of them without the rest, who does not read them one by
// one.
//
// If the store is not certain that an absent key is absent it writes nothing and returns which, by its place among the keys, and ErrUnsure;
// of the first known keys the peers were asked (R17).
func (s *Store) SetNew(pairs [][]byte, now uint64, known int) (written []Record, existed bool, unsure int, err error) {
	hashes, records := make([]uint64, len(pairs)/2), make([]Record, len(pairs)/2)
	var in [MaxShards]bool
	for i := range hashes {
		key, value := pairs[2*i], pairs[2*i+1]
		if !s.Fits(key, value) {
			return nil, false, 0, s.misfit(len(key), len(value))
		}
		records[i] = Record{Key: key, Value: value, Kind: KindString, Content: Content(KindString, false, value)} // hashed before there is a lock
		hashes[i] = s.Hash(key)
		s.WarmKey(hashes[i], true)
		in[s.shardNumber(hashes[i])] = true
	}
	for i := range s.shards {
		if in[i] {
			s.shards[i].lock(now)
		}
	}
	existed, unsure, err = s.anyThere(pairs, hashes, now, known)
	if !existed && err == nil {
		written = records
		for i := range written {
			s.setNew(&written[i], hashes[i], now)
		}
	}
	for i := range s.shards {
		if in[i] {
			s.shards[i].mu.Unlock()
		}
	}
	if s.over() {
		s.reclaim(pairs[0], hashes[0], now)
	}
	return written, existed, unsure, err
}

// anyThere reports whether one of the keys of pairs is there, under the locks of all.
func (s *Store) anyThere(pairs [][]byte, hashes []uint64, now uint64, known int) (there bool, unsure int, err error) {
	for i, hash := range hashes {
		var e entry
		sh := s.shardOf(hash)
		switch {
		case sh.findLive(&e, pairs[2*i], hash, KindString, now) && e.readable(now):
			hit(e.cell)
			return true, 0, nil
		case i >= known && err == nil && !sh.certain(&e):
			unsure, err = i, ErrUnsure
		}
	}
	return false, unsure, err
}

// setNew stamps and writes a record of a SET under the lock of its shard.
func (s *Store) setNew(r *Record, hash, now uint64) {
	var e entry
	sh := s.shardOf(hash)
	sh.findLive(&e, r.Key, hash, KindString, now)
	v := s.version(sh, now)
	r.Stamp, r.Node, r.ExpireStamp, r.ExpireNode = v.Stamp, v.Node, v.Stamp, v.Node
	sh.apply(&e, r, true, true, now)
	sh.trim(e.at, now)
}
