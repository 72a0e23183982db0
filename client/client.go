package client

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"time"

	"covey/codec"
	"covey/seal"
)

// Client is one connection to a node. It is made by Dial or New, its zero value is closed, and it is safe for concurrent use.
type Client struct {
	conn  net.Conn
	sock  bool        // conn is a socket of the system: it takes a short write at once when it is empty
	slots chan uint32 // free slots of send.table: as many as requests may be in flight
	calls sync.Pool   // of *call

	send sender

	in     *bufio.Reader // touched only by the goroutine that reads at the moment (aside.go)
	until  time.Time     // the read deadline of conn; touched only by that goroutine
	resume chan struct{} // capacity 1: the reader is to read again

	dead    chan struct{} // closed when the connection is
	running sync.WaitGroup
}

// Option changes how Dial and New set a Client up. An option that is out of range makes them fail with ErrOptions.
type Option func(*settings) error

type settings struct {
	inFlight    int
	dialTimeout time.Duration
	vanish      time.Duration // vanishTime, but in tests
	passwords   [][]byte      // tried in this order; none: the client does not authenticate
}

// WithInFlight bounds how many requests may wait for their replies at once, from 1 to MaxInFlight; DefaultInFlight without it. A call
// beyond that waits until another is done, or its context is.
func WithInFlight(n int) Option {
	return func(s *settings) error {
		if n < 1 || n > MaxInFlight {
			return fmt.Errorf("%w: in flight must be 1 to %d, not %d", ErrOptions, MaxInFlight, n)
		}
		s.inFlight = n
		return nil
	}
}

// WithDialTimeout bounds how long Dial takes to connect and to authenticate, and New to authenticate: DefaultDialTimeout without it.
// Dial's context may bound it further.
func WithDialTimeout(d time.Duration) Option {
	return func(s *settings) error {
		if d <= 0 {
			return fmt.Errorf("%w: the dial timeout must be positive, not %v", ErrOptions, d)
		}
		s.dialTimeout = d
		return nil
	}
}

// WithSecret has the client authenticate with a secret before anything else. text is what covey secret new printed, or two such
// lines, as in the file of a node while one secret replaces the other: the second is tried when the node refuses the first. The
// secret itself is not sent, but a password made of it. Dial and New fail with ErrDenied if the node refuses, and also if the node has
// no secret: whoever gives one does not mean to talk to an open node.
func WithSecret(text string) Option {
	return func(s *settings) error {
		all, err := seal.Parse([]byte(text))
		if err != nil {
			return fmt.Errorf("%w: %w", ErrOptions, err)
		}
		s.passwords = nil
		for i := range all {
			s.passwords = append(s.passwords, []byte(all[i].Password()))
		}
		return nil
	}
}

// WithPassword is WithSecret for a program that was not given the secret, but the password that covey secret password makes of it.
// While one secret replaces another, give the passwords of both: they are tried in this order. A node closes the connection at the
// third wrong one.
func WithPassword(password string, others ...string) Option {
	return func(s *settings) error {
		s.passwords = nil
		for _, p := range append([]string{password}, others...) {
			if len(p) == 0 || len(p) > codec.MaxPassword {
				return fmt.Errorf("%w: a password has 1 to %d bytes", ErrOptions, codec.MaxPassword)
			}
			s.passwords = append(s.passwords, []byte(p))
		}
		return nil
	}
}

// Dial connects to the node at addr: a host:port, or the path of the Unix socket of a node on this machine, which begins with a slash.
// Without a port it takes 9000, and for "" DefaultAddr. A Client knows this node alone: to go to another when it is gone is up to the
// caller; a Redialer dials it again. The context ends the dialing, not the Client. The error is ErrOptions, ErrDenied, or
// ErrUnreachable; the latter wraps its reason, which may be that of the context.
func Dial(ctx context.Context, addr string, options ...Option) (*Client, error) {
	s, err := settle(options)
	if err != nil {
		return nil, err
	}
	network := "unix"
	if !strings.HasPrefix(addr, "/") {
		network, addr = "tcp", complete(addr)
	}
	ctx, cancel := context.WithTimeout(ctx, s.dialTimeout)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, fmt.Errorf("%w at %s: %w", ErrUnreachable, addr, err)
	}
	noticeGone(conn, s.vanish)
	return open(ctx, conn, s)
}

