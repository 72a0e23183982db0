package codec

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"reflect"
	"testing"
)

// recordForms are records of every form, with the flags they have on the wire and their length without key and value.
var recordForms = []struct {
	name  string
	r     Record
	flags byte
	fixed int
}{
	{"a SET", Record{Key: []byte("k"), Value: []byte("v"), Kind: KindString, Content: 7, Stamp: 9, Node: 8, ExpireStamp: 9, ExpireNode: 8}, 0x20, 32},
	{"a SET with a time to live", Record{Key: []byte("k"), Value: []byte{}, Kind: KindString, Stamp: 9, Node: 8, ExpireAt: 5, ExpireStamp: 9, ExpireNode: 8}, 0x60, 40},
	{"a record of before any expiry", Record{Key: []byte{}, Value: []byte("v"), Kind: KindCounter, Stamp: 9, Node: 8}, 0, 32},
	{"a record with an older EXPIRE", Record{Key: []byte("k"), Value: []byte("v"), Kind: KindString, Stamp: 9, Node: 8, ExpireAt: 5, ExpireStamp: 4, ExpireNode: 3}, 0x10, 56},
	{"a record with an older PERSIST", Record{Key: []byte("k"), Value: []byte("v"), Kind: KindString, Stamp: 9, Node: 8, ExpireStamp: 9, ExpireNode: 9}, 0x10, 56},
	{"an INCR", Record{Key: []byte("k"), Value: []byte("1"), Kind: KindString, Flags: RecordKeeps, Stamp: 9, Node: 8, BaseStamp: 2, BaseNode: 1, ExpireAt: 5, ExpireStamp: 4, ExpireNode: 3}, 0x12, 72},
	{"an INCR at its own base", Record{Key: []byte("k"), Value: []byte("1"), Kind: KindString, Flags: RecordKeeps, Stamp: 9, Node: 8, BaseStamp: 9, BaseNode: 8, ExpireStamp: 9, ExpireNode: 8}, 0x22, 48},
	{"a tombstone", Record{Key: []byte("k"), Value: []byte{}, Flags: RecordDeleted, Content: 3, Stamp: 9, Node: 8, ExpireStamp: 9, ExpireNode: 8}, 0x21, 32},
	{"an EXPIRE", Record{Key: []byte("k"), Value: []byte{}, Flags: RecordExpiryOnly, Stamp: 9, Node: 8, ExpireAt: 5, ExpireStamp: 11, ExpireNode: 8}, 0x14, 56},
	{"a FLUSHALL", Record{Key: []byte{}, Value: []byte{}, Flags: RecordFlush, Stamp: 9, Node: 8}, 0x08, 32},
	{"a bare record", Record{Key: []byte("k"), Value: []byte{}, Kind: KindString, Flags: RecordBare | RecordKeeps, Content: 3, Stamp: 9, Node: 8, ExpireAt: 5, ExpireStamp: 9, ExpireNode: 8}, 0x67, 56},
}

func TestEveryRecordHasExactlyOneEncoding(t *testing.T) {
	says(t, "Every record has exactly one encoding: 0x20 when E = V, with 0x40 when there is an expiry time; else 0x10; none of them when expiry time and E are zero.")
	for _, c := range recordForms {
		b := AppendRecord([]byte("before"), &c.r)[len("before"):]
		if b[0] != c.flags || len(b) != c.fixed+len(c.r.Key)+len(c.r.Value) || RecordLen(&c.r) != len(b) {
			t.Errorf("%s: flags 0x%02x, %d bytes, RecordLen %d", c.name, b[0], len(b), RecordLen(&c.r))
		}
		got := Record{Value: []byte("stale"), BaseStamp: 99, ExpireAt: 99}
		n, err := DecodeRecord(append(b, "next"...), &got)
		if err != nil || n != len(b) || !reflect.DeepEqual(got, c.r) {
			t.Errorf("%s: %d, %v\n got %+v\nwant %+v", c.name, n, err, got, c.r)
		}
	}
}

