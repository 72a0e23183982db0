package bench

import (
	"sync/atomic"
	"testing"

	"covey/store"
)

// now is the cluster time of every benchmark, ms; the store takes time as an argument.
const now = 1_700_000_000_000

// newStore is a store that holds every key with a value of valueBytes.
func newStore(b *testing.B) *store.Store {
	b.Helper()
	s, err := store.New(store.Options{Node: 1, MaxBytes: 1 << 30})
	if err != nil {
		b.Fatal(err)
	}
	value := make([]byte, valueBytes)
	for _, key := range keys {
		if _, r := s.Set(nil, key, value, s.Hash(key), now, store.SetOptions{}); r.Err != nil {
			b.Fatal(r.Err)
		}
	}
	b.ReportAllocs()
	b.ResetTimer()
	return s
}

func BenchmarkStoreGet(b *testing.B) {
	s := newStore(b)
	var dst []byte
	for i := 0; b.Loop(); i++ {
		key := pick(i)
		var ok bool
		if dst, _, ok = s.Get(dst[:0], key, s.Hash(key), now); !ok {
			b.Fatal("a key is gone")
		}
	}
}

func BenchmarkStoreGetAbsent(b *testing.B) {
	s := newStore(b)
	key := []byte("no such key here")
	for b.Loop() {
		if _, _, ok := s.Get(nil, key, s.Hash(key), now); ok {
			b.Fatal("a key came from nowhere")
		}
	}
}

func BenchmarkStoreSet(b *testing.B) {
	s := newStore(b)
	value := make([]byte, valueBytes)
	for i := 0; b.Loop(); i++ {
		key := pick(i)
		s.Set(nil, key, value, s.Hash(key), now+uint64(i>>10), store.SetOptions{})
	}
}

func BenchmarkStoreSetWithExpiry(b *testing.B) {
	s := newStore(b)
	value := make([]byte, valueBytes)
	for i := 0; b.Loop(); i++ {
		key, at := pick(i), now+uint64(i>>10)
		s.Set(nil, key, value, s.Hash(key), at, store.SetOptions{ExpireAt: at + 60_000})
	}
}

func BenchmarkStoreDeleteAndSet(b *testing.B) {
	s := newStore(b)
	value := make([]byte, valueBytes)
	for i := 0; b.Loop(); i++ {
		key, at := pick(i), now+uint64(i>>10)
		s.Delete(key, s.Hash(key), at, false)
		s.Set(nil, key, value, s.Hash(key), at, store.SetOptions{})
	}
}

func BenchmarkStoreIncrement(b *testing.B) {
	s := newStore(b)
	key := []byte("counter")
	var dst []byte
	for b.Loop() {
		var err error
		if dst, _, _, err = s.Increment(dst[:0], key, s.Hash(key), now, 1, false); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkStoreMerge(b *testing.B) {
	s := newStore(b)
	r := store.Record{Kind: store.KindString, Value: make([]byte, valueBytes), Node: 2, ExpireNode: 2}
	r.Content = store.Content(r.Kind, false, r.Value)
	for i := 0; b.Loop(); i++ {
		r.Key = pick(i)
		r.Stamp = uint64(now)<<16 + uint64(i)
		r.ExpireStamp = r.Stamp
		s.Merge(&r, s.Hash(r.Key), now)
	}
}

// BenchmarkStoreParallel is what several event loops do at once: reads, writes, and nine reads to a write.
func BenchmarkStoreParallel(b *testing.B) {
	s := newStore(b)
	for _, mix := range []struct {
		name  string
		setIn int // one write in so many operations; 0: none
	}{{"get", 0}, {"set", 1}, {"mixed", 10}} {
		b.Run(mix.name, func(b *testing.B) {
			b.ReportAllocs()
			b.ResetTimer()
			var start atomic.Int64
			b.RunParallel(func(pb *testing.PB) {
				value, dst := make([]byte, valueBytes), make([]byte, 0, valueBytes)
				for i := int(start.Add(pickCount / 7)); pb.Next(); i++ {
					key := pick(i)
					hash := s.Hash(key)
					if mix.setIn > 0 && i%mix.setIn == 0 {
						s.Set(nil, key, value, hash, now, store.SetOptions{})
					} else {
						dst, _, _ = s.Get(dst[:0], key, hash, now)
					}
				}
			})
		})
	}
}

// BenchmarkStoreUnderEviction writes new keys into a store that is full all the time.
func BenchmarkStoreUnderEviction(b *testing.B) {
	s, err := store.New(store.Options{Node: 1, MaxBytes: 16 << 20})
	if err != nil {
		b.Fatal(err)
	}
	value := make([]byte, valueBytes)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		key := keys[i&(keyCount-1)]
		s.Set(nil, key, value, s.Hash(key), now+uint64(i>>10), store.SetOptions{})
	}
}
