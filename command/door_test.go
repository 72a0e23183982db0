package command

import (
	"net/netip"
	"strings"
	"testing"

	"covey/codec"
)

// fakeDoor opens to one word, but for the addresses that it has had enough of.
type fakeDoor struct {
	word    string
	tooMany netip.Addr
}

func (d fakeDoor) Try(from netip.Addr, password []byte, _ int) Pass {
	switch {
	case from == d.tooMany:
		return PassTooMany
	case string(password) == d.word:
		return PassRight
	}
	return PassWrong
}

func keyed(t *testing.T) *fixture {
	f := newFixture(t)
	f.Door = fakeDoor{word: "open sesame", tooMany: netip.MustParseAddr("10.0.0.66")}
	f.client.From = netip.MustParseAddr("10.0.0.9")
	return f
}

// list runs a command whose words may hold spaces.
func (f *fixture) list(words ...string) (string, Verdict) { return f.doVerdict(words...) }

func TestBeforeThePasswordNothingIsDone(t *testing.T) {
	f := keyed(t)
	for _, words := range [][]string{
		{"GET", "k"}, {"SET", "k", "v"}, {"DEL", "k"}, {"PING"}, {"INFO"}, {"RESET"}, {"FLUSHALL"}, {"COMMAND"}, {"nonsense"}, {"COVEY", "MEMBERS"},
		{"CONFIG", "GET", "*"}, {"GET"}, {"POST", "/"},
	} {
		if got, v := f.list(words...); got != "-NOAUTH Authentication required.\r\n" || v != Done {
			t.Errorf("%v: %q, %v", words, got, v)
		}
	}
	if got, v := f.list("HELLO", "3"); !strings.HasPrefix(got, "-NOAUTH HELLO must") || v != Done || f.client.Proto != 2 {
		t.Errorf("HELLO: %q, %v, RESP%d", got, v, f.client.Proto)
	}
	if got, v := f.list("QUIT"); got != "+OK\r\n" || v != Close {
		t.Errorf("QUIT: %q, %v", got, v)
	}
	if f.Store.Len() != 0 || f.Stage.Count() != 0 {
		t.Error("something was written")
	}
}

func TestTheRightPasswordOpens(t *testing.T) {
	for name, words := range map[string][]string{
		"AUTH": {"AUTH", "open sesame"}, "AUTH with the user": {"AUTH", "default", "open sesame"},
		"HELLO": {"HELLO", "3", "AUTH", "default", "open sesame", "SETNAME", "me"},
	} {
		f := keyed(t)
		if got, v := f.list(words...); got[0] == '-' || v != Done || !f.client.Known {
			t.Errorf("%s: %q, %v", name, got, v)
		}
		if got, _ := f.list("SET", "k", "v"); got != "+OK\r\n" {
			t.Errorf("%s: then SET gives %q", name, got)
		}
		if got, _ := f.list("FLUSHALL"); got != "+OK\r\n" {
			t.Errorf("%s: then FLUSHALL gives %q", name, got)
		}
		if got, _ := f.list("RESET"); got != "+RESET\r\n" {
			t.Errorf("%s: then RESET gives %q", name, got)
		}
		if got, _ := f.list("GET", "k"); !strings.HasPrefix(got, "-NOAUTH") {
			t.Errorf("%s: GET after RESET gives %q", name, got)
		}
	}
}

func TestWrongPasswordsAreCounted(t *testing.T) {
	for name, words := range map[string][]string{
		"a wrong one": {"AUTH", "x"}, "another user": {"AUTH", "bob", "open sesame"}, "a wrong one in HELLO": {"HELLO", "3", "AUTH", "default", "x"},
	} {
		f := keyed(t)
		for try := 1; try <= maxWrong; try++ {
			want := Done
			if try == maxWrong {
				want = Close
			}
			if got, v := f.list(words...); got != "-"+errWrongUser+"\r\n" || v != want || f.client.Known {
				t.Errorf("%s: try %d: %q, %v", name, try, got, v)
			}
		}
	}
	f := keyed(t)
	f.client.From = netip.MustParseAddr("10.0.0.66")
	if got, v := f.list("AUTH", "open sesame"); !strings.HasPrefix(got, "-WRONGPASS too many") || v != Close || f.client.Known {
		t.Errorf("from an address with too many: %q, %v", got, v)
	}
}

