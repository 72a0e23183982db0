package loop

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// The default address of the probes gives way to the node's own port; an address that the user named is refused.
func TestTheProbesLeaveTheNodesPortToIt(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t, freePort(t))
	cfg.HTTP = cfg.Listen.String()
	tn := startNode(t, cfg)
	eventually(t, "ready", tn.ready)
	if got := dialRaw(t, tn.addr).do("SET", "k", "v"); got != "+OK" {
		t.Errorf("at its own port the node answers %q", got)
	}
	if out := tn.out.String(); !strings.Contains(out, "probes at http://127.0.0.1:") || strings.Contains(out, "probes at http://"+tn.addr+"/") {
		t.Errorf("the node prints %q", out)
	}
	cfg = testConfig(t, freePort(t))
	cfg.HTTP, cfg.HTTPSet = fmt.Sprintf("0.0.0.0:%d", cfg.Listen.Port()), true
	if err := Run(context.Background(), cfg); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), "is where the node itself listens") {
		t.Errorf("probes on the node's port: %v", err)
	}
}
