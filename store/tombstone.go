package store

// stripDue drops the values of records that have been dead for BareAfter (R3).
func (sh *shard) stripDue(now uint64, budget int) (worked int) {
	for ; worked < budget; worked++ {
		i := sh.lists[listDying].first
		if i == none || sh.at(i).since+BareAfter > now {
			break
		}
		e := sh.at(i)
		sh.detach(i)
		e.strip()
		e.flags |= bare
		sh.attach(i, e.since)
	}
	return worked
}

// purgeDue forgets tombstones past the horizon, and the oldest ones while the tombstone budget is exceeded and they
// are older than tombstoneMinAge (R13).
func (sh *shard) purgeDue(now uint64, budget int) (worked int) {
	var floor Version
	for ; worked < budget; worked++ {
		i := sh.lists[listDead].first
		if i == none {
			break
		}
		since, over := sh.at(i).since, sh.tombstoneBytes > sh.env.tombstones
		if since+sh.env.horizon > now && !(over && since+tombstoneMinAge <= now) {
			break
		}
		floor = maxVersion(floor, sh.purge(i, now))
	}
	sh.env.raiseFloor(floor)
	return worked
}

// purgeOldest forgets up to n tombstones whatever their age: for when nothing else is left to give back memory.
func (sh *shard) purgeOldest(now uint64, n int) (purged int) {
	var floor Version
	for ; purged < n; purged++ {
		i := sh.lists[listDead].first
		if i == none {
			if i = sh.lists[listDying].first; i == none {
				break
			}
		}
		floor = maxVersion(floor, sh.purge(i, now))
	}
	sh.env.raiseFloor(floor)
	return purged
}

// purge forgets a tombstone and returns what the floor must cover: the higher of V and E (R14).
func (sh *shard) purge(i uint32, now uint64) Version {
	e := sh.at(i)
	top := maxVersion(e.v, e.e)
	sh.forget(i, EpochOf(now))
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

// Floor returns the floor: the highest max(V, E) of a tombstone ever forgotten here, or taken over by RaiseFloor (R14).
// A record of an absent key at or below it is refused.
func (s *Store) Floor() Version { return *s.env.floor.Load() }

// RaiseFloor takes over a donor's floor, and raises every clock above it. The register only grows. The caller has made
// sure that v is not TooFarAhead.
func (s *Store) RaiseFloor(v Version) {
	s.env.raiseFloor(v)
	s.RaiseClock(v.Stamp)
}
