package codec

import "encoding/binary"

const stepLen = 48

// MaxStep bounds the numbers of steps: there is always a higher one.
const MaxStep = 1 << 31

// StepPhase is how far a step has come.
type StepPhase uint8

// The phases of a step.
const (
	StepProposed StepPhase = iota
	StepKnown              // somebody has taken it, at some time
	StepTaken              // the sender has just taken it
)

// Step is a step of the cluster's time (R7). A node whose last step is From may take it, and its last step is To then.
type Step struct {
	From, To uint32 // From < To <= MaxStep
	Node     uint64 // id of the node that proposed it
	Old, New uint64 // cluster ms: what was Old is New from then on
	Least    uint64 // the lowest stamp above New that the proposer held; 0: it held none, or the step is forward
	Phase    StepPhase
}

// AppendStep appends the frame of m.
func AppendStep(dst []byte, m Step) []byte {
	dst, b := beginFrame(dst, KindStep, 0, stepLen)
	le := binary.LittleEndian
	le.PutUint32(b, m.From)
	le.PutUint32(b[4:], m.To)
	put3(b[8:], m.Node, m.Old, m.New)
	le.PutUint64(b[32:], m.Least)
	le.PutUint64(b[40:], uint64(m.Phase))
	return dst
}

// DecodeStep reads the body of a Step.
func DecodeStep(body []byte) (m Step, err error) {
	if len(body) != stepLen {
		return m, ErrLength
	}
	le := binary.LittleEndian
	if le.Uint64(body[40:])>>8 != 0 {
		return m, ErrReserved
	}
	m = Step{From: le.Uint32(body), To: le.Uint32(body[4:]), Least: le.Uint64(body[32:]), Phase: StepPhase(body[40])}
	m.Node, m.Old, m.New = get3(body[8:])
	if m.From >= m.To || m.To > MaxStep || m.Old > maxTime || m.New > maxTime || m.Phase > StepTaken {
		return Step{}, ErrRange
	}
	return m, nil
}
