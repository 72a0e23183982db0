package main

import (
	"bytes"
	"strings"
	"testing"
	"unicode"
)

// FuzzFlags: whatever the words of a command line are, it is understood, or refused in one sentence that a terminal can show.
func FuzzFlags(f *testing.F) {
	for _, line := range []string{
		"", "run", "run --max-memory 1g --listen 127.0.0.1:9000", "get k --addr x", "set k v --ttl 30s", "del --", "get -- --raw", "run --peer a:1 --peer=b:2 -x",
		"members -o json", "bench --connections 0", "secret new", "secret password --secret-file f", "run --no-such", "get --help", "run --horizon=", "\x00 \xff", "run --loops 9999999999999999999",
	} {
		f.Add(strings.ReplaceAll(line, " ", "\n"))
	}
	f.Fuzz(func(t *testing.T, words string) {
		if len(words) > 4<<10 {
			return
		}
		var stdout, stderr bytes.Buffer
		p := invocation{}.process(&stdout, &stderr)
		line, err := parse(strings.Split(words, "\n"), &environment{lookup: p.LookupEnv}, p, new(grammar))
		if err == nil {
			if line == nil && stdout.Len() == 0 {
				t.Fatal("nothing is understood, and nothing said")
			}
			return
		}
		text := shown(sentence(err))
		if exitStatus(err) != exitUsage || text == "" {
			t.Fatalf("status %d, %q", exitStatus(err), text)
		}
		if i := strings.IndexFunc(text, func(r rune) bool { return unicode.IsControl(r) && r != '\t' && r != '\n' }); i >= 0 {
			t.Fatalf("%q would be shown as it is", text)
		}
	})
}
