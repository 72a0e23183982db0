package store

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
)

// model is what a store should be, in the plainest way: a map, and time. What each call returns to be sent goes to a second
// store, which must come to hold the same.
type model struct {
	t     testing.TB
	s     *Store
	other *Store
	hash  func(key string) uint64
	now   uint64
	keys  map[string]modelEntry
	stamp map[string]uint64 // highest stamp a key ever had
	flush uint64
}

type modelEntry struct {
	value string
	at    uint64
}

func newModel(t testing.TB, o Options, collisions bool) *model {
	if collisions {
		o.blind = ^uint64(0xc000000000000003) // few shards, equal tags, and whole hashes that are equal
	}
	m := &model{t: t, s: newStore(t, o), other: newStore(t, Options{Node: 2, Shards: 2, MaxBytes: 1 << 20, Seed: o.Seed, blind: o.blind}), now: epoch0, keys: map[string]modelEntry{}, stamp: map[string]uint64{}}
	m.hash = func(key string) uint64 { return m.s.Hash([]byte(key)) }
	return m
}

func (m *model) live(key string) (modelEntry, bool) {
	e, ok := m.keys[key]
	return e, ok && (e.at == 0 || e.at > m.now)
}

// wrote checks what every update has in common: it is stamped above all that the key had.
func (m *model) wrote(key string, r Record, stamp uint64) {
	m.t.Helper()
	if string(r.Key) != key || stamp <= m.stamp[key] || stamp <= m.flush || stamp < m.now<<16 {
		m.t.Fatalf("%q stamped %x after %x: %+v", key, stamp, m.stamp[key], r)
	}
	m.stamp[key] = stamp
	if o := m.other.Merge(&r, m.hash(key), m.now); o != Applied {
		m.t.Fatalf("the update of %q is %v where all before it were taken: %+v", key, o, r)
	}
}

func (m *model) get(key string) {
	m.t.Helper()
	want, ok := m.live(key)
	v, meta, got := m.s.Get([]byte("prefix "), []byte(key), m.hash(key), m.now)
	if got != ok || ok && (string(v) != "prefix "+want.value || meta.ExpireAt != want.at || meta.Version.Stamp != max(meta.Version.Stamp, 1)) {
		m.t.Fatalf("get %q at %d: %q %+v %v, want %+v %v", key, m.now, v, meta, got, want, ok)
	}
}

// look asks for all but the value.
func (m *model) look(key string) {
	m.t.Helper()
	want, ok := m.live(key)
	k, h := []byte(key), m.hash(key)
	meta, size, got := m.s.Meta(k, h, m.now)
	if got != ok || ok && (size != len(want.value) || meta.ExpireAt != want.at || TypeName(meta.Kind) != "string") || ok && !m.s.Certain(k, h, m.now) {
		m.t.Fatalf("meta of %q at %d: %+v %d %v, want %+v %v", key, m.now, meta, size, got, want, ok)
	}
	r, _, there := m.s.Lookup(nil, k, h, m.now)
	value := r.Value
	if text := kinds[r.Kind].text; ok && text != nil {
		value = text(nil, value)
	}
	if ok && (!there || string(value) != want.value || r.Content != Content(r.Kind, false, r.Value) || string(r.Key) != key) {
		m.t.Fatalf("lookup of %q at %d: %+v %v, want %+v", key, m.now, r, there, want)
	}
	if again := (SetOptions{NX: true}); ok {
		m.set(key, "never", again)
	}
	if there {
		if o := m.s.Merge(&r, h, m.now); o != Same {
			m.t.Fatalf("%q merged with itself: %v", key, o)
		}
	}
}

// list compares the prints of the keys that a prefix names.
func (m *model) list(prefix uint64, bits uint) {
	m.t.Helper()
	prefix = prefix >> (64 - bits) << (64 - bits)
	prints, ok := m.s.List(nil, prefix, bits, 1000, m.now)
	want, got := 0, 0
	for key := range m.keys {
		if _, live := m.live(key); live && m.hash(key)>>(64-bits) == prefix>>(64-bits) {
			want++
		}
	}
	for i, p := range prints {
		if i > 0 && p.Hash < prints[i-1].Hash {
			m.t.Fatal("a listing that does not ascend")
		}
		if !p.Gone {
			got++
		}
	}
	if !ok || got != want {
		m.t.Fatalf("a listing of %x, %d bits, has %d live keys of %d", prefix, bits, got, want)
	}
}

