package main

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/redis/go-redis/v9"
	"github.com/redis/rueidis"

	"covey/client"
)

// conn is a client with all its connections. A get must find a value of valueBytes.
type conn struct {
	get   func(ctx context.Context, dst []byte, key string) error
	set   func(ctx context.Context, key string, value []byte) error
	close func()
}

var clientNames = []string{"covey", "rueidis", "go-redis", "go-redis-auto"}

var dialers = map[string]func(ctx context.Context, addr string, connections int) (conn, error){
	"covey": dialCovey, "rueidis": dialRueidis, "go-redis": dialGoRedis, "go-redis-auto": dialAuto,
}

func checked(n int) error {
	if n != valueBytes {
		return fmt.Errorf("a value of %d bytes", n)
	}
	return nil
}

// dialCovey gives each request to the next of the connections.
func dialCovey(ctx context.Context, addr string, connections int) (conn, error) {
	var clients []*client.Client
	end := func() {
		for _, c := range clients {
			c.Close()
		}
	}
	for range connections {
		c, err := client.Dial(ctx, addr)
		if err != nil {
			end()
			return conn{}, err
		}
		clients = append(clients, c)
	}
	var next atomic.Uint32
	pick := func() *client.Client { return clients[int(next.Add(1))%len(clients)] }
	if len(clients) == 1 {
		pick = func() *client.Client { return clients[0] }
	}
	// A key goes to the client as bytes; a string is copied to the caller's own memory, as a program would that has strings.
	scratch := sync.Pool{New: func() any { return new([]byte) }}
	return conn{
		get: func(ctx context.Context, dst []byte, key string) error {
			k := scratch.Get().(*[]byte)
			*k = append((*k)[:0], key...)
			value, err := pick().AppendGet(ctx, dst[:0], *k)
			scratch.Put(k)
			if err != nil {
				return err
			}
			return checked(len(value))
		},
		set: func(ctx context.Context, key string, value []byte) error {
			k := scratch.Get().(*[]byte)
			*k = append((*k)[:0], key...)
			err := pick().Set(ctx, *k, value, client.SetOptions{})
			scratch.Put(k)
			return err
		},
		close: end,
	}, nil
}

func dialRueidis(_ context.Context, addr string, connections int) (conn, error) {
	c, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{addr}, DisableCache: true, ForceSingleClient: true,
		PipelineMultiplex: bits.Len(uint(connections)) - 1,
	})
	if err != nil {
		return conn{}, err
	}
	return conn{
		get: func(ctx context.Context, _ []byte, key string) error {
			value, err := c.Do(ctx, c.B().Get().Key(key).Build()).ToString()
			return errors.Join(err, checked(len(value)))
		},
		set: func(ctx context.Context, key string, value []byte) error {
			return c.Do(ctx, c.B().Set().Key(key).Value(rueidis.BinaryString(value)).Build()).Error()
		},
		close: c.Close,
	}, nil
}

func newGoRedis(addr string, connections int) *redis.Client {
	return redis.NewClient(&redis.Options{Addr: addr, PoolSize: connections, PoolTimeout: patience})
}

func dialGoRedis(_ context.Context, addr string, connections int) (conn, error) {
	c := newGoRedis(addr, connections)
	return goRedis(c, func() { c.Close() }), nil
}

func dialAuto(_ context.Context, addr string, connections int) (conn, error) {
	c := newGoRedis(addr, connections)
	auto, err := c.AutoPipeline()
	if err != nil {
		return conn{}, errors.Join(err, c.Close())
	}
	return goRedis(auto, func() { auto.Close(); c.Close() }), nil
}

func goRedis(c redis.Cmdable, end func()) conn {
	return conn{
		get: func(ctx context.Context, _ []byte, key string) error {
			value, err := c.Get(ctx, key).Result()
			return errors.Join(err, checked(len(value)))
		},
		set: func(ctx context.Context, key string, value []byte) error {
			reply, err := c.Set(ctx, key, value, 0).Result()
			if err == nil && !strings.EqualFold(reply, "OK") {
				err = fmt.Errorf("a SET is answered with %q", reply)
			}
			return err
		},
		close: end,
	}
}

// fill sets all keys.
func fill(ctx context.Context, addr string) error {
	c, err := dialCovey(ctx, addr, 1)
	if err != nil {
		return err
	}
	defer c.close()
	keys, value := newKeys(), []byte(strings.Repeat("x", valueBytes))
	failed := make([]error, fillers)
	var all sync.WaitGroup
	for i := range failed {
		all.Go(func() {
			for n := i; n < len(keys) && failed[i] == nil; n += fillers {
				failed[i] = c.set(ctx, keys[n], value)
			}
		})
	}
	all.Wait()
	return errors.Join(failed...)
}
