package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"covey/bench/rivals/internal/report"
	"covey/bench/rivals/internal/server"
	"covey/client"
)

const nodePatience = 30 * time.Second // for each reply

// node is a process that this program started, alone in a cluster of its own.
type node struct {
	fleet   server.Fleet
	server  *server.Server
	clients []*client.Client
}

func newNode(s settings) (target, error) {
	folder, err := os.MkdirTemp("", "covey-churn-")
	if err != nil {
		return nil, err
	}
	n := &node{fleet: server.Fleet{Binary: s.binary, Folder: folder}}
	if n.server, err = n.fleet.Start(context.Background(), "covey", "--max-memory", strconv.FormatInt(s.budget, 10)); err != nil {
		return nil, errors.Join(fmt.Errorf("%w (make build makes it)", err), n.close())
	}
	return n, nil
}

func (n *node) before() int64              { return 0 }
func (n *node) rss() (int64, int64, error) { return report.RSS(n.server.Pid()) }

func (n *node) close() error {
	for _, c := range n.clients {
		c.Close()
	}
	return errors.Join(n.fleet.End(), os.RemoveAll(n.fleet.Folder))
}

func (n *node) dial() (connection, error) {
	ctx, cancel := context.WithTimeout(context.Background(), nodePatience)
	defer cancel()
	c, err := client.Dial(ctx, n.server.Addr, client.WithInFlight(1))
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