// receive merges a record of a third node, as new as now, and everything older than it afterwards.
func (m *model) receive(key, value string, at uint64, deleted bool) {
	m.t.Helper()
	r := Record{Key: []byte(key), Value: []byte(value), Kind: KindString, Stamp: max(m.now<<16, m.stamp[key]+1, m.flush+1), Node: 3, ExpireAt: at}
	m.keys[key] = modelEntry{value, at}
	if deleted {
		r.Flags, r.Value, r.ExpireAt = Deleted, nil, 0
		delete(m.keys, key)
	}
	r.ExpireStamp, r.ExpireNode, r.Content = r.Stamp, 3, Content(KindString, deleted, r.Value)
	if o := m.s.Merge(&r, m.hash(key), m.now); o != Applied {
		m.t.Fatalf("merge of %+v: %v", r, o)
	}
	m.wrote(key, r, r.Stamp)
	older := r
	older.Stamp--
	older.ExpireStamp--
	if o := m.s.Merge(&older, m.hash(key), m.now); o != Older && o != Flushed {
		m.t.Fatalf("merge of what is older: %v", o)
	}
}

func (m *model) take(key string) {
	m.t.Helper()
	want, ok := m.live(key)
	out, r, existed, written, err := m.s.Take(nil, []byte(key), m.hash(key), m.now, false)
	if existed != ok || written != ok || err != nil || ok && string(out) != want.value {
		m.t.Fatalf("take %q at %d: %q %v %v, want %+v %v", key, m.now, out, existed, written, want, ok)
	}
	if ok {
		m.wrote(key, r, r.Stamp)
		delete(m.keys, key)
	}
}

func (m *model) set(key, value string, o SetOptions) {
	m.t.Helper()
	old, existed := m.live(key)
	written := !(o.NX && existed || o.XX && !existed || o.If != nil && (existed && old.value == string(o.If.Value)) == o.If.Differs)
	out, r := m.s.Set(nil, []byte(key), []byte(value), m.hash(key), m.now, o)
	if r.Existed != existed || r.Written != written || r.Err != nil {
		m.t.Fatalf("set %q %+v at %d: %+v, want existed %v written %v", key, o, m.now, r, existed, written)
	}
	if o.Get && existed && string(out) != old.value || (!o.Get || !existed) && len(out) != 0 {
		m.t.Fatalf("set %q: old value %q, want %+v", key, out, old)
	}
	if !written {
		return
	}
	e := modelEntry{value, o.ExpireAt}
	if o.KeepTTL && existed {
		e.at = old.at
	}
	m.keys[key] = e
	m.wrote(key, r.Record, r.Record.Stamp)
}

func (m *model) delete(key string, blind bool) {
	m.t.Helper()
	_, existed := m.live(key)
	r, e, written := m.s.Delete([]byte(key), m.hash(key), m.now, blind)
	if e != existed || written != (existed || blind) {
		m.t.Fatalf("delete %q: %v %v, want %v", key, e, written, existed)
	}
	if written {
		m.wrote(key, r, r.Stamp)
	}
	delete(m.keys, key)
}

func (m *model) deleteIf(key string, c Condition) {
	m.t.Helper()
	e, existed := m.live(key)
	want := existed && (e.value == string(c.Value)) != c.Differs
	r, there, written, err := m.s.DeleteIf([]byte(key), m.hash(key), m.now, c)
	if there != existed || written != want || err != nil {
		m.t.Fatalf("delete %q (%+v) on %+v: %v %v %v, want %v %v", key, e, c, there, written, err, existed, want)
	}
	if written {
		m.wrote(key, r, r.Stamp)
		delete(m.keys, key)
	}
}

func (m *model) expire(key string, at uint64, cond ExpireCond) {
	m.t.Helper()
	e, ok := m.live(key)
	switch {
	case cond == ExpireNX:
		ok = ok && e.at == 0
	case cond == ExpireXX:
		ok = ok && e.at != 0
	case cond == ExpireGT:
		ok = ok && e.at != 0 && at > e.at
	case cond == ExpireLT:
		ok = ok && (e.at == 0 || at < e.at)
	}
	r, done := m.s.Expire([]byte(key), m.hash(key), m.now, at, cond)
	if done != ok {
		m.t.Fatalf("expire %q at %d to %d, cond %d: %v, want %v", key, m.now, at, cond, done, ok)
	}
	if ok {
		m.wrote(key, r, r.ExpireStamp)
		m.keys[key] = modelEntry{e.value, at}
	}
}

