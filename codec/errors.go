package codec

import "errors"

// Errors of the decoders. Each of them costs the sender its link or connection (a datagram is dropped), never more.
// They are fixed values: hostile input makes no garbage.
var (
	ErrMagic    = errors.New("codec: this is not a covey frame: the magic bytes are wrong; check that the other side is a covey node or client")
	ErrKind     = errors.New("codec: the kind of the frame is unknown and not marked skippable; the other side may be newer than this one")
	ErrReserved = errors.New("codec: a reserved bit or byte is not zero; the other side may be newer than this one")
	ErrTooLong  = errors.New("codec: the frame is longer than its kind may be")
	ErrLength   = errors.New("codec: the length of the frame does not fit its kind and its counts")
	ErrRange    = errors.New("codec: a field of the frame has a value outside of its range")
	ErrTag      = errors.New("codec: a frame between nodes carries a client's tag")
	ErrRecord   = errors.New("codec: a record is malformed: its flags, kind and lengths contradict each other")
	ErrCount    = errors.New("codec: a run does not hold as many entries as the frame says")
)
