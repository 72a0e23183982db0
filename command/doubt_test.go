package command

import (
	"fmt"
	"strings"
	"testing"

	"covey/codec"
	"covey/store"
)

// evicted fills the store of a fixture until it has evicted, and returns a key that lost its value with what it was.
func (f *fixture) evicted(t *testing.T) (key string, r store.Record) {
	t.Helper()
	small, err := store.New(store.Options{Shards: 1, Node: 1, MaxBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	f.Store = small
	f.knowScripts()
	var all []store.Record
	for i := 0; small.Counts().Evictions == 0; i++ {
		key, value := fmt.Appendf(nil, "n%d", i), fmt.Append(nil, i)
		_, res := small.Set(nil, key, value, small.Hash(key), f.Now, store.SetOptions{})
		if len(all) < 1_000 { // the oldest go first
			all = append(all, res.Record)
		}
	}
	for _, r := range all {
		if !small.Certain(r.Key, small.Hash(r.Key), f.Now) {
			return string(r.Key), r
		}
	}
	t.Fatal("nothing is a ghost")
	return "", r
}

// What reads in order to write, with the reply when the key is absent and when it holds 41.
var readers = append([]reader{
	{"SET k 7 NX", "+OK", "$-1"}, {"SET k 7 XX", "$-1", "+OK"}, {"SET k 7 GET", "$-1", "$2|41"}, {"SET k 7 KEEPTTL", "+OK", "+OK"},
	{"SETNX k 7", ":1", ":0"}, {"GETSET k 7", "$-1", "$2|41"}, {"GETDEL k", "$-1", "$2|41"}, {"INCR k", ":1", ":42"}, {"DECR k", ":-1", ":40"},
	{"INCRBY k 5", ":5", ":46"}, {"DECRBY k 5", ":-5", ":36"}, {"EXPIRE k 9", ":0", ":1"}, {"PEXPIRE k 9", ":0", ":1"},
	{"EXPIREAT k 99999999999", ":0", ":1"}, {"PEXPIREAT k 99999999999999", ":0", ":1"}, {"PERSIST k", ":0", ":0"},
	{"GETEX k EX 9", "$-1", "$2|41"}, {"GETEX k PERSIST", "$-1", "$2|41"},
	{"SET k 7 IFEQ 41", "$-1", "+OK"}, {"SET k 7 IFNE 41", "+OK", "$-1"}, {"DELEX k IFEQ 41", ":0", ":1"}, {"DELEX k IFNE 41", ":0", ":0"}, {"DELIFEQ k 41", ":0", ":1"},
	{"MSETNX k 7", ":1", ":0"}, {"INCRBYFLOAT k 0.5", "$3|0.5", "$4|41.5"}, {"APPEND k 7", ":1", ":3"}, {"SETRANGE k 1 77", ":3", ":3"}, {"SETRANGE k 1 ''", ":0", ":2"},
}, scriptReaders()...)

type reader struct{ command, absent, there string }

func TestR17AKeyThatMayHaveBeenEvictedIsAskedFor(t *testing.T) {
	oneGoroutine(t)
	for _, c := range readers {
		run := func(answer Answer, found bool) (*fixture, string, Verdict) {
			f := newFixture(t)
			key, r := f.evicted(t)
			line := strings.Replace(c.command, " k", " "+key, 1)
			f.host.answers = map[string]Answer{key: AnswerPending}
			for range 3 {
				if out, v := f.doVerdict(words(line)...); v != Wait || out != "" || f.Stage.Count() != 0 {
					t.Fatalf("%s while it is asked for: %q, verdict %d, %d updates", line, out, v, f.Stage.Count())
				}
			}
			if f.host.asked[0] != "7 "+key {
				t.Fatalf("%s asked for %q", line, f.host.asked)
			}
			if found {
				r.Value = []byte("41")
				r.Stamp++
				r.ExpireStamp++
				r.Content = store.Content(store.KindString, false, r.Value)
				if o := f.Store.Merge(&r, f.Store.Hash(r.Key), f.Now); o != store.Applied {
					t.Fatal(o)
				}
			}
			f.host.answers[key] = answer
			out, v := f.doVerdict(words(line)...)
			return f, strings.ReplaceAll(strings.TrimSuffix(out, "\r\n"), "\r\n", "|"), v
		}
		if _, out, v := run(AnswerNone, false); out != c.absent || v != Done {
			t.Errorf("%s, nobody has it: %q, verdict %d", c.command, out, v)
		}
		if _, out, v := run(AnswerNone, true); out != c.there || v != Done {
			t.Errorf("%s, somebody has it: %q, verdict %d", c.command, out, v)
		}
		if f, out, v := run(AnswerLate, false); !strings.HasPrefix(out, "-TRYAGAIN ") || v != Done || f.Stage.Count() != 0 {
			t.Errorf("%s, no answer in time: %q, verdict %d, %d updates", c.command, out, v, f.Stage.Count())
		}
	}
}

// What the turn has written is on its way before a question for the same key is.
func TestR17AQuestionFollowsWhatItsTurnHasWritten(t *testing.T) {
	oneGoroutine(t)
	f := newFixture(t)
	key, _ := f.evicted(t)
	f.host.answers = map[string]Answer{key: AnswerPending}
	committed := 0
	f.Commit = func(c *Client) {
		if c != f.client || len(f.host.asked) != 0 {
			t.Errorf("%v asked for before what was written is committed", f.host.asked)
		}
		committed += f.Stage.Count()
		f.Stage.Reset()
	}
	f.do("SET", "a", "1")
	f.do("SET", "b", "1")
	if out, v := f.doVerdict("INCR", key); v != Wait || out != "" {
		t.Errorf("%q, verdict %d", out, v)
	}
	if committed != 2 || len(f.host.asked) != 1 || f.Stage.Count() != 0 {
		t.Errorf("%d updates committed, %d staged, %v asked for", committed, f.Stage.Count(), f.host.asked)
	}
}

func TestR17WhatIsCertainIsNotAskedFor(t *testing.T) {
	oneGoroutine(t)
	for _, c := range readers {
		for _, there := range []bool{true, false} {
			f := newFixture(t)
			f.evicted(t)
			if f.do("SET", "k", "41"); !there {
				f.do("DEL", "k") // a tombstone is an answer, in a partial leaf too
			}
			f.host.answers = map[string]Answer{"k": AnswerLate}
			if out := f.do(words(c.command)...); len(f.host.asked) != 0 || strings.HasPrefix(out, "-") {
				t.Errorf("%s, there %v: %q, asked for %q", c.command, there, out, f.host.asked)
			}
		}
	}
}

// A read of what was evicted is a miss: it never waits for the network.
func TestR17ReadsAndBlindWritesNeverAsk(t *testing.T) {
	oneGoroutine(t)
	for c, want := range map[string]string{
		"GET k": "$-1", "MGET k": "*1|$-1", "EXISTS k": ":0", "STRLEN k": ":0", "TTL k": ":-2", "TYPE k": "+none",
		"SET k 1": "+OK", "SET k 1 EX 9": "+OK", "SETEX k 9 1": "+OK", "MSET k 1": "+OK", "DEL k": ":0",
	} {
		f := newFixture(t)
		key, _ := f.evicted(t)
		f.host.answers = map[string]Answer{key: AnswerLate}
		out := f.do(words(strings.Replace(c, " k", " "+key, 1))...)
		if strings.ReplaceAll(strings.TrimSuffix(out, "\r\n"), "\r\n", "|") != want || len(f.host.asked) != 0 {
			t.Errorf("%s: %q, asked for %q", c, out, f.host.asked)
		}
		if c == "DEL k" && f.Stage.Count() != 1 {
			t.Error("a DEL of what was evicted wrote nothing (R3)")
		}
	}
}

func TestR17FramesThatReadInOrderToWriteAsk(t *testing.T) {
	for name, c := range map[string]struct {
		frame  func(key string) []byte
		absent codec.Status // when nobody has the key
		writes int
	}{
		"SetValue with NX":     {func(key string) []byte { return setFrame(key, "7", codec.SetNX, 0) }, codec.StatusOK, 1},
		"Increment":            {func(key string) []byte { return incrementFrame(key, 7, 0) }, codec.StatusOK, 1},
		"Increment with a ttl": {func(key string) []byte { return incrementFrame(key, 7, 1000) }, codec.StatusOK, 1},
		"Expire":               {func(key string) []byte { return expireFrame(key, 1000) }, codec.StatusNotFound, 0},
		"Expire for good":      {func(key string) []byte { return expireFrame(key, 0) }, codec.StatusNotFound, 0},
	} {
		f := newFixture(t)
		key, _ := f.evicted(t)
		f.host.answers = map[string]Answer{key: AnswerPending}
		if _, _, v := f.send(t, c.frame(key)); v != Wait || f.Stage.Count() != 0 {
			t.Errorf("%s did not wait: verdict %d, %d updates", name, v, f.Stage.Count())
		}
		f.host.answers[key] = AnswerLate
		if r, _, v := f.send(t, c.frame(key)); v != Done || r.Status != codec.StatusTryAgain || f.Stage.Count() != 0 {
			t.Errorf("%s, no answer in time: %v, verdict %d, %d updates", name, r, v, f.Stage.Count())
		}
		f.host.answers[key] = AnswerNone
		if r, _, v := f.send(t, c.frame(key)); v != Done || r.Status != c.absent || f.Stage.Count() != c.writes {
			t.Errorf("%s, nobody has it: %v, verdict %d, %d updates", name, r, v, f.Stage.Count())
		}
	}
}
