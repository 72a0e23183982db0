package store

import (
	"fmt"
	"strings"
	"testing"
)

// growLarge puts a byte behind the value of "k", and tells of each time that the new value is made.
func growLarge(s *Store, during func(call int)) (Record, error) {
	key, calls := []byte("k"), 0
	return s.Change(nil, key, s.Hash(key), epoch0, false, func(length int) (int, error) { return length + 1, nil },
		func(value []byte, there bool) ([]byte, error) {
			calls++
			during(calls)
			return append(value, 'x'), nil
		})
}

// While a large value is put together others come to its shard; a small one, and one that others write each time, is made under the lock.
func TestALargeValueIsChangedWithoutTheLock(t *testing.T) {
	s := newStore(t, Options{Node: 1, MaxBytes: 64 << 20, Shards: 2})
	free := func() bool {
		ok := s.shardOf(s.Hash([]byte("k"))).mu.TryLock()
		if ok {
			s.shardOf(s.Hash([]byte("k"))).mu.Unlock()
		}
		return ok
	}
	write := func(n int) string {
		value := strings.Repeat(fmt.Sprint(n%10), 3<<20+n)
		set(t, s, epoch0, "k", value, SetOptions{ExpireAt: epoch0 + 1000})
		return value
	}
	for name, c := range map[string]struct{ size, others, calls int }{
		"small": {PinFrom / 2, 0, 0}, "large": {3 << 20, 0, 1}, "written once meanwhile": {3 << 20, 1, 2}, "written each time": {3 << 20, 100, changeTries},
	} {
		want, unlocked, last := strings.Repeat("v", c.size), 0, 0
		set(t, s, epoch0, "k", want, SetOptions{ExpireAt: epoch0 + 1000})
		r, err := growLarge(s, func(call int) {
			if last = call; free() {
				if unlocked++; call <= c.others {
					want = write(call)
				}
			}
		})
		if err != nil || string(r.Value) != want+"x" || unlocked != c.calls || r.ExpireAt != epoch0+1000 {
			t.Errorf("%s: %v, %d bytes of %d, made %d times without the lock of %d, until %d", name, err, len(r.Value), len(want)+1, unlocked, last, r.ExpireAt)
		}
		if v, _ := get(s, epoch0, "k"); v != want+"x" {
			t.Errorf("%s: %d bytes are there", name, len(v))
		}
		check(t, s)
	}
}

// A value that is evicted while its successor is put together loses nothing of that, nor its time to live; one that is deleted is gone.
func TestALargeValueThatGoesWhileItIsChanged(t *testing.T) {
	for _, evicted := range []bool{true, false} {
		s := newStore(t, Options{Node: 1, MaxBytes: 64 << 20, Shards: 1})
		value := strings.Repeat("v", 1<<20)
		set(t, s, epoch0, "k", value, SetOptions{ExpireAt: epoch0 + 1000})
		key, want, at := []byte("k"), value+"x", epoch0+1000
		if !evicted {
			want, at = "x", 0
		}
		r, err := growLarge(s, func(call int) {
			switch {
			case call > 1:
			case evicted:
				sh := &s.shards[0]
				sh.mu.Lock()
				var e entry
				sh.find(&e, key, s.Hash(key))
				sh.evictEntry(&e, epoch0)
				sh.mu.Unlock()
			default:
				s.Delete(key, s.Hash(key), epoch0, true)
			}
		})
		if v, _ := get(s, epoch0, "k"); err != nil || string(r.Value) != want || v != want || r.Ends() != at {
			t.Errorf("evicted %v: %v, %d and %d bytes, until %d", evicted, err, len(r.Value), len(v), r.Ends())
		}
		check(t, s)
	}
}

// None of the changes that goroutines make of one large value at one time is lost, however often they have to begin anew.
func TestLargeChangesAtOneTimeAreAllThere(t *testing.T) {
	s := newStore(t, Options{Node: 1, MaxBytes: 4 << 20, Shards: 1, heap: true})
	const start, each = PinFrom + 5000, 60
	set(t, s, epoch0, "n", string(make([]byte, start)), SetOptions{})
	value := changeAtOnce(t, s, each)
	if len(value) != start+4*each || len(s.env.drafts.open) != 0 || len(s.env.pins.chains) != 0 || len(s.env.large) != 0 {
		t.Errorf("%d bytes; %d drafts, %d pins and %d writes are left", len(value), len(s.env.drafts.open), len(s.env.pins.chains), len(s.env.large))
	}
	check(t, s)
}
