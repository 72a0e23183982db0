package codec

import (
	"bytes"
	"fmt"
	"testing"
)

// staged reads all records of a stage back.
func staged(t *testing.T, s *Stage) (records []Record, refs int) {
	t.Helper()
	for seg := range s.Segments() {
		if len(seg.Records) > SegmentBytes || seg.Ref && seg.Count != 1 {
			t.Errorf("a segment of %d records, %d bytes, ref %v", seg.Count, len(seg.Records), seg.Ref)
		}
		run, count := seg.Records, 0
		for len(run) > 0 {
			var r Record
			n, err := DecodeStaged(run, &r)
			if err != nil {
				t.Fatal(err)
			}
			if (r.Flags&RecordRef != 0) != seg.Ref {
				t.Errorf("record %q in a segment with ref %v has flags %02x", r.Key, seg.Ref, r.Flags)
			}
			run, count, records = run[n:], count+1, append(records, r)
		}
		if count != seg.Count {
			t.Errorf("a segment of %d records says %d", count, seg.Count)
		}
		if seg.Ref {
			refs++
		} else if err := CheckRecords(seg.Records, uint32(seg.Count)); err != nil {
			t.Error(err)
		}
	}
	return records, refs
}

func TestAStageHoldsRecordsInTheOrderOfAdd(t *testing.T) {
	var s Stage
	large := 0
	for round := range 3 { // what one turn leaves does not show in the next
		s.Reset()
		for i := range 1000 {
			size := i * 37 % 5000
			if i%100 == 50 {
				size = RefValue + i%3 // one in three just fits
			}
			if size > RefValue && round == 0 {
				large++
			}
			s.Add(&Record{Key: fmt.Appendf(nil, "%d", i), Value: bytes.Repeat([]byte{byte(i)}, size), Kind: KindString, Stamp: uint64(i)})
		}
		got, refs := staged(t, &s)
		if len(got) != 1000 || s.Count() != 1000 || refs != large || large == 0 {
			t.Fatalf("%d records, Count %d, %d by reference of %d", len(got), s.Count(), refs, large)
		}
		for i, r := range got {
			size := i * 37 % 5000
			if i%100 == 50 {
				size = RefValue + i%3
			}
			if size > RefValue {
				size = 0
			}
			if string(r.Key) != fmt.Sprint(i) || r.Stamp != uint64(i) || !bytes.Equal(r.Value, bytes.Repeat([]byte{byte(i)}, size)) {
				t.Fatalf("record %d is %q with %d bytes", i, r.Key, len(r.Value))
			}
		}
	}
}

func TestASegmentHasTheLongestRecordThatIsNotByReference(t *testing.T) {
	var s Stage
	r := Record{
		Key: make([]byte, MaxKey), Value: make([]byte, RefValue), Kind: KindString, Flags: RecordKeeps, Stamp: 1, BaseStamp: 1, ExpireAt: 1, ExpireStamp: 2,
	}
	s.Add(&r)
	s.Add(&r)
	segments := 0
	for seg := range s.Segments() {
		segments++
		if len(seg.Records) != SegmentBytes || seg.Ref || seg.Count != 1 {
			t.Errorf("%d bytes, ref %v, %d records", len(seg.Records), seg.Ref, seg.Count)
		}
	}
	if segments != 2 {
		t.Errorf("%d segments", segments)
	}
}

func TestATombstoneIsNeverByReference(t *testing.T) {
	var s Stage
	s.Add(&Record{Key: []byte("k"), Value: make([]byte, RefValue+1), Flags: RecordDeleted, Stamp: 1})
	if got, refs := staged(t, &s); refs != 0 || len(got) != 1 || got[0].Flags != RecordDeleted {
		t.Errorf("%+v", got)
	}
}

func TestAQuietStageOnlyCounts(t *testing.T) {
	var s Stage
	r := Record{Key: []byte("k"), Kind: KindString, Stamp: 1}
	s.SetQuiet(true)
	s.Add(&r)
	s.SetQuiet(false) // within the turn nothing changes
	s.Add(&r)
	if got, _ := staged(t, &s); len(got) != 0 || s.Count() != 2 || s.Len() != 0 {
		t.Errorf("quiet: %d records, Count %d, Len %d", len(got), s.Count(), s.Len())
	}
	s.Reset()
	s.Add(&r)
	s.SetQuiet(true)
	s.Add(&r)
	if got, _ := staged(t, &s); len(got) != 2 || s.Count() != 2 || s.Len() != 2*RecordLen(&r) {
		t.Errorf("loud: %d records, Count %d, Len %d", len(got), s.Count(), s.Len())
	}
}

func TestAStageGivesUnusualMemoryBack(t *testing.T) {
	var s Stage
	for s.Len() <= stageKeep {
		s.Add(&Record{Key: []byte("k"), Value: make([]byte, RefValue), Kind: KindString, Stamp: 1})
	}
	s.Reset()
	if cap(s.buf) > stageKeep {
		t.Errorf("%d bytes kept", cap(s.buf))
	}
}

func TestSegmentsStopWhenTheCallerStops(t *testing.T) {
	var s Stage
	for range 2 {
		s.Add(&Record{Key: []byte("k"), Value: make([]byte, RefValue+1), Kind: KindString, Stamp: 1})
	}
	seen := 0
	for range s.Segments() {
		seen++
		break
	}
	if seen != 1 {
		t.Errorf("%d segments", seen)
	}
}