func TestWhoGoesOnWithoutThePasswordIsClosed(t *testing.T) {
	for _, words := range [][]string{{"GET", "k"}, {"HELLO"}, {"HELLO", "9"}, {"AUTH"}, {"AUTH", "a", "b", "c"}} {
		f := keyed(t)
		for i := range maxTried {
			got, v := f.list(words...)
			if (v == Close) != (i == maxTried-1) || got[0] != '-' {
				t.Fatalf("%v: command %d: %q, %v", words, i, got, v)
			}
		}
	}
}

// A pool that makes each connection as new before it hands it on does so for as long as it likes, with as long for the password each time.
func TestRESETAndAUTHGoOnForEver(t *testing.T) {
	f := keyed(t)
	f.host.facts.Now = 1
	f.list("AUTH", "open sesame")
	for cycle := range 3 * maxTried {
		f.host.facts.Now = int64(cycle) * 1e9
		if got, v := f.list("RESET"); got != "+RESET\r\n" || v != Done || f.client.Since != f.host.facts.Now {
			t.Fatalf("cycle %d: RESET gives %q, %v, and counts from %d", cycle, got, v, f.client.Since)
		}
		if got, v := f.list("AUTH", "open sesame"); got != ok || v != Done {
			t.Fatalf("cycle %d: AUTH gives %q, %v", cycle, got, v)
		}
	}
}

func TestABinaryClientAuthenticatesToo(t *testing.T) {
	f := keyed(t)
	frame := func(b []byte) (codec.ValueResponse, Verdict) {
		t.Helper()
		h, _, err := codec.DecodeHeader(b)
		if err != nil {
			t.Fatal(err)
		}
		out, v := f.Frame(f.client, h, b[codec.HeaderLen:], nil)
		m, err := codec.DecodeValueResponse(out[codec.HeaderLen:])
		if err != nil {
			t.Fatal(err)
		}
		return m, v
	}
	get := codec.AppendGetValue(nil, 1, codec.GetValue{Key: []byte("k")})
	for name, b := range map[string][]byte{
		"get": get, "set": codec.AppendSetValue(nil, 1, codec.SetValue{Key: []byte("k")}), "delete": codec.AppendDelete(nil, 1, codec.Delete{Key: []byte("k")}),
		"report": codec.AppendReport(nil, 1, codec.Report{Topic: codec.TopicMembers}), "a wrong password": codec.AppendAuth(nil, 1, codec.Auth{Password: []byte("x")}),
	} {
		if m, v := frame(b); m.Status != codec.StatusDenied || len(m.Value) == 0 || v != Done {
			t.Errorf("%s: %v %q, %v", name, m.Status, m.Value, v)
		}
	}
	if m, _ := frame(codec.AppendAuth(nil, 1, codec.Auth{Password: []byte("open sesame")})); m.Status != codec.StatusOK {
		t.Fatalf("%v %q", m.Status, m.Value)
	}
	if m, _ := frame(get); m.Status != codec.StatusNotFound {
		t.Errorf("then a get gives %v %q", m.Status, m.Value)
	}
	f.Door = nil
	if m, _ := frame(codec.AppendAuth(nil, 1, codec.Auth{Password: []byte("open sesame")})); m.Status != codec.StatusDenied {
		t.Errorf("a node without a secret says %v to one", m.Status)
	}
}

func TestWhatIsForThisMachineIsDeniedToOthers(t *testing.T) {
	f := newFixture(t)
	f.client.From = netip.MustParseAddr("10.0.0.9")
	f.list("SET", "k", "v")
	for _, words := range [][]string{{"FLUSHALL"}, {"flushdb"}, {"CONFIG", "SET", "a", "b"}} {
		if got, v := f.list(words...); !strings.HasPrefix(got, "-DENIED "+strings.ToUpper(words[0])) || v != Done {
			t.Errorf("%v: %q, %v", words, got, v)
		}
	}
	if got, _ := f.list("DBSIZE"); got != ":1\r\n" {
		t.Errorf("DBSIZE then: %q", got)
	}
	f.client.From = netip.MustParseAddr("127.0.0.1")
	if got, _ := f.list("FLUSHALL"); got != "+OK\r\n" {
		t.Errorf("from this machine: %q", got)
	}
}