func (m *model) persist(key string) {
	m.t.Helper()
	e, ok := m.live(key)
	ok = ok && e.at != 0
	r, done := m.s.Persist([]byte(key), m.hash(key), m.now)
	if done != ok {
		m.t.Fatalf("persist %q: %v, want %v", key, done, ok)
	}
	if ok {
		m.wrote(key, r, r.ExpireStamp)
		m.keys[key] = modelEntry{e.value, 0}
	}
}

// number returns the number under a key, 0 where there is none.
func (m *model) number(key string) (e modelEntry, n int64, err error) {
	e, existed := m.live(key)
	if !existed {
		return modelEntry{}, 0, nil
	}
	n, err = strconv.ParseInt(e.value, 10, 64)
	if err == nil && strconv.FormatInt(n, 10) != e.value {
		err = ErrNotInteger
	}
	return e, n, err
}

func (m *model) increment(key string, delta int64) {
	m.t.Helper()
	e, n, err := m.number(key)
	_, got, r, gotErr := m.s.Increment(nil, []byte(key), m.hash(key), m.now, delta, false)
	m.incremented(key, e, Counted{got, r, false}, n+delta, err, gotErr)
}

func (m *model) incrementUntil(key string, delta int64, u Until) {
	m.t.Helper()
	e, n, err := m.number(key)
	ends := (!u.First || n == 0) && u.Cond.met(e.at, u.At)
	_, c, gotErr := m.s.IncrementUntil(nil, []byte(key), m.hash(key), m.now, delta, false, u)
	if err == nil && c.Ended != ends {
		m.t.Fatalf("increment %q (%+v) until %+v: %v", key, e, u, c.Ended)
	}
	if ends {
		e.at = u.At
	}
	m.incremented(key, e, c, n+delta, err, gotErr)
}

func (m *model) incremented(key string, e modelEntry, c Counted, n int64, err, gotErr error) {
	m.t.Helper()
	if (err != nil) != (gotErr != nil) {
		m.t.Fatalf("increment %q (%+v): %v, want %v", key, e, gotErr, err)
	}
	if err != nil {
		return
	}
	if c.N != n || c.Record.Ends() != e.at {
		m.t.Fatalf("increment %q: %+v, want %d and the end %d", key, c, n, e.at)
	}
	m.wrote(key, c.Record, c.Record.Stamp)
	m.keys[key] = modelEntry{strconv.FormatInt(n, 10), e.at}
}

func (m *model) flushAll() {
	r := m.s.Flush(m.now)
	m.flush = r.Stamp
	m.keys = map[string]modelEntry{}
	if o := m.other.Merge(&r, 0, m.now); o != Applied {
		m.t.Fatalf("the update of a flush: %v", o)
	}
}

// compare checks the whole contents: by Get, by Scan, and in the digest.
func (m *model) compare() {
	m.t.Helper()
	live := 0
	for key := range m.keys {
		m.get(key)
		if _, ok := m.live(key); ok {
			live++
		}
	}
	seen := map[string]bool{}
	for cursor := uint64(0); ; {
		var keys [][]byte
		keys, _, cursor = m.s.Scan(nil, nil, cursor, 7, m.now)
		for _, k := range keys {
			if _, ok := m.live(string(k)); !ok || seen[string(k)] {
				m.t.Fatalf("scan gives %q: not there, or twice", k)
			}
			seen[string(k)] = true
		}
		if cursor == 0 {
			break
		}
	}
	if len(seen) != live {
		m.t.Fatalf("scan gives %d keys of %d", len(seen), live)
	}
	for m.s.Sweep(m.now+1<<wheelTickBits, 1000) == 1000 {
		// until all that is due is done
	}
	m.now += 1 << wheelTickBits
	live, due := 0, 0
	for key, e := range m.keys {
		if _, ok := m.live(key); ok {
			live++
		} else if e.at>>wheelTickBits >= m.now>>wheelTickBits {
			due++ // in the tick that is not over yet
		}
	}
	if got := m.s.Len(); got < live || got > live+due {
		m.t.Fatalf("%d keys after a sweep, want %d and at most %d more", got, live, due)
	}
	check(m.t, m.s)
	m.compareOther()
}

