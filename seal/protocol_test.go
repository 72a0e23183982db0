package seal

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestTheProtocolSaysWhatTheCodeDoes holds the numbers of docs/PROTOCOL.md against the code.
func TestTheProtocolSaysWhatTheCodeDoes(t *testing.T) {
	b, err := os.ReadFile("../docs/PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(string(b)), " ")
	for _, sentence := range []string{
		fmt.Sprintf("each side sends one message of %d bytes", HandshakeLen),
		fmt.Sprintf("| 0 | 1 | u8 | magic | 0x%X |", Magic), fmt.Sprintf("| 1 | 1 | u8 | version | %d |", version),
		fmt.Sprintf("the prologue %q", prologue), fmt.Sprintf("pieces of at most %d bytes", MaxPlain),
		fmt.Sprintf("of the rest: %d to %d |", tagLen+1, MaxPlain+tagLen), fmt.Sprintf("After every %d records", rekeyAfter), "ends before record 2^60.",
		`with "covey link", "covey announce" and "covey client" as purpose`, fmt.Sprintf("The last %d bytes of an announce", AuthLen),
		fmt.Sprintf("written as `%s` and 43 letters", prefix), fmt.Sprintf("`%s` and 43 letters", clientPrefix),
		"any after ten wrong ones from one address in a minute",
	} {
		if !strings.Contains(text, sentence) {
			t.Errorf("docs/PROTOCOL.md does not say: %s", sentence)
		}
	}
	if maxTries != 10 || maxRecords != 1<<60 {
		t.Error("a number of the page has changed")
	}
}
