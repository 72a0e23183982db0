package loop

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/panjf2000/gnet/v2/pkg/logging"
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
	err = Run(t.Context(), testConfig(t, uint16(port))) // without a Logger
	if err == nil || !strings.HasPrefix(err.Error(), fmt.Sprintf("UDP port %d is held", port)) || !strings.Contains(err.Error(), "--discovery-port") {
		t.Errorf("%v", err)
	}
	// gnet keeps the logger of the last engine that was asked for, for all of the process: every node's engine logs to it from now on.
	logging.Infof("an engine that has nothing to do with that node")
}
