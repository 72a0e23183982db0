package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"

	"covey/client"
	"covey/seal"
)

const (
	// loadingPatience is the program's patience with a node that answers that it is loading.
	loadingPatience = 5 * time.Second
	// loadingPause is the time between two tries meanwhile.
	loadingPause = 50 * time.Millisecond
	// answerPatience is how long a request may take: 16 MiB at 10 Mbit/s are 13 s.
	answerPatience = 30 * time.Second
)

// secretHint ends a sentence about a node that wants a secret.
const secretHint = "; a secret is given with --secret-file FILE or $" + secretVariable

// nodeFlag is the flag of every verb that asks a node.
type nodeFlag struct {
	Addr string `short:"a" default:"127.0.0.1:9000" placeholder:"HOST:PORT" help:"The node to ask, or the path of its Unix socket (default ${default})."`
	secretFlag
}

// outputFlag is the flag of every verb that prints.
type outputFlag struct {
	Output string `short:"o" default:"text" enum:"text,json" placeholder:"FORMAT" help:"text or json (default ${default})."`
}

func (o *outputFlag) json() bool { return o.Output == "json" }

// ask dials the node and calls f, and repeats that while the node says that it is loading, for p.Patience at most.
// Each try of f has answerPatience. The error is one that the program can end with.
func (n *nodeFlag) ask(ctx context.Context, p *process, f func(context.Context, *client.Client) error) error {
	if err := n.check(); err != nil {
		return err
	}
	c, err := n.dial(ctx, p)
	if err != nil {
		return err
	}
	defer c.Close()
	// Dialing again is of no use: a node keeps the connections of clients while it loads.
	giveUp := time.Now().Add(p.Patience)
	for {
		err := n.try(ctx, c, f)
		if !errors.Is(err, client.ErrLoading) || time.Now().After(giveUp) {
			return n.explain(err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(loadingPause):
		}
	}
}

// dial connects to the node with all secrets: while one replaces the other, the node may know only one of the two.
func (n *nodeFlag) dial(ctx context.Context, p *process) (*client.Client, error) {
	all, err := n.read(p)
	if err != nil {
		return nil, err
	}
	c, err := client.Dial(ctx, n.Addr, passwords(all)...)
	return c, n.explain(err)
}

// passwords are the options of a client that uses the secrets, if there are any.
func passwords(all seal.Secrets) []client.Option {
	if len(all) == 0 {
		return nil
	}
	var each []string
	for i := range all {
		each = append(each, all[i].Password())
	}
	return []client.Option{client.WithPassword(each[0], each[1:]...)}
}

// check refuses an address that cannot be one, and gives one without a port that of a node.
func (n *nodeFlag) check() error {
	if strings.HasPrefix(n.Addr, "/") {
		return nil
	}
	_, port, err := net.SplitHostPort(n.Addr)
	var wrong *net.AddrError
	if errors.As(err, &wrong) && wrong.Err == "missing port in address" {
		n.Addr += ":" + strconv.Itoa(defaultPort)
		_, port, err = net.SplitHostPort(n.Addr)
	}
	number := 0
	if err == nil {
		number, err = net.LookupPort("tcp", port)
	}
	if err != nil || number == 0 {
		return failf(exitUsage, "--addr %q is neither a host and a port, such as 127.0.0.1:9000 or 10.0.0.5:9000, nor the path of a Unix socket", n.Addr)
	}
	return nil
}

func (n *nodeFlag) try(ctx context.Context, c *client.Client, f func(context.Context, *client.Client) error) error {
	limited, cancel := context.WithTimeout(ctx, answerPatience)
	defer cancel()
	return f(limited, c)
}

// explain turns an error of the client into a sentence that says what to do, and a status.
func (n *nodeFlag) explain(err error) error {
	var refused *client.ServerError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, client.ErrUnreachable) && !errors.Is(err, client.ErrProtocol) && !errors.Is(err, client.ErrClosed):
		return n.unreachable(err)
	case errors.Is(err, client.ErrDenied) && errors.As(err, &refused):
		hint := ""
		if strings.Contains(refused.Text, "covey secret password") { // it asks for one
			hint = secretHint
		}
		return failf(exitFailed, "the node at %s answers: %s%s", n.Addr, refused.Text, hint)
	case errors.Is(err, context.DeadlineExceeded):
		return failf(exitUnreachable, "what listens at %s took the request and did not answer within %v; see `covey doctor` there, or ask another node with --addr", n.Addr, answerPatience)
	case errors.Is(err, client.ErrProtocol):
		return failf(exitUnreachable, "what listens at %s is not a covey node, or one of another protocol; see `covey doctor`, or give --addr", n.Addr)
	case errors.Is(err, client.ErrLoading):
		return failf(exitFailed, "the node at %s is still loading the data of its peers; try again in a moment, or ask another with --addr", n.Addr)
	case errors.Is(err, client.ErrClosed) && errors.As(err, &refused):
		return failf(exitFailed, "the node at %s answers: %s", n.Addr, refused.Text)
	case errors.Is(err, client.ErrClosed):
		return failf(exitFailed, "the node at %s closed the connection before it answered; whether it did what was asked is not known: run the command again", n.Addr)
	case errors.Is(err, client.ErrTooLarge):
		return failf(exitUsage, "a key has at most 64 KiB and a value at most 16 MiB; split what is longer")
	case errors.As(err, &refused):
		return failf(exitFailed, "the node at %s answers: %s", n.Addr, refused.Text)
	default:
		return err
	}
}

// unreachable says that nothing listens, and why where that is not the plain refusal of a port without a listener; or that the user did
// not want to wait.
func (n *nodeFlag) unreachable(err error) error {
	if errors.Is(err, context.Canceled) {
		return context.Canceled
	}
	why := ""
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
	case errors.As(err, &dns):
		why = fmt.Sprintf(" (%s)", dns.Err)
	case errors.As(err, &op) && op.Timeout():
		why = " (timed out)"
	case errors.As(err, &op):
		why = fmt.Sprintf(" (%v)", op.Err)
	}
	return failf(exitUnreachable, "no node answers at %s%s; start one with `covey run`, or give --addr", n.Addr, why)
}
