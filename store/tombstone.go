package store

// stripDue drops the values of records that have been dead for BareAfter (R3).
func (sh *shard) stripDue(now uint64, budget int) (worked int) {
	var e entry
	for ; worked < budget; worked++ {
		at := sh.lists[listDying]
		if at == 0 {
			break
		}
		sh.visit(at, &e)
		if sh.age(&e, now) < BareAfter {
			break
		}
		sh.detach(&e)
		sh.strip(&e)
		sh.attach(&e, now)
	}
	return worked
}

// strip drops the value of an entry: it becomes a tombstone.
func (sh *shard) strip(e *entry) {
	e.flags |= bare
	sh.put(e, false, sh.keyOf(e), nil)
}

// keyOf returns the key where it lies, good until the next change; that of a large entry in a copy.
func (sh *shard) keyOf(e *entry) []byte {
	if e.page != 0 {
		return sh.read(nil, e, 0, e.keyLen)
	}
	return sh.mem[int(e.at)+e.body:][:e.keyLen:e.keyLen]
}

// purgeDue forgets tombstones past the horizon. While their budget is exceeded it forgets the oldest, older than
// tombstoneMinAge, of those that every member was compared with since (R13): of the others somebody may hold what they
// ended, and something older than them that is nowhere else, which a floor above it would end too. Values make room for
// them, up to a bound.
func (sh *shard) purgeDue(now uint64, budget int) (worked int) {
	var floor Version
	var e entry
	for ; worked < budget && sh.oldest(logTombs, &e); worked++ {
		if sh.age(&e, now) < sh.env.horizon && !sh.crowded(&e, now) {
			break
		}
		floor = maxVersion(floor, sh.purge(&e, now))
	}
	sh.env.raiseFloor(floor)
	return worked
}

// crowded reports whether a tombstone is to go because there are too many.
func (sh *shard) crowded(e *entry, now uint64) bool {
	if sh.tombstoneBytes <= sh.env.tombstones || sh.age(e, now) < tombstoneMinAge {
		return false
	}
	early := sh.early(e)
	if early && sh.tombstoneBytes > sh.env.graves {
		sh.purgedEarly++
		return true
	}
	return !early
}

// early tells that some member was not compared with since a tombstone came to be.
func (sh *shard) early(e *entry) bool { return max(e.v.Stamp, e.e.Stamp) > sh.env.compared.Load() }

// SetCompared tells up to which stamp this store was compared with that of every member, at the least: those that are away
// count until they are forgotten. The caller says so again and again; it may go back.
func (s *Store) SetCompared(stamp uint64) { s.env.compared.Store(stamp) }

// purgeOldest forgets up to n tombstones whatever their age: for when nothing else is left in any shard to give back memory. Of one that is
// young, or that somebody may have missed, the floor knows nothing: it would end what is older, on its way here and nowhere else. Its leaf is partial
// instead, as where a ghost was forgotten.
func (sh *shard) purgeOldest(now uint64, n int) (purged int) {
	var floor Version
	var e entry
	for ; purged < n; purged++ {
		if !sh.oldest(logTombs, &e) {
			at := sh.lists[listDying]
			if at == 0 {
				break
			}
			sh.visit(at, &e)
		}
		early := sh.early(&e) || sh.age(&e, now) < tombstoneMinAge
		if top := sh.purge(&e, now); !early {
			floor = maxVersion(floor, top)
			continue
		}
		sh.forgotten++
		sh.env.forgets.Store(true)
		sh.setPartial(e.hash<<sh.bits, true)
	}
	sh.env.raiseFloor(floor)
	return purged
}

// oldest loads the first entry of a log.
func (sh *shard) oldest(n int, e *entry) bool {
	for s := sh.logs[n].first; s != 0; s = sh.about(s).next {
		if at, size := sh.nextIn(s, 0); size != 0 {
			sh.visit(at, e)
			return true
		}
	}
	return false
}

// purge forgets a tombstone and returns what the floor must cover, unless its leaf becomes partial: the higher of V and E (R14).
func (sh *shard) purge(e *entry, now uint64) Version {
	top := maxVersion(e.v, e.e)
	sh.buried = max(sh.buried, now-min(now, sh.age(e, now)))
	sh.forget(e, EpochOf(now))
	sh.purged++
	return top
}

// raiseFloor is lock-free, so that it can be called under a shard's lock: whoever finds a purged key absent must find
// the floor raised too.
func (v *env) raiseFloor(to Version) {
	for {
		old := v.floor.Load()
		if old.Compare(to) >= 0 {
			return
		}
		if raised := to; v.floor.CompareAndSwap(old, &raised) {
			return
		}
	}
}

// Floor returns the floor: the highest max(V, E) of a tombstone ever forgotten here, but of those of which the leaf became partial
// instead (purgeOldest), or taken over by RaiseFloor (R14).
// A record of an absent key at or below it is refused.
func (s *Store) Floor() Version { return *s.env.floor.Load() }

// RaiseFloor takes over a donor's floor, and raises every clock above it. The register only grows. The caller has made
// sure that v is not TooFarAhead.
func (s *Store) RaiseFloor(v Version) {
	s.env.raiseFloor(v)
	s.RaiseClock(v.Stamp)
}
