package loop

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"runtime"
	"strings"
	"time"
	"unicode"

	"covey/ifaces"
	"covey/seal"
)

// ErrConfig is wrapped by every error of Run that the user mends by another command line.
var ErrConfig = errors.New("configuration")

// Config is what a node is started with. The zero value of a field is not a default:
// the command line fills all of them.
type Config struct {
	Listen        netip.AddrPort      // TCP address; the port is where peers and clients connect
	ListenSet     bool                // the user named it: taken is an error, not a reason to try the next
	Unix          string              // path of a socket for programs of this machine; "": none
	DiscoveryPort uint16              // UDP port of announces, shared by all nodes of a machine
	Interfaces    string              // pattern of cards, see ifaces.ParsePattern
	Peers         []string            // host:port to dial where broadcasts do not pass
	StateDir      string              // folder in which the addresses of members are kept for the next start; "": none
	Cluster       string              // only nodes of the same cluster link up
	Secrets       seal.Secrets        // of the mesh; none: it is open to hosts of the node's own networks
	NewSecrets    <-chan seal.Secrets // others that are to count from then on; nil: there never are any
	MaxMemory     int64               // bytes for everything that is stored
	Horizon       time.Duration       // how long deletions are remembered
	Loops         int                 // event loops; 0: DefaultLoops
	Reserve       int                 // loops that take over connections which are more than Loops can serve: DefaultReserve; see reserve
	Procs         func(loops int)     // told how many loops are at work whenever that changes; may be nil
	Linger        bool                // the loops have all processors of Go's scheduler: they may keep them while they wait, see rounds
	HTTP          string              // address of /healthz, /readyz and /metrics, or "off"
	HTTPSet       bool                // the user named it: taken is an error
	Version       string              // shown in reports
	Logger        *slog.Logger        // nil: nothing is logged
	Out           io.Writer           // the first lines a person reads

	skew time.Duration        // for tests: by how much the wall clock is ahead
	seen func(*node)          // for tests, which see the node behind Run before it is on the network; nil: nobody does
	busy func(side int) int64 // for tests: what loops take themselves to be busy with, in percent; nil: they measure it
}

// Check says what is wrong with a configuration, in a sentence that wraps ErrConfig.
func (c *Config) Check() error {
	_, err := c.check()
	return err
}

// check is Check, and reads the pattern of cards.
func (c *Config) check() (ifaces.Pattern, error) {
	wrong := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ErrConfig, fmt.Sprintf(format, args...))
	}
	pattern, err := ifaces.ParsePattern(c.Interfaces)
	unixErr := checkUnix(c.Unix)
	switch {
	case err != nil:
		return pattern, wrong("--interfaces: %v", err)
	case !c.Listen.Addr().Is4() || c.Listen.Port() == 0:
		return pattern, wrong("--listen %s: give an IPv4 address and a port other than 0, such as 0.0.0.0:9000", c.Listen)
	case unixErr != nil:
		return pattern, wrong("%v", unixErr)
	case c.DiscoveryPort == 0:
		return pattern, wrong("--discovery-port 0: give a UDP port from 1 to 65535")
	case len(c.Cluster) == 0 || len(c.Cluster) > maxClusterName:
		return pattern, wrong("--cluster: give a name of 1 to %d bytes", maxClusterName)
	case strings.ContainsFunc(c.Cluster, unicode.IsControl): // a line end from a file, which nobody sees
		return pattern, wrong("--cluster %q: give a name without line ends, tabs and other control characters", c.Cluster)
	case c.MaxMemory < minMemory || c.MaxMemory > MaxMemory:
		return pattern, wrong("--max-memory %d: give %s to %s", c.MaxMemory, inUnits(minMemory), inUnits(MaxMemory))
	case c.Horizon < minHorizon || c.Horizon > maxHorizon:
		return pattern, wrong("--horizon %s: give %s to %s", c.Horizon, minHorizon, maxHorizon)
	case c.Loops < 0 || c.Loops > maxLoops:
		return pattern, wrong("--loops %d: give a number from 0 (one for every two CPUs) to %d", c.Loops, maxLoops)
	case len(c.Peers) > maxStaticPeers:
		return pattern, wrong("--peer: at most %d of them", maxStaticPeers)
	}
	return pattern, nil
}

// DefaultLoops is one for every two processors that the process may use: the programs that use the cache, most often on the same
// machine, have the others. What it was chosen by: docs/ARCHITECTURE.md.
func DefaultLoops() int { return max(1, runtime.GOMAXPROCS(0)/2) }

// DefaultReserve is a loop for each of the other processors. Elsewhere than on Linux a loop does not know whether it is busy.
func DefaultReserve() int {
	if runtime.GOOS != "linux" {
		return 0
	}
	return runtime.GOMAXPROCS(0) - DefaultLoops()
}

// inUnits is a number of bytes, a multiple of 1 MiB, for people.
func inUnits(n int64) string {
	if n >= 1<<30 {
		return fmt.Sprintf("%d GiB", n>>30)
	}
	return fmt.Sprintf("%d MiB", n>>20)
}