// TestNoOtherEncodingIsAccepted: of all 65,536 combinations of flags and kind those that are accepted are what
// AppendRecord makes of the record that was read.
func TestNoOtherEncodingIsAccepted(t *testing.T) {
	accepted := 0
	for _, stamps := range [][]uint64{{9, 8, 9, 8}, {9, 8, 0, 0}, {0, 0, 0, 0}, {0, 0, 5, 0}} {
		for flags := range 256 {
			for kind := range 256 {
				head := append([]byte{byte(flags), byte(kind), 0, 0}, u32(0)...)
				head = append(append(head, u32(0)...), u32(7)...)
				head = append(append(head, u64(stamps[0])...), u64(stamps[1])...)
				b := append(head, append(append(u64(stamps[2]), u64(stamps[3])...), make([]byte, 48)...)...)
				var r Record
				n, err := DecodeRecord(b, &r)
				if err != nil {
					continue
				}
				accepted++
				if again := AppendRecord(nil, &r); !bytes.Equal(again, b[:n]) {
					t.Fatalf("flags %02x kind %d: % x is accepted, but encoded as % x", flags, kind, b[:n], again)
				}
			}
		}
	}
	if accepted == 0 {
		t.Error("nothing was accepted")
	}
}

func TestARecordCutAnywhereIsRefused(t *testing.T) {
	for _, c := range recordForms {
		b := AppendRecord(nil, &c.r)
		for i := range b {
			var r Record
			if n, err := DecodeRecord(b[:i:i], &r); n != 0 || !errors.Is(err, ErrRecord) {
				t.Errorf("%s cut at %d: %d, %v", c.name, i, n, err)
			}
		}
	}
}

func TestAMalformedRecordIsRefused(t *testing.T) {
	says(t, "A record that has no value by its flags has a value length of 0, a FLUSHALL a key length of 0.")
	says(t, "Bit 0x80 of a record's flags is never on the wire.")
	says(t, "1 string, 2 counter, 3 message; 0 only where there is no value; from 0x80 on refused")
	room := make([]byte, MaxValue+MaxKey)
	for name, c := range map[string]struct {
		flags, kind         byte
		reserved            byte
		keyLen, valueLength uint32
	}{
		"a tombstone with a value":  {RecordDeleted, 1, 0, 1, 1},
		"an EXPIRE with a value":    {RecordExpiryOnly, 1, 0, 1, 1},
		"a FLUSHALL with a value":   {RecordFlush, 0, 0, 0, 1},
		"a FLUSHALL with a key":     {RecordFlush, 0, 0, 1, 0},
		"by reference":              {RecordRef, 1, 0, 1, 0},
		"a value without a kind":    {0, 0, 0, 1, 1},
		"a kind from 0x80 on":       {0, 0x80, 0, 1, 1},
		"a reserved byte":           {0, 1, 1, 1, 1},
		"a key that is too long":    {0, 1, 0, MaxKey + 1, 1},
		"a value that is too long":  {0, 1, 0, 1, MaxValue + 1},
		"lengths that pass 2^32":    {0, 1, 0, 1<<32 - 1, 1<<32 - 1},
		"both forms of expiry":      {wireExpiry | wireExpirySame, 1, 0, 1, 1},
		"an expiry without version": {wireAt, 1, 0, 1, 1},
	} {
		head := append([]byte{c.flags, c.kind, c.reserved, 0}, u32(c.keyLen)...)
		head = append(append(head, u32(c.valueLength)...), u32(0)...)
		head = append(append(head, u64(9)...), u64(8)...)
		var r Record
		if n, err := DecodeRecord(append(head, room...), &r); n != 0 || !errors.Is(err, ErrRecord) {
			t.Errorf("%s: %d, %v", name, n, err)
		}
	}
}

