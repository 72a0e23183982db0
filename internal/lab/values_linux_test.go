package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"covey/client"
)

// visible is the limit for a change made on one node to be seen on the others.
const visible = 100 * time.Millisecond

// runs of each way of looking; the median is what counts.
const looks = 7

// A door is one way in which users reach a node. Absent is "" for all of them.
type door struct {
	name string
	set  func(h *Host, key, value string, ttl time.Duration)
	del  func(h *Host, key string)
	get  func(h *Host, key string) string
}

// doors are the command line, redis-cli and the Go client.
func doors(t *testing.T, hosts []*Host) []door {
	t.Helper()
	Need(t, "redis-cli")
	clients := map[*Host]*client.Client{}
	// Connected when first used: a node closes a connection that says nothing.
	at := func(h *Host) *client.Client {
		if clients[h] == nil {
			clients[h] = goClient(t, h)
		}
		return clients[h]
	}
	ctx := context.Background()
	return []door{{
		name: "covey",
		set: func(h *Host, key, value string, ttl time.Duration) {
			mustCovey(t, h, append([]string{"set", key, value}, ttlFlag(ttl)...)...)
		},
		del: func(h *Host, key string) { mustCovey(t, h, "del", key) },
		get: func(h *Host, key string) string {
			out := h.Covey("get", key)
			if out.Code != 0 && out.Code != 3 {
				t.Fatalf("covey get: status %d: %s", out.Code, out.Stderr)
			}
			return strings.TrimSuffix(out.Stdout, "\n")
		},
	}, {
		name: "redis-cli",
		set: func(h *Host, key, value string, ttl time.Duration) {
			args := []string{"SET", key, value}
			if ttl > 0 {
				args = append(args, "PX", fmt.Sprint(ttl.Milliseconds()))
			}
			mustRedis(t, h, "OK", args...)
		},
		del: func(h *Host, key string) { mustRedis(t, h, "1", "DEL", key) },
		get: func(h *Host, key string) string {
			return strings.TrimSuffix(h.RedisCLI("GET", key).Stdout, "\n")
		},
	}, {
		name: "Go client",
		set: func(h *Host, key, value string, ttl time.Duration) {
			if err := at(h).Set(ctx, []byte(key), []byte(value), client.SetOptions{TTL: ttl}); err != nil {
				t.Fatal(err)
			}
		},
		del: func(h *Host, key string) {
			if existed, err := at(h).Delete(ctx, []byte(key)); err != nil || !existed {
				t.Fatalf("delete: existed %v, %v", existed, err)
			}
		},
		get: func(h *Host, key string) string {
			value, err := at(h).Get(ctx, []byte(key))
			if err != nil && !errors.Is(err, client.ErrNotFound) {
				t.Fatal(err)
			}
			return string(value)
		},
	}}
}

func ttlFlag(ttl time.Duration) []string {
	if ttl == 0 {
		return nil
	}
	return []string{"--ttl", ttl.String()}
}

func mustRedis(t *testing.T, h *Host, want string, args ...string) {
	t.Helper()
	if out := h.RedisCLI(args...); strings.TrimSpace(out.Stdout) != want {
		t.Fatalf("%s: redis-cli %v printed %q, want %q: %s", h.Name, args, out.Stdout, want, out.Stderr)
	}
}

// becomes waits until the key has the value on all hosts, and returns the time since begin.
func becomes(t *testing.T, d door, hosts []*Host, key, value string, begin time.Time) time.Duration {
	t.Helper()
	for _, h := range hosts {
		Poll(t, patience, fmt.Sprintf("%s on %s to be %q", key, h.Name, value), func() bool { return d.get(h, key) == value })
	}
	return time.Since(begin)
}

func TestAChangeOnOneNodeIsSeenOnTheOthers(t *testing.T) {
	hosts, _ := mesh(t, 3)
	for _, d := range doors(t, hosts) {
		t.Run(d.name, func(t *testing.T) {
			set := Figure{Name: "a value set is read on the others by " + d.name, Limit: visible}
			deleted := Figure{Name: "a delete is seen on the others by " + d.name, Limit: visible}
			expired := Figure{Name: "an expiry is seen on the others by " + d.name, Limit: visible}
			for i := range looks {
				at, others := hosts[i%3], without(hosts, hosts[i%3])
				key := fmt.Sprintf("%s %d", d.name, i)
				d.set(at, key, "some value", 0)
				set.Add(becomes(t, d, others, key, "some value", time.Now()))
				d.del(at, key)
				deleted.Add(becomes(t, d, others, key, "", time.Now()))
				expired.Add(expiry(t, d, at, others, key))
			}
			set.Check(t)
			deleted.Check(t)
			expired.Check(t)
		})
	}
}

