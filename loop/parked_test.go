package loop

import (
	"bytes"
	"testing"

	"covey/codec"
)

// A client that does not read is looked at at the ticker's own beat, and one with a WAIT when that is over; and once the former reads again
// it gets everything.
func TestAReaderThatIsSlowLetsTheTickerRest(t *testing.T) {
	t.Parallel()
	tn := readyNode(t)
	value := bytes.Repeat([]byte("0123456789abcdef"), codec.MaxValue/16)
	set := respCommand("SET", "large", string(value))
	other := dialRaw(t, tn.addr)
	if _, err := other.Write(set); err != nil {
		t.Fatal(err)
	}
	if got := other.reply(); got != "+OK" {
		t.Fatal(got)
	}
	const asked = 3
	deaf := dialRaw(t, tn.addr)
	if _, err := deaf.Write(bytes.Repeat(respCommand("GET", "large"), asked)); err != nil {
		t.Fatal(err)
	}
	slow := func() bool { return tn.n.parked.Load() == 1 && tn.n.hurried.Load() == 0 }
	eventually(t, "the client is found to be slow", slow)
	if _, err := other.Write(respCommand("WAIT", "1", "100")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a WAIT waits, and is in no hurry", func() bool { return tn.n.awaiting.Load() == 1 && slow() })
	if got := other.reply(); got != ":0" {
		t.Fatal(got)
	}
	eventually(t, "the slow one alone is left", func() bool { return tn.n.awaiting.Load() == 0 && slow() })
	for i := range asked {
		if got := deaf.reply(); got != string(value) {
			t.Fatalf("reply %d has %d bytes", i, len(got))
		}
	}
	eventually(t, "nobody waits", func() bool { return tn.n.parked.Load() == 0 && tn.n.hurried.Load() == 0 })
}