// compareOther checks that the updates brought the other store to the same, record by record and in the digest.
func (m *model) compareOther() {
	m.t.Helper()
	for m.other.Sweep(m.now, 1000) == 1000 {
		// as the store itself was
	}
	if a, b := contents(m.s, m.now), contents(m.other, m.now); a != b {
		m.t.Fatalf("the store holds\n%swhere its updates went\n%s", a, b)
	}
	epoch, a := m.s.Digest(m.now)
	if _, b := m.other.Digest(m.now); m.flush>>16>>epochBits <= epoch && a != b && m.quiet(epoch) {
		m.t.Fatalf("equal records, and roots %x and %x as of epoch %d", a, b, epoch)
	}
}

// quiet reports whether nothing was written after an epoch.
func (m *model) quiet(epoch uint64) bool {
	for _, stamp := range m.stamp {
		if stamp>>16>>epochBits > epoch {
			return false
		}
	}
	return true
}

// step does one operation, chosen by bytes: op and the key, value and time it is about.
func (m *model) step(op, key, arg byte) {
	m.t.Helper()
	k := fmt.Sprint("key ", key%12)
	at := m.now + 1 + uint64(arg)*40
	value := strconv.Itoa(int(arg) - 100)
	if arg%5 == 0 {
		value += fmt.Sprintf("%*d", arg, arg) // longer, and no number
	}
	switch op % 25 {
	case 0:
		m.set(k, value, SetOptions{})
	case 1:
		m.set(k, value, SetOptions{If: m.condition(k, op, arg)})
	case 2, 3:
		m.set(k, value, SetOptions{ExpireAt: at, Get: arg%2 == 0})
	case 4:
		m.set(k, value, SetOptions{NX: true, Get: arg%2 == 0})
	case 5:
		m.set(k, value, SetOptions{XX: true, ExpireAt: at})
	case 6:
		if op >= 128 {
			m.change(k, arg)
			break
		}
		m.set(k, value, SetOptions{KeepTTL: true, XX: arg%3 == 0})
	case 7:
		m.delete(k, arg%2 == 0)
	case 8:
		if c := m.condition(k, op, arg); c != nil {
			m.deleteIf(k, *c)
			break
		}
		m.delete(k, arg%2 == 0)
	case 9, 10:
		if c := m.condition(k, op, arg); c != nil {
			m.expireIf(k, at*uint64(arg%3), int64(arg)*100-5_000, *c)
			break
		}
		m.expire(k, at, []ExpireCond{0, 0, ExpireNX, ExpireXX, ExpireGT, ExpireLT}[arg%6])
	case 11:
		m.persist(k)
	case 12, 13:
		if op >= 128 {
			m.incrementUntil(k, int64(arg)-128, Until{at, []ExpireCond{0, ExpireNX}[arg%2], op%4 == 0})
			break
		}
		m.increment(k, int64(arg)-128)
	case 14:
		m.now += uint64(arg) * 20
	case 15:
		m.now += uint64(arg) % 3
	case 16:
		m.s.Sweep(m.now, int(arg)%20)
	case 17:
		m.get(k)
	case 18:
		if arg < 20 {
			m.flushAll()
		}
	case 19:
		if arg < 40 {
			m.compare()
		}
	case 20:
		m.take(k)
	case 21:
		m.look(k)
	case 22:
		m.receive(k, value, at*uint64(arg%2), false)
	case 23:
		m.receive(k, value, 0, true)
	case 24:
		m.list(m.hash(k), 8+uint(arg)%57)
	}
	if invariants {
		check(m.t, m.s)
	}
}

// condition is none for half of all ops; else that the value is, or is not, what it is or nearly.
func (m *model) condition(key string, op, arg byte) *Condition {
	if op < 128 {
		return nil
	}
	e, _ := m.live(key)
	c := &Condition{Value: []byte(e.value), Differs: arg%2 == 0}
	if arg%4 < 2 {
		c.Value = append(c.Value, arg)
		c.Value = c.Value[arg%8/4:]
	}
	return c
}

// shardCounts are all that there are.
var shardCounts = [...]int{1, 2, 4, 8, 16, 32, 64, 128, 256}