// expiry sets a key for a short time and returns how much later than that the others still showed it.
func expiry(t *testing.T, d door, at *Host, others []*Host, key string) time.Duration {
	t.Helper()
	const ttl = 300 * time.Millisecond
	// Own clocks of nodes may differ by this much and all be right: a key may go so much too early.
	const early = 20 * time.Millisecond
	before := time.Now()
	d.set(at, key, "for a while", ttl)
	after := time.Now()
	becomes(t, d, others, key, "for a while", after)
	becomes(t, d, others, key, "", after)
	if gone := time.Now(); gone.Before(before.Add(ttl - early)) {
		t.Errorf("%s: a key that lives for %v was gone after %v", d.name, ttl, gone.Sub(before))
	}
	return max(0, time.Since(after.Add(ttl)))
}

func TestWhatOneDoorSetsAllDoorsRead(t *testing.T) {
	t.Parallel()
	hosts, _ := mesh(t, 2)
	all := doors(t, hosts)
	for _, writer := range all {
		for _, reader := range all {
			key := writer.name + " to " + reader.name
			writer.set(hosts[0], key, "value", 0)
			becomes(t, reader, hosts, key, "value", time.Now())
		}
	}
}

func TestAnyBytesUpToTheLimitsArriveWhole(t *testing.T) {
	t.Parallel()
	hosts, _ := mesh(t, 3)
	from, to := goClient(t, hosts[0]), goClient(t, hosts[1])
	third := goClient(t, hosts[2])
	ctx := context.Background()
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	for _, c := range []struct {
		name       string
		key, value []byte
	}{
		{"every byte", every, every},
		{"an empty value", []byte("empty"), nil},
		{"a value over the size of a read buffer", []byte("large"), bytes.Repeat(every, 1024)},
		{"a key of 64 KiB", bytes.Repeat(every, 256), []byte("long key")},
		{"a value of 16 MiB", []byte("huge"), bytes.Repeat(every, 65536)},
	} {
		if err := from.Set(ctx, c.key, c.value, client.SetOptions{}); err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		for _, other := range []*client.Client{to, third} {
			took := Poll(t, patience, c.name, func() bool {
				got, err := other.Get(ctx, c.key)
				return err == nil && bytes.Equal(got, c.value)
			})
			t.Logf("%s: %d bytes after %v", c.name, len(c.key)+len(c.value), took.Round(time.Millisecond))
		}
	}
	if err := from.Set(ctx, make([]byte, 65537), []byte("x"), client.SetOptions{}); !errors.Is(err, client.ErrTooLarge) {
		t.Errorf("a key over the limit: %v", err)
	}
}

func TestVerbsEndWithTheContractedStatus(t *testing.T) {
	t.Parallel()
	n := New(t)
	h := n.Host()
	if out := h.Covey("get", "k"); out.Code != 4 || !strings.Contains(out.Stderr, "covey run") {
		t.Errorf("without a node get ends with %d: %q, want 4 and a sentence that says how to start one", out.Code, out.Stderr)
	}
	h.Start()
	waitReady(t, []*Host{h})
	for _, c := range []struct {
		args   []string
		code   int
		stdout string
	}{
		{[]string{"get", "absent"}, 3, ""},
		{[]string{"set", "k", "v"}, 0, ""},
		{[]string{"get", "k"}, 0, "v\n"},
		{[]string{"get", "k", "--raw"}, 0, "v"},
		{[]string{"get", "--", "-k"}, 3, ""},
		{[]string{"del", "absent"}, 3, ""},
		{[]string{"del", "k"}, 0, ""},
		{[]string{"get"}, 2, ""},
		{[]string{"nonsense"}, 2, ""},
		{[]string{"run", "--secret-file", "f"}, 2, ""},
		{[]string{"members"}, 0, ""},
		{[]string{"info"}, 0, ""},
		{[]string{"verify"}, 0, ""},
		{[]string{"doctor"}, 0, ""},
		{[]string{"version"}, 0, ""},
	} {
		out := h.Covey(c.args...)
		if out.Code != c.code {
			t.Errorf("covey %v ended with %d, want %d\n%s%s", c.args, out.Code, c.code, out.Stdout, out.Stderr)
		}
		if c.stdout != "" && out.Stdout != c.stdout {
			t.Errorf("covey %v printed %q, want %q", c.args, out.Stdout, c.stdout)
		}
		if c.code > 0 && strings.TrimSpace(out.Stdout+out.Stderr) == "" {
			t.Errorf("covey %v fails without a sentence", c.args)
		}
	}
}
