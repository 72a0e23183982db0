package codec

// Reason is why a link is closed on purpose (R24).
type Reason uint8

// The reasons of a Bye.
const (
	ReasonLeft      Reason = 1  // the sender stops: it has left
	ReasonDuplicate Reason = 2  // another link of this pair was chosen (R23)
	ReasonRekeyed   Reason = 3  // the sender takes another id (R26)
	ReasonClock     Reason = 4  // records too far ahead of time (R8)
	ReasonProtocol  Reason = 5  // a bad frame, or no protocol version in common
	ReasonOverload  Reason = 6  // the receiver of this Bye does not keep up
	ReasonSilent    Reason = 7  // nothing was heard for too long (R25)
	ReasonCluster   Reason = 8  // another cluster
	ReasonSelf      Reason = 9  // the node has dialed itself
	ReasonTaken     Reason = 10 // an older start has the receiver's id: it is to take another (R26)
	ReasonMoved     Reason = 11 // the sender's end of the connection has lost its address or its card
	ReasonSecret    Reason = 12 // the secret that the link was made with counts no longer: a new one is to be made
)

const reasonMax = ReasonSecret

var reasonNames = [...]string{"unknown", "left", "duplicate", "re-keyed", "clock", "protocol", "overload", "silent", "cluster", "self", "taken", "moved", "secret"}

// String gives the reason's name, or "unknown".
func (r Reason) String() string {
	if r > reasonMax {
		r = 0
	}
	return reasonNames[r]
}

const byeLen = 1

// Bye precedes every deliberate close of a link.
type Bye struct {
	Reason Reason
}

// AppendBye appends the frame of m.
func AppendBye(dst []byte, m Bye) []byte {
	dst, b := beginFrame(dst, KindBye, 0, byeLen)
	b[0] = byte(m.Reason)
	return dst
}

// DecodeBye reads the body of a Bye. A reason that is not known yet is no error: the link is closed either way.
func DecodeBye(body []byte) (Bye, error) {
	if len(body) != byeLen {
		return Bye{}, ErrLength
	}
	return Bye{Reason: Reason(body[0])}, nil
}