// TestModelAStoreIsAMapWithTime plays random calls on a store, on a map, and on a second store that gets the updates.
func TestModelAStoreIsAMapWithTime(t *testing.T) {
	oneGoroutine(t)
	eachSeed(t, 2000, func(seed uint64) {
		rng := rand.New(rand.NewPCG(seed, 4))
		shards := shardCounts[seed%uint64(len(shardCounts))]
		m := newModel(t, Options{Node: 1, Shards: shards, MaxBytes: max(1<<20, int64(shards)*minShardBytes), Seed: seed}, seed/2%2 == 0)
		for range 200 {
			m.step(byte(rng.Uint32()), byte(rng.Uint32()), byte(rng.Uint32()))
		}
		m.compare()
	})
}

func FuzzOperations(f *testing.F) {
	f.Add([]byte{0, 1, 2, 14, 0, 255, 17, 1, 0, 19, 0, 0})
	f.Add([]byte{2, 1, 1, 9, 1, 30, 12, 1, 9, 14, 1, 200, 17, 1, 0, 19, 0, 1})
	f.Add([]byte{0, 1, 7, 12, 1, 1, 6, 1, 3, 7, 1, 2, 18, 0, 3, 4, 1, 5, 19, 0, 0})
	f.Fuzz(func(t *testing.T, ops []byte) {
		const most = 3 * 500
		for _, shards := range []int{1, 4} {
			m := newModel(t, Options{Node: 1, Shards: shards, MaxBytes: 1 << 20, Seed: 1}, shards == 4)
			for o := ops[:min(len(ops), most)]; len(o) >= 3; o = o[3:] {
				m.step(o[0], o[1], o[2])
			}
			m.compare()
		}
	})
}

func TestNumbersAreThoseRedisTakes(t *testing.T) {
	for _, c := range []struct {
		text string
		want int64
		ok   bool
	}{
		{"0", 0, true}, {"7", 7, true}, {"-7", -7, true}, {"9223372036854775807", 1<<63 - 1, true}, {"-9223372036854775808", -1 << 63, true},
		{"9223372036854775808", 0, false}, {"-9223372036854775809", 0, false}, {"18446744073709551616", 0, false}, {"99999999999999999999", 0, false},
		{"", 0, false}, {"-", 0, false}, {"-0", 0, false}, {"00", 0, false}, {"01", 0, false}, {"+1", 0, false}, {" 1", 0, false}, {"1 ", 0, false}, {"1.0", 0, false}, {"x", 0, false},
	} {
		if n, err := parseInt([]byte(c.text)); n != c.want || (err == nil) != c.ok {
			t.Errorf("%q: %d, %v", c.text, n, err)
		}
	}
	s := newStore(t, Options{Node: 1})
	set(t, s, epoch0, "n", "9223372036854775807", SetOptions{})
	if _, _, _, err := s.Increment(nil, []byte("n"), s.Hash([]byte("n")), epoch0, 1, false); err != ErrOverflow {
		t.Error(err)
	}
	if v, _ := get(s, epoch0, "n"); v != "9223372036854775807" {
		t.Error("a failed increment wrote", v)
	}
}

func TestExpireConditionsCombine(t *testing.T) {
	for _, c := range []struct {
		cond    ExpireCond
		old, at uint64
		want    bool
	}{
		{0, 0, 5, true}, {ExpireNX, 0, 5, true}, {ExpireNX, 3, 5, false}, {ExpireXX, 0, 5, false}, {ExpireXX, 3, 5, true},
		{ExpireGT, 0, 5, false}, {ExpireGT, 5, 5, false}, {ExpireGT, 4, 5, true}, {ExpireLT, 0, 5, true}, {ExpireLT, 5, 5, false}, {ExpireLT, 6, 5, true},
		{ExpireXX | ExpireGT, 4, 5, true}, {ExpireXX | ExpireLT, 0, 5, false}, {ExpireXX | ExpireLT, 9, 5, true},
	} {
		if got := c.cond.met(c.old, c.at); got != c.want {
			t.Errorf("cond %d from %d to %d: %v", c.cond, c.old, c.at, got)
		}
	}
}

func TestOptionsThatCannotWorkAreRefusedWithASentence(t *testing.T) {
	for _, o := range []Options{{Shards: 3}, {Shards: 512}, {Shards: -1}, {MaxBytes: 1000}, {MaxBytes: -1}, {MaxBytes: 255 << 10, Shards: 1}, {Horizon: MaxHorizon + 1}} {
		if s, err := New(o); err == nil || s != nil || len(err.Error()) < 20 {
			t.Errorf("%+v: %v", o, err)
		}
	}
}
