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

// conn is a client with all its connections. A get must find a value of valueBytes, of each key.
type conn struct {
	get     func(ctx context.Context, dst []byte, key string) error
	set     func(ctx context.Context, key string, value []byte) error
	getMany func(ctx context.Context, keys []string) error // by one goroutine
	setMany func(ctx context.Context, keys []string, value []byte) error
	close   func()
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
		getMany: func() func(ctx context.Context, keys []string) error {
			var all [][]byte
			return func(ctx context.Context, keys []string) error {
				all = appendKeys(all[:0], keys)
				found, wrong := 0, error(nil)
				err := pick().GetMany(ctx, all, func(_ int, value []byte) {
					found++
					wrong = errors.Join(wrong, checked(len(value)))
				})
				return errors.Join(err, wrong, everyone(found, len(keys)))
			}
		}(),
		setMany: func() func(ctx context.Context, keys []string, value []byte) error {
			var all [][]byte
			var entries []client.Entry
			return func(ctx context.Context, keys []string, value []byte) error {
				all, entries = appendKeys(all[:0], keys), entries[:0]
				for _, key := range all {
					entries = append(entries, client.Entry{Key: key, Value: value})
				}
				return pick().SetMany(ctx, entries)
			}
		}(),
		close: end,
	}, nil
}

// appendKeys copies keys into the memory that all had, as a program would that has strings.
func appendKeys(all [][]byte, keys []string) [][]byte {
	for _, key := range keys {
		if len(all) < cap(all) {
			all = all[:len(all)+1]
			all[len(all)-1] = append(all[len(all)-1][:0], key...)
			continue
		}
		all = append(all, []byte(key))
	}
	return all
}

func everyone(found, want int) error {
	if found != want {
		return fmt.Errorf("%d values for %d keys", found, want)
	}
	return nil
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
		getMany: func(ctx context.Context, keys []string) error {
			values, err := c.Do(ctx, c.B().Mget().Key(keys...).Build()).AsStrSlice()
			if err != nil {
				return err
			}
			for _, value := range values {
				err = errors.Join(err, checked(len(value)))
			}
			return errors.Join(err, everyone(len(values), len(keys)))
		},
		setMany: func(ctx context.Context, keys []string, value []byte) error {
			m := c.B().Mset().KeyValue()
			for _, key := range keys {
				m = m.KeyValue(key, rueidis.BinaryString(value))
			}
			return c.Do(ctx, m.Build()).Error()
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
		getMany: func(ctx context.Context, keys []string) error {
			values, err := c.MGet(ctx, keys...).Result()
			if err != nil {
				return err
			}
			for _, value := range values {
				text, _ := value.(string)
				err = errors.Join(err, checked(len(text)))
			}
			return errors.Join(err, everyone(len(values), len(keys)))
		},
		setMany: func(ctx context.Context, keys []string, value []byte) error {
			pairs := make([]any, 0, 2*len(keys))
			for _, key := range keys {
				pairs = append(pairs, key, value)
			}
			return c.MSet(ctx, pairs...).Err()
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
