package loop

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"

	"golang.org/x/net/netutil"

	"covey/codec"
	"covey/internal/status"
)

// webServer is the small HTTP server for probes and monitors; nil-safe where it is off.
type webServer struct {
	srv  *http.Server
	addr netip.AddrPort
}

// serveHTTP starts it. The default address gives way to other nodes on the machine, as the TCP
// port does; an address that the user named does not.
func (n *node) serveHTTP() (*webServer, error) {
	if n.cfg.HTTP == "off" {
		return &webServer{}, nil
	}
	addr, err := netip.ParseAddrPort(n.cfg.HTTP)
	if err != nil || addr.Port() == 0 {
		return nil, fmt.Errorf("%w: --http %s: give an address and a port such as 127.0.0.1:9080, or off", ErrConfig, n.cfg.HTTP)
	}
	ln, addr, err := n.listenHTTP(addr)
	if err != nil {
		return nil, err
	}
	srv := status.Server(func() bool { return n.mind.State() == codec.StateReady }, n.metrics)
	srv.ErrorLog = slog.NewLogLogger(n.log.Handler(), slog.LevelDebug)
	go func() { _ = srv.Serve(netutil.LimitListener(ln, n.share.probes)) }()
	return &webServer{srv: srv, addr: addr}, nil
}

// listenHTTP listens on addr, or on a port after it where that may be. The node's own port, on which it listens later, is not for both.
func (n *node) listenHTTP(addr netip.AddrPort) (ln net.Listener, at netip.AddrPort, err error) {
	tries := portTries
	if n.cfg.HTTPSet {
		tries = 1
	}
	for i := range min(tries, 65536-int(addr.Port())) {
		at = netip.AddrPortFrom(addr.Addr(), addr.Port()+uint16(i))
		if overlap(at, n.cfg.Listen) {
			err = fmt.Errorf("%w: --http %s: %s is where the node itself listens; give another port, or off", ErrConfig, at, n.cfg.Listen)
			continue
		}
		if ln, err = net.Listen("tcp", at.String()); err == nil {
			return ln, at, nil
		}
	}
	if errors.Is(err, ErrConfig) {
		return nil, addr, err
	}
	return nil, addr, fmt.Errorf("cannot serve HTTP on %s: %w; give --http another address, or off", addr, err)
}

// overlap reports whether only one program can listen on both.
func overlap(a, b netip.AddrPort) bool {
	return a.Port() == b.Port() && (a.Addr() == b.Addr() || a.Addr().IsUnspecified() || b.Addr().IsUnspecified())
}

func (w *webServer) line() string {
	if w.srv == nil {
		return ""
	}
	return fmt.Sprintf("probes at http://%s/healthz and /readyz, figures at /metrics\n", w.addr)
}

func (w *webServer) close() {
	if w.srv != nil {
		_ = w.srv.Close()
	}
}
