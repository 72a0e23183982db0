package store

import "testing"

func TestSmoke(t *testing.T) {
	s, err := New(Options{Node: 7})
	if err != nil {
		t.Fatal(err)
	}
	now := uint64(1_790_000_000_000)
	k := []byte("key")
	h := s.Hash(k)
	_, r := s.Set(nil, k, []byte("value"), h, now, SetOptions{ExpireAt: now + 100})
	if !r.Written {
		t.Fatal("not written")
	}
	if v, m, ok := s.Get(nil, k, h, now+99); !ok || string(v) != "value" || m.ExpireAt != now+100 {
		t.Fatal(v, m, ok)
	}
	if _, _, ok := s.Get(nil, k, h, now+100); ok {
		t.Fatal("expired entry returned")
	}
	o, _ := New(Options{Node: 8, Shards: 4})
	if got := o.Merge(&r.Record, h, now); got != Applied {
		t.Fatal(got)
	}
	for d := uint64(0); d < 10000; d += 64 {
		s.Sweep(now+d, 1000)
		e1, r1 := s.Digest(now + d)
		e2, r2 := o.Digest(now + d)
		if e1 != e2 || r1 != r2 {
			t.Fatal(d, e1, r1, e2, r2)
		}
	}
	t.Log(s.Counts(), o.Counts())
}
