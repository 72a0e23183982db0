package command

import (
	"slices"
	"strings"
	"testing"

	"covey/codec"
)

func TestErrorsSayWhatToDoInsteadOfWhatIsAbsent(t *testing.T) {
	f := newFixture(t)
	for _, c := range []struct{ command, begins, says string }{
		{"FCALL return 0", "-ERR unknown command 'FCALL', with args beginning with: 'return' '0' (", "DELEX key IFEQ token"},
		{"SCRIPT kill", "-ERR unknown subcommand 'kill'. Try SCRIPT HELP. (", "runs no scripts"},
		{"SPUBLISH news x", "-ERR unknown command 'SPUBLISH', with args beginning with: 'news' 'x' (", "reach all nodes"},
		{"HSET h f v", "-ERR unknown command 'HSET', with args beginning with: 'h' 'f' 'v' (", "strings only"},
		{"SLOWLOG", "-ERR unknown command 'SLOWLOG', with args beginning with: (", "covey info"},
		{"RENAME a b", "-ERR unknown command 'RENAME', with args beginning with: 'a' 'b' (", "DEL the first"},
		{"REPLICAOF h 1", "-ERR unknown command 'REPLICAOF', with args beginning with: 'h' '1' (", "start covey on the other machine"},
		{"ACL WHOAMI", "-ERR unknown command 'ACL', with args beginning with: 'WHOAMI' (", "but for FLUSHALL"},
		{"CLIENT LIST", "-ERR unknown subcommand 'LIST'. Try CLIENT HELP. (", "covey info"},
		{"SELECT 1", "-ERR DB index is out of range (", "prefix"},
	} {
		got := f.do(strings.Fields(c.command)...)
		if !strings.HasPrefix(got, c.begins) || !strings.Contains(got, c.says) || !strings.HasSuffix(got, ")\r\n") {
			t.Errorf("%s: %q", c.command, got)
		}
	}
}

// Nothing that is here is called absent, and no word makes a client take the node for one of a Redis Cluster.
func TestAbsentCommandsAreAbsent(t *testing.T) {
	for name, instead := range insteadOf {
		if find([]byte(name)) != nil {
			t.Errorf("%s is not absent", name)
		}
		if strings.Contains(strings.ToLower(instead), "cluster") {
			t.Errorf("%s: %s", name, instead)
		}
	}
}

// laterThanOracle are of Redis versions after the one that is compared with.
var laterThanOracle = []string{"client|no-touch", "digest", "msetex", "waitaof"}

// Each command and subcommand of Redis is either here, or its error says what to do instead.
func TestOracleAbsentCommands(t *testing.T) {
	p := newPair(t, startOracle(t), codec.RESP2)
	list, _, err := codec.ParseReply([]byte(p.theirs("COMMAND", "LIST")))
	if err != nil || len(list.Elements) < 300 {
		t.Fatal(len(list.Elements), err)
	}
	theirs := map[string]bool{}
	for _, c := range list.Elements {
		name := string(c.Str)
		theirs[name] = true
		if find(c.Str) != nil {
			continue
		}
		if got := p.mine.do(strings.Split(name, "|")...); !strings.HasPrefix(got, "-ERR unknown ") || !strings.HasSuffix(got, ")\r\n") {
			t.Errorf("%s: %q does not say what to do instead", name, got)
		}
	}
	for name := range insteadOf {
		if !theirs[name] && name != "sentinel" && !slices.Contains(laterThanOracle, name) { // which only a Redis Sentinel has
			t.Errorf("Redis has no %s", name)
		}
	}
}
