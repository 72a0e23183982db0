package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"covey/bench/rivals/internal/report"
	"covey/bench/rivals/internal/server"
	"covey/client"
)

const nodePatience = 30 * time.Second // for its start, its end, and each reply

// node is a process that this program started, alone in a cluster of its own.
type node struct {
	process *exec.Cmd
	addr    string
	clients []*client.Client
}

func newNode(s settings) (target, error) {
	port, err := server.FreePort()
	if err != nil {
		return nil, err
	}
	discovery, err := server.FreePort()
	if err != nil {
		return nil, err
	}
	n := &node{addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port))}
	n.process = exec.Command(s.binary, "run", "--listen", n.addr, "--discovery-port", strconv.Itoa(discovery), "--http", "off", "--interfaces", "lo",
		"--cluster", fmt.Sprintf("churn-%d", os.Getpid()), "--max-memory", strconv.FormatInt(s.budget, 10), "--log-level", "warn")
	n.process.Stderr = os.Stderr
	if err := n.process.Start(); err != nil {
		return nil, fmt.Errorf("starting a node (make build makes it): %w", err)
	}
	if err := n.wait(); err != nil {
		return nil, errors.Join(err, n.close())
	}
	return n, nil
}

// wait returns when the node is ready.
func (n *node) wait() error {
	ctx, cancel := context.WithTimeout(context.Background(), nodePatience)
	defer cancel()
	for ; ctx.Err() == nil; time.Sleep(10 * time.Millisecond) {
		c, err := client.Dial(ctx, n.addr)
		if err != nil {
			continue
		}
		figures, err := c.Info(ctx)
		c.Close()
		if err == nil && figures.Ready == 1 {
			return nil
		}
	}
	return errors.New("the node does not become ready")
}

func (n *node) before() int64              { return 0 }
func (n *node) rss() (int64, int64, error) { return report.RSS(n.process.Process.Pid) }

func (n *node) close() error {
	for _, c := range n.clients {
		c.Close()
	}
	if err := n.process.Process.Signal(syscall.SIGTERM); err != nil {
		return errors.Join(err, n.process.Wait())
	}
	ended := make(chan error, 1)
	go func() { ended <- n.process.Wait() }()
	select {
	case err := <-ended:
		return err
	case <-time.After(nodePatience):
		return errors.Join(errors.New("the node does not end when asked to"), n.process.Process.Kill(), <-ended)
	}
}

func (n *node) dial() (connection, error) {
	ctx, cancel := context.WithTimeout(context.Background(), nodePatience)
	defer cancel()
	c, err := client.Dial(ctx, n.addr, client.WithInFlight(1))
	if err != nil {
		return nil, err
	}
	n.clients = append(n.clients, c)
	return wire{c}, nil
}

// wire is one connection of the binary protocol.
type wire struct{ *client.Client }

func (w wire) set(key, value []byte, life time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), nodePatience)
	defer cancel()
	return w.Set(ctx, key, value, client.SetOptions{TTL: life})
}

func (w wire) get(dst, key []byte) ([]byte, bool, error) {
	ctx, cancel := context.WithTimeout(context.Background(), nodePatience)
	defer cancel()
	value, err := w.AppendGet(ctx, dst, key)
	if errors.Is(err, client.ErrNotFound) {
		return dst, false, nil
	}
	return value, err == nil, err
}

func (w wire) delete(key []byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), nodePatience)
	defer cancel()
	_, err := w.Delete(ctx, key)
	return err
}
