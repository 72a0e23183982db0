package loop

import (
	"fmt"
	"net"
	"strings"
	"testing"
)

// A UDP port that another program holds for itself is named, with what to do: there is no line above that would say so.
func TestAUDPPortThatIsHeldIsNamed(t *testing.T) {
	t.Parallel()
	held, err := net.ListenPacket("udp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	port := held.LocalAddr().(*net.UDPAddr).Port
	err = Run(t.Context(), testConfig(t, uint16(port)))
	if err == nil || !strings.HasPrefix(err.Error(), fmt.Sprintf("UDP port %d is held", port)) || !strings.Contains(err.Error(), "--discovery-port") {
		t.Errorf("%v", err)
	}
}
