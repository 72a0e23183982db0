package lab

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

func TestGoRedisWorksUnchanged(t *testing.T) {
	t.Parallel()
	hosts, _ := mesh(t, 2)
	for _, protocol := range []int{2, 3} {
		t.Run(fmt.Sprintf("RESP%d", protocol), func(t *testing.T) {
			c := redis.NewClient(&redis.Options{
				Addr: "127.0.0.1:9000", Dialer: hosts[0].Dial, Protocol: protocol, ClientName: "lab", MaxRetries: -1,
			})
			t.Cleanup(func() { c.Close() })
			useGoRedis(t, c)
		})
	}
}

// useGoRedis does what a program does with a cache.
func useGoRedis(t *testing.T, c *redis.Client) {
	t.Helper()
	ctx := context.Background()
	check := func(what string, got any, err error, want any) {
		t.Helper()
		if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s = %v, %v; want %v", what, got, err, want)
		}
	}
	must := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	must("PING", c.Ping(ctx).Err())
	must("FLUSHALL", c.FlushAll(ctx).Err())
	must("SET", c.Set(ctx, "a", "1", 0).Err())
	got, err := c.Get(ctx, "a").Result()
	check("GET", got, err, "1")
	if err := c.Get(ctx, "none").Err(); !errors.Is(err, redis.Nil) {
		t.Errorf("GET of an absent key: %v", err)
	}
	set, err := c.SetNX(ctx, "a", "2", time.Minute).Result()
	check("SETNX", set, err, false)
	old, err := c.SetArgs(ctx, "a", "3", redis.SetArgs{Get: true, KeepTTL: true}).Result()
	check("SET GET KEEPTTL", old, err, "1")
	n, err := c.IncrBy(ctx, "a", 4).Result()
	check("INCRBY", n, err, 7)
	must("MSET", c.MSet(ctx, "b", "x", "c", "y").Err())
	many, err := c.MGet(ctx, "a", "b", "none").Result()
	check("MGET", many, err, "[7 x <nil>]")
	must("EXPIRE", c.Expire(ctx, "b", time.Minute).Err())
	ttl, err := c.TTL(ctx, "b").Result()
	if err != nil || ttl < 58*time.Second || ttl > time.Minute {
		t.Errorf("TTL = %v, %v", ttl, err)
	}
	persisted, err := c.Persist(ctx, "b").Result()
	check("PERSIST", persisted, err, true)
	kind, err := c.Type(ctx, "b").Result()
	check("TYPE", kind, err, "string")
	there, err := c.Exists(ctx, "a", "b", "none").Result()
	check("EXISTS", there, err, 2)
	keys, cursor, err := c.Scan(ctx, 0, "", 100).Result()
	check("SCAN", fmt.Sprint(len(keys), cursor), err, "3 0")
	deleted, err := c.Del(ctx, "a", "none").Result()
	check("DEL", deleted, err, 1)
	size, err := c.DBSize(ctx).Result()
	check("DBSIZE", size, err, 2)
	waited, err := c.Wait(ctx, 1, time.Second).Result()
	check("WAIT for the other node", waited, err, 1)
	usePipeline(t, c)
}

// usePipeline sends a thousand commands at once and a transaction's worth of misuse.
func usePipeline(t *testing.T, c *redis.Client) {
	t.Helper()
	ctx := context.Background()
	pipe := c.Pipeline()
	var replies []*redis.StringCmd
	for i := range 500 {
		pipe.Set(ctx, fmt.Sprint("pipe-", i), i, time.Minute)
		replies = append(replies, pipe.Get(ctx, fmt.Sprint("pipe-", i)))
	}
	if _, err := pipe.Exec(ctx); err != nil {
		t.Fatal(err)
	}
	for i, reply := range replies {
		if reply.Val() != fmt.Sprint(i) {
			t.Fatalf("reply %d of a pipeline is %q", i, reply.Val())
		}
	}
	if err := c.Do(ctx, "NONSENSE", "x").Err(); err == nil || !strings.Contains(err.Error(), "unknown command") {
		t.Errorf("an unknown command: %v", err)
	}
}

func TestRedisBenchmarkRunsUnchanged(t *testing.T) {
	Need(t, "redis-benchmark")
	hosts, _ := mesh(t, 2)
	for _, args := range []string{
		"-t ping,set,get,incr,mset -n 20000 -c 20 -d 100 -r 10000",
		"-t set,get -n 100000 -c 20 -P 16 -d 100 -r 10000",
	} {
		out := hosts[0].Exec("redis-benchmark", append([]string{"-p", "9000", "-q"}, strings.Fields(args)...)...)
		if out.Code != 0 {
			t.Errorf("redis-benchmark %s ended with %d\n%s%s", args, out.Code, out.Stdout, out.Stderr)
		}
		if all := out.Stdout + out.Stderr; strings.Contains(strings.ToLower(all), "err") || strings.Contains(all, "WARN") {
			t.Errorf("redis-benchmark %s printed an error:\n%s", args, all)
		}
		for line := range strings.SplitSeq(strings.ReplaceAll(out.Stdout, "\r", "\n"), "\n") {
			if strings.Contains(line, "requests per second") && !strings.Contains(line, "rps=") {
				t.Logf("FIGURE redis-benchmark %s: %s", args, strings.TrimSpace(line))
			}
		}
	}
	converged(t, hosts[0], 2)
}

func TestRedisCLIWorksUnchanged(t *testing.T) {
	t.Parallel()
	hosts, _ := mesh(t, 2)
	h := hosts[0]
	mustRedis(t, h, "PONG", "PING")
	mustRedis(t, h, "OK", "SET", "k", "v", "EX", "100")
	mustRedis(t, h, "v", "GET", "k")
	mustRedis(t, h, "100", "TTL", "k")
	mustRedis(t, h, "1", "INCR", "n")
	mustRedis(t, h, "1", "WAIT", "1", "1000")
	mustRedis(t, h, "2", "DBSIZE")
	mustRedis(t, h, "OK", "FLUSHALL")
	Poll(t, visible, "the flush on the other node", func() bool {
		return strings.TrimSpace(hosts[1].RedisCLI("DBSIZE").Stdout) == "0"
	})
	if out := h.RedisCLI("-3", "HELLO"); !strings.Contains(out.Stdout, "version") {
		t.Errorf("HELLO over RESP3 printed %q", out.Stdout)
	}
	if out := h.RedisCLI("INFO", "server"); !strings.Contains(out.Stdout, "redis_version:") || !strings.Contains(out.Stdout, "tcp_port:9000") {
		t.Errorf("INFO server printed %q", out.Stdout)
	}
	if out := h.RedisCLI("AUTH", "x"); !strings.Contains(out.Stdout+out.Stderr, "ERR") {
		t.Errorf("AUTH without a secret printed %q", out.Stdout)
	}
}

func TestCoveyBenchRunsBothProtocols(t *testing.T) {
	h := New(t).Host()
	h.Start()
	waitReady(t, []*Host{h})
	out := h.Covey("bench", "-n", "20000", "-c", "8", "-P", "4", "-d", "100", "-r", "1000", "--protocol", "both")
	if out.Code != 0 || !strings.Contains(out.Stdout, "p99") {
		t.Errorf("covey bench ended with %d\n%s%s", out.Code, out.Stdout, out.Stderr)
	}
	t.Logf("covey bench:\n%s", out.Stdout)
}
