package loop

import (
	"context"
	"fmt"
	"strings"
	"time"

	"covey/codec"
)

// greetUser prints the first lines: who this node is, where it listens, which cards it uses.
// They are written whole, by one goroutine at a time.
func (n *node) greetUser(moved bool, web *webServer) {
	var b strings.Builder
	fmt.Fprintf(&b, "covey %s, node %s\n", n.cfg.Version, codec.FormatID(n.mind.ID()))
	fmt.Fprintf(&b, "listening on %s (clients and peers), announcing on UDP port %d\n", n.cfg.Listen, n.cfg.DiscoveryPort)
	if n.unix != nil {
		fmt.Fprintf(&b, "listening on %s (clients of this machine)\n", n.cfg.Unix)
	}
	if moved {
		fmt.Fprintf(&b, "the default port is taken, so this node took %d; clients use --addr 127.0.0.1:%d\n", n.cfg.Listen.Port(), n.cfg.Listen.Port())
	}
	used := 0
	for _, c := range *n.beacon.cards.Load() {
		if c.Usable {
			used++
			fmt.Fprintf(&b, "card %s: used, %s\n", c.Name, cardAddrs(&c))
		} else {
			fmt.Fprintf(&b, "card %s: skipped, %s\n", c.Name, c.Reason)
		}
	}
	switch {
	case n.cfg.Listen.Addr().IsLoopback():
		b.WriteString("listening on loopback: only programs and nodes of this machine can connect\n")
	case used == 0:
		b.WriteString("no card can be used: only nodes on this machine, or named by --peer, will be found\n")
	}
	if n.guard != nil {
		b.WriteString("a secret is set: nodes and clients have to know it\n")
	}
	b.WriteString(web.line())
	fmt.Fprint(n.cfg.Out, b.String())
}

// announceReady prints the last of the first lines once the node is ready, or why it is not yet.
func (n *node) announceReady(ctx context.Context) {
	beat := time.NewTicker(tickInterval)
	defer beat.Stop()
	begun := time.Now()
	patience := false
	for n.mind.State() != codec.StateReady {
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
		}
		if !patience && time.Since(begun) > readyPatience {
			patience = true
			fmt.Fprintf(n.cfg.Out, "cluster %s: %s, copying what is stored; reads answer LOADING until that is done\n", n.cfg.Cluster, nodes(len(n.mind.Links())))
		}
	}
	fmt.Fprintf(n.cfg.Out, "cluster %s: %s; ready\n", n.cfg.Cluster, nodes(len(n.mind.Links())))
	fmt.Fprintf(n.cfg.Out, "try: %s\n", n.tryLine())
}

func nodes(n int) string {
	if n == 1 {
		return "1 node already here"
	}
	return fmt.Sprintf("%d nodes already here", n)
}

// tryLine is a command that works as it stands, but for the secret: which file it was read from, or whether from one, only the user knows.
func (n *node) tryLine() string {
	to := ""
	host := n.cfg.Listen.Addr().String()
	if n.cfg.Listen.Addr().IsUnspecified() {
		host = "127.0.0.1"
	}
	if addr := fmt.Sprintf("%s:%d", host, n.cfg.Listen.Port()); addr != "127.0.0.1:9000" {
		to = " --addr " + addr
	}
	if n.guard != nil {
		return fmt.Sprintf("covey set greeting hello%s --secret-file FILE, then on any other machine: covey get greeting --secret-file FILE", to)
	}
	return fmt.Sprintf("covey set greeting hello%s, then on any other machine: covey get greeting   (or redis-cli -h %s -p %d)", to, host, n.cfg.Listen.Port())
}