func TestWhatAFlagSaysIsNotThereIsNotEncoded(t *testing.T) {
	for _, flags := range []uint8{RecordDeleted, RecordExpiryOnly, RecordFlush, RecordRef | RecordDeleted} {
		r := Record{Key: []byte("key"), Value: []byte("value"), Flags: flags, Stamp: 9}
		b := AppendRecord(nil, &r)
		var got Record
		if n, err := DecodeRecord(b, &got); err != nil || n != len(b) || n != RecordLen(&r) || len(got.Value) != 0 || (len(got.Key) == 0) != (flags == RecordFlush) {
			t.Errorf("flags %02x: %+v, %v", flags, got, err)
		}
	}
}

func TestARunHoldsExactlyAsManyRecordsAsTheFrameSays(t *testing.T) {
	says(t, "A run holds exactly as many records as the frame says, and nothing else.")
	var run []byte
	for i := range recordForms {
		run = AppendRecord(run, &recordForms[i].r)
	}
	count := uint32(len(recordForms))
	for name, c := range map[string]struct {
		run   []byte
		count uint32
		want  error
	}{
		"as many": {run, count, nil}, "none": {nil, 0, nil}, "one less": {run, count - 1, ErrCount}, "one more": {run, count + 1, ErrRecord},
		"cut": {run[:len(run)-1], count, ErrRecord}, "a byte more": {append(bytes.Clone(run), 0), count, ErrCount}, "bytes of no record": {run, 0, ErrCount},
	} {
		if err := CheckRecords(c.run, c.count); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestTheLongestRecordFitsAFrame(t *testing.T) {
	r := Record{
		Key: make([]byte, MaxKey), Value: make([]byte, MaxValue), Kind: KindString, Flags: RecordKeeps, Stamp: 1, BaseStamp: 1, ExpireAt: 1, ExpireStamp: 2,
	}
	run := AppendRecord(nil, &r)
	for _, frame := range [][]byte{
		AppendBatch(nil, Batch{First: 1, Count: 1, Records: run}), AppendRecords(nil, Records{Count: 1, Records: run}),
	} {
		if h, ok, err := DecodeHeader(frame); !ok || err != nil || len(frame) > MaxFrame {
			t.Errorf("%d bytes: %+v, %v", len(frame), h, err)
		}
	}
}

func TestAnyRecordComesThrough(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	var run []byte
	var want []Record
	for range 5000 {
		r := randomRecord(rnd)
		want = append(want, r)
		run = AppendRecord(run, &r)
	}
	if err := CheckRecords(run, uint32(len(want))); err != nil {
		t.Fatal(err)
	}
	for i := 0; len(run) > 0; i++ {
		var got Record
		n, err := DecodeRecord(run, &got)
		if err != nil || !reflect.DeepEqual(got, want[i]) {
			t.Fatalf("record %d: %v\n got %+v\nwant %+v", i, err, got, want[i])
		}
		run = run[n:]
	}
}

// randomRecord makes a record of any form, often with registers that are equal or zero.
func randomRecord(rnd *rand.Rand) Record {
	text := func(most int) []byte {
		b := make([]byte, rnd.IntN(most))
		for i := range b {
			b[i] = byte(rnd.Uint32())
		}
		return b
	}
	some := func() uint64 { return []uint64{0, 1, 2, rnd.Uint64()}[rnd.IntN(4)] }
	r := Record{Key: text(40), Value: text(200), Kind: KindString, Content: rnd.Uint32(), Stamp: some(), Node: some(), ExpireAt: some(), ExpireStamp: some(), ExpireNode: some()}
	switch rnd.IntN(6) {
	case 0:
		r.Flags, r.Value = RecordDeleted, []byte{}
	case 1:
		r.Flags, r.Value = RecordExpiryOnly, []byte{}
	case 2:
		r.Flags, r.Key, r.Value = RecordFlush, []byte{}, []byte{}
	case 3:
		r.Flags, r.BaseStamp, r.BaseNode = RecordKeeps, some(), some()
	}
	return r
}
