package codec

import (
	"bytes"
	"errors"
	"testing"
)

func TestARunThatIsRestampedIsTheRunOfChangedRecords(t *testing.T) {
	add := func(r *Record) {
		r.Stamp += 100
		r.Content ^= 0xff
		if len(r.Value) > 0 {
			r.Value[0] ^= 1
		}
		if r.ExpireStamp != 0 {
			r.ExpireStamp += 100
		}
		if r.ExpireAt != 0 {
			r.ExpireAt -= 7
		}
		if r.Flags&RecordKeeps != 0 {
			r.BaseStamp += 100
		}
	}
	records := []Record{
		exampleRecord,
		{Key: []byte("plain"), Value: []byte("v"), Kind: KindString, Stamp: 5, Node: 6, ExpireStamp: 5, ExpireNode: 6},
		{Key: []byte("timed"), Kind: KindString, Stamp: 5, Node: 6, ExpireAt: 1000, ExpireStamp: 5, ExpireNode: 6},
		{Key: []byte("kept"), Kind: KindString, Flags: RecordKeeps, Stamp: 5, Node: 6, BaseStamp: 2, BaseNode: 9, ExpireAt: 90, ExpireStamp: 3, ExpireNode: 6},
		{Flags: RecordFlush, Stamp: 9, Node: 1},
	}
	var run, want []byte
	for _, r := range records {
		run = AppendRecord(run, &r)
		r.Value = bytes.Clone(r.Value)
		add(&r)
		want = AppendRecord(want, &r)
	}
	count := uint32(len(records))
	frames := AppendBatch(nil, Batch{First: 1, Count: count, Step: 1, Records: run})
	frames = AppendBatch(AppendAck(frames, Ack{}), Batch{First: 9, Count: count, Step: 2, Records: run})
	if err := RestampBatches(frames, 2, add); err != nil {
		t.Fatal(err)
	}
	expected := AppendBatch(nil, Batch{First: 1, Count: count, Step: 2, Records: want})
	expected = AppendBatch(AppendAck(expected, Ack{}), Batch{First: 9, Count: count, Step: 2, Records: run})
	if !bytes.Equal(frames, expected) {
		t.Fatalf("%x\nwant\n%x", frames, expected)
	}
	if err := Restamp(run, func(r *Record) { r.ExpireStamp++ }); !errors.Is(err, ErrRecord) {
		t.Fatalf("%v of a change after which a record is longer", err)
	}
	if err := Restamp(run[:len(run)-1], add); !errors.Is(err, ErrRecord) {
		t.Fatalf("%v of a run that is cut short", err)
	}
}
