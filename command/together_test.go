package command

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"covey/store"
)

// Each key that may have been evicted is asked for, one after the other, and none is set before all are known to be absent.
func TestR17MSETNXAsksForEachKey(t *testing.T) {
	oneGoroutine(t)
	f := newFixture(t)
	f.evicted(t)
	var unsure []string
	for i := 0; len(unsure) < 3; i++ {
		if key := fmt.Sprint("n", i); !f.Store.Certain([]byte(key), f.Store.Hash([]byte(key)), f.Now) {
			unsure = append(unsure, key)
		}
	}
	line := []string{"MSETNX", "new", "1", unsure[0], "2", unsure[1], "3", unsure[2], "4"}
	f.host.answers = map[string]Answer{unsure[0]: AnswerPending, unsure[1]: AnswerPending, unsure[2]: AnswerPending}
	for i, key := range unsure {
		for range 2 {
			if out, v := f.doVerdict(line...); out != "" || v != Wait || f.Stage.Count() != 0 || f.host.asked[len(f.host.asked)-1] != "7 "+key {
				t.Fatalf("key %d: %q, verdict %d, asked for %q", i, out, v, f.host.asked)
			}
		}
		f.host.answers[key] = AnswerNone
	}
	if out, v := f.doVerdict(line...); out != one1 || v != Done || f.Stage.Count() != 4 {
		t.Errorf("%q, verdict %d, %d updates", out, v, f.Stage.Count())
	}
	f.host.asked = nil
	if out := f.do(line...); out != zero || len(f.host.asked) != 0 {
		t.Errorf("once they are there: %q, asked for %q", out, f.host.asked)
	}
	if f.client.long.done != 0 {
		t.Errorf("%d keys are still taken for asked for", f.client.long.done)
	}
}

func TestWhatMSETNXSetsIsBounded(t *testing.T) {
	f := newFixture(t)
	line := []string{"MSETNX"}
	for i := range maxWords/2 - 1 {
		line = append(line, fmt.Sprint("key:", i), "v")
	}
	for _, c := range []struct {
		words []string
		want  string
	}{
		{append(line, "a", "1", "b", "2"), "-" + errTogether + "\r\n"}, {append(line, "a", "1"), "-" + errTogether + "\r\n"}, {line, one1}, {line, zero},
		{[]string{"MSETNX", "c", strings.Repeat("v", maxTogether-6)}, "-" + errTogether + "\r\n"}, {[]string{"MSETNX", "c", strings.Repeat("v", maxTogether-7)}, one1}, {[]string{"EXISTS", "a", "b", "c", "key:0"}, ":2\r\n"},
	} {
		if got := f.do(c.words...); got != c.want {
			t.Errorf("%.40q and so on, %d words: %q", c.words, len(c.words), got)
		}
	}
	if n := len(f.endTurn(t)); n != maxWords/2 {
		t.Errorf("%d updates", n)
	}
	small, err := store.New(store.Options{Shards: 1, Node: 1, MaxBytes: 256 << 10})
	if err != nil {
		t.Fatal(err)
	}
	f.Store = small
	if got := f.do("MSETNX", "a", "1", "b", strings.Repeat("v", 200<<10)); !strings.HasPrefix(got, "-ERR the key or the value is larger") || f.do("EXISTS", "a") != zero {
		t.Errorf("%q", got)
	}
}

// Where every key is to be asked for, and nobody is there to be asked, the keys are not gone through again for each of them.
func TestMSETNXOfManyKeysToAskForTakesTheTimeOfThem(t *testing.T) {
	oneGoroutine(t)
	f := newFixture(t)
	f.evicted(t)
	line := [][]byte{[]byte("MSETNX")}
	for i := 0; len(line) < maxWords-1; i++ {
		if key := fmt.Append(nil, "unsure:", i); !f.Store.Certain(key, f.Store.Hash(key), f.Now) {
			line = append(line, key, nil)
		}
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	out, v := f.Turn.RESP(f.client, line, nil)
	runtime.ReadMemStats(&after)
	keys := len(line) / 2
	if string(out) != one1 || v != Done || len(f.host.asked) != keys {
		t.Errorf("%q, verdict %d, %d of %d keys are asked for", out, v, len(f.host.asked), keys)
	}
	// Each time that the keys are gone through their hashes take memory.
	if took := after.TotalAlloc - before.TotalAlloc; took > uint64(keys*keys*8)/2 {
		t.Errorf("%d KiB for %d keys", took>>10, keys)
	}
}