// New makes a Client of a connection to a node, of whatever kind; a net.Conn that is a syscall.Conn besides has to be a socket, which takes
// a short write without waiting for the node. The Client owns conn from then on; with an error New has closed it, except that after
// ErrOptions it is still the caller's. The errors are those of Dial.
func New(conn net.Conn, options ...Option) (*Client, error) {
	s, err := settle(options)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.dialTimeout)
	defer cancel()
	return open(ctx, conn, s)
}

// open starts a client and authenticates it, if it has passwords. It closes conn when it fails.
func open(ctx context.Context, conn net.Conn, s settings) (*Client, error) {
	c := start(conn, s)
	var err, refused error
	for _, p := range s.passwords {
		if err = c.authenticate(ctx, p); !errors.Is(err, ErrDenied) {
			break
		}
		refused = err
	}
	switch {
	case err == nil:
		return c, nil
	case refused != nil: // a later try may have failed otherwise, for a node closes after too many; the refusal is the cause
		err = refused
	default:
		err = fmt.Errorf("%w at %s: %w", ErrUnreachable, conn.RemoteAddr(), err)
	}
	c.Close()
	return nil, err
}

func settle(options []Option) (settings, error) {
	s := settings{inFlight: DefaultInFlight, dialTimeout: DefaultDialTimeout, vanish: vanishTime}
	for _, o := range options {
		if err := o(&s); err != nil {
			return s, err
		}
	}
	return s, nil
}

// complete fills in the port that addr leaves out, or all of it.
func complete(addr string) string {
	if addr == "" {
		return DefaultAddr
	}
	if bare := strings.TrimSuffix(strings.TrimPrefix(addr, "["), "]"); isIP(bare) {
		return net.JoinHostPort(bare, defaultPort)
	}
	var missing *net.AddrError
	if _, _, err := net.SplitHostPort(addr); errors.As(err, &missing) && missing.Err == "missing port in address" {
		return net.JoinHostPort(addr, defaultPort)
	}
	return addr
}

func isIP(host string) bool { _, err := netip.ParseAddr(host); return err == nil }

func start(conn net.Conn, s settings) *Client {
	c := &Client{conn: conn, slots: make(chan uint32, s.inFlight), dead: make(chan struct{}), in: bufio.NewReaderSize(conn, readBytes), resume: make(chan struct{}, 1)}
	_, c.sock = conn.(syscall.Conn)
	for i := range s.inFlight {
		c.slots <- uint32(i)
	}
	c.calls.New = func() any { return &call{done: make(chan struct{}, 1)} }
	c.send.init(s.inFlight)
	c.running.Add(2)
	go func() { defer c.running.Done(); c.write() }()
	go func() { defer c.running.Done(); c.read() }()
	return c
}

// Addr returns the address of the node, as host:port.
func (c *Client) Addr() string { return c.conn.RemoteAddr().String() }

// Done returns a channel that is closed when the connection is, by whichever side: from then on every call fails.
func (c *Client) Done() <-chan struct{} { return c.dead }

// Close closes the connection, fails all waiting calls with ErrClosed, and waits for the client's goroutines to end. It always returns
// nil; closing again does nothing.
func (c *Client) Close() error {
	if c.conn == nil {
		return nil
	}
	c.fail(fmt.Errorf("%w by its owner", ErrClosed))
	c.running.Wait()
	return nil
}

// fail closes the connection and ends every call with err; only the first failure counts.
func (c *Client) fail(err error) {
	orphans, first := c.send.close(err)
	if !first {
		return
	}
	close(c.dead)
	c.conn.Close()
	for _, k := range orphans {
		c.finish(k, err)
	}
}
