package codec

import "encoding/binary"

// Restamp lets change map the stamps and the expiry time of each record of a run where it lies: of a Batch, of Records, or
// of a Stage. It may change bytes of a value, and the content hash with them. It must leave all else as it is, and equal what
// was equal: the length of a record follows from it. The error is ErrRecord; what comes before the record at fault has been changed.
func Restamp(run []byte, change func(*Record)) error {
	var r Record
	le := binary.LittleEndian
	for len(run) > 0 {
		n, err := DecodeStaged(run, &r)
		if err != nil {
			return err
		}
		change(&r)
		if r.wireFlags(r.Flags) != run[0] {
			return ErrRecord
		}
		le.PutUint32(run[12:], r.Content)
		le.PutUint64(run[16:], r.Stamp)
		b, f := run[recordFixed:], run[0]
		if f&wireExpiry != 0 {
			put3(b, r.ExpireAt, r.ExpireStamp, r.ExpireNode)
			b = b[expiryLen:]
		}
		if f&wireAt != 0 {
			le.PutUint64(b, r.ExpireAt)
			b = b[8:]
		}
		if f&RecordKeeps != 0 {
			le.PutUint64(b, r.BaseStamp)
		}
		run = run[n:]
	}
	return nil
}

// RestampBatches does so for a run of whole Batch frames, of older steps than a number, which they carry then.
func RestampBatches(frames []byte, step uint32, change func(*Record)) error {
	for len(frames) > 0 {
		h, ok, err := DecodeHeader(frames)
		if err != nil {
			return err
		}
		end := HeaderLen + int(h.Length)
		if !ok || len(frames) < end {
			return ErrLength
		}
		body := frames[HeaderLen:end]
		if h.Kind == KindBatch && binary.LittleEndian.Uint32(body[20:]) != step {
			if err := Restamp(body[batchFixed:], change); err != nil {
				return err
			}
			binary.LittleEndian.PutUint32(body[20:], step)
		}
		frames = frames[end:]
	}
	return nil
}
