package command

import (
	"crypto/sha1"
	"fmt"
	"strings"
	"testing"

	"covey/codec"
)

// sumOf is the name by which EVALSHA knows a text.
func sumOf(text string) string { return fmt.Sprintf("%x", sha1.Sum([]byte(text))) }

// knowScripts has EVALSHA know all scripts that there are.
func (f *fixture) knowScripts() {
	for _, list := range [][]script{lockScripts, limiterScripts} {
		for i := range list {
			f.Scripts.learn([]byte(list[i].text), &list[i])
		}
	}
}

// scriptReaders are the scripts that read in order to write, as the table of readers has them: in the order of lockScripts and limiterScripts,
// of each of which the last only reads.
func scriptReaders() (list []reader) {
	for i, replies := range []string{
		":0 :1", ":0 :1", ":0 :1", ":0 :1", ":-1 :1", ":0 :1",
		":0 :1", ":0 :1", ":0 :1", ":0 :1", ":0 :1", ":0 :1", ":0 :1", ":0 :0", ":0 :0", ":0 :1", ":0 :1", ":0 :1",
		":1 :1", ":1 :0", "+OK $-1", "+OK +OK",
	} {
		absent, there, _ := strings.Cut(replies, " ")
		list = append(list, reader{"EVALSHA " + sumOf(lockScripts[i].text) + " 1 k 41 2 9", absent, there})
	}
	for i, replies := range []string{
		":2 :43", ":1 :42", ":1 :42", ":1 :42", ":1 :42", ":1 :42", "*2|:41|:2000 *2|:82|:2000",
		"*2|:1|:2 *2|:42|:2", "*2|:1|:2 *2|:42|:2", "*2|:1|:41 *2|:42|:41", "*2|:1|:2 *2|:1|:2", "*2|:1|:41 *2|:1|:41",
	} {
		absent, there, _ := strings.Cut(replies, " ")
		list = append(list, reader{"EVALSHA " + sumOf(limiterScripts[i].text) + " 1 k 41 2 9", absent, there})
	}
	return list
}

func TestEachScriptOfALockIsCarriedOut(t *testing.T) {
	if n := len(scriptReaders()) + 2; n != len(lockScripts)+len(limiterScripts) {
		t.Fatalf("%d scripts are tested of %d and %d", n, len(lockScripts), len(limiterScripts))
	}
	const (
		releaseMine = luaIfMine + luaDelete + luaElse
		prolongMine = luaIfMine + luaPexpire + luaElse
	)
	find := func(library string, argc int, part string) string {
		for _, s := range lockScripts {
			if s.argc == argc && strings.Contains(s.text, part) {
				return s.text
			}
		}
		t.Fatalf("no script of %s", library)
		return ""
	}
	gone := find("redsync", 1, "elseif val == false")
	extension := find("redis-py", 2, "newttl")
	seconds := find("Laravel", 2, "tonumber")
	obtaining := find("redislock", 3, "offset")
	left := find("redislock", 1, "pttl")
	either := find("redsync", 2, "elseif redis.call")
	taking := find("node-redlock", 2, `"exists", key`)
	addition := find("Laravel", 2, `"setex"`)
	f := newFixture(t)
	for i, s := range []struct {
		after uint64
		args  []string
		want  string
	}{
		{0, []string{releaseMine, "1", "a", "me"}, zero}, {0, []string{gone, "1", "a", "me"}, ":-1\r\n"}, {0, []string{left, "1", "a", "me"}, ":-3\r\n"},
		{0, []string{taking, "1", "a", "me", "1000"}, one1}, {0, []string{taking, "1", "a", "me", "1000"}, zero}, {0, []string{left, "1", "a", "me"}, ":1000\r\n"},
		{0, []string{gone, "1", "a", "you"}, zero}, {0, []string{releaseMine, "1", "a", "you"}, zero}, {0, []string{prolongMine, "1", "a", "you", "9"}, zero},
		{0, []string{left, "1", "a", "you"}, ":-3\r\n"}, {0, []string{prolongMine, "1", "a", "me", "2000"}, one1}, {500, []string{left, "1", "a", "me"}, ":1500\r\n"},
		{0, []string{extension, "1", "a", "me", "700", "0"}, one1}, {0, []string{left, "1", "a", "me"}, ":2200\r\n"}, {0, []string{extension, "1", "a", "me", "700", "1"}, one1},
		{0, []string{left, "1", "a", "me"}, ":700\r\n"}, {0, []string{extension, "1", "a", "me", "-100", "0"}, one1}, {0, []string{left, "1", "a", "me"}, ":600\r\n"},
		{0, []string{seconds, "1", "a", "me", "0"}, one1}, {0, []string{left, "1", "a", "me"}, ":-1\r\n"}, {0, []string{extension, "1", "a", "me", "700", "0"}, zero},
		{0, []string{seconds, "1", "a", "me", "3"}, one1}, {0, []string{left, "1", "a", "me"}, ":3000\r\n"}, {3000, []string{prolongMine, "1", "a", "me", "9"}, zero},
		{0, []string{either, "1", "a", "me", "50"}, one1}, {0, []string{either, "1", "a", "me", "60"}, one1}, {0, []string{either, "1", "a", "you", "70"}, zero}, {0, []string{left, "1", "a", "me"}, ":60\r\n"},
		{0, []string{gone, "1", "a", "me"}, one1}, {0, []string{addition, "1", "a", "me", "2"}, ok}, {0, []string{addition, "1", "a", "you", "2"}, null}, {0, []string{left, "1", "a", "me"}, ":2000\r\n"},
		{0, []string{obtaining, "1", "b", "tokenMETA", "5", "800"}, ok}, {0, []string{obtaining, "1", "b", "tokenmeta", "5", "900"}, ok}, {0, []string{left, "1", "b", "tokenmeta"}, ":900\r\n"},
		{0, []string{obtaining, "1", "b", "Tokenmeta", "5", "999"}, null}, {0, []string{obtaining, "1", "b", "token", "500", "999"}, null}, {0, []string{left, "1", "b", "tokenmeta"}, ":900\r\n"},
		{0, []string{prolongMine, "1", "b", "tokenmeta", "-1"}, one1}, {0, []string{releaseMine, "1", "b", "tokenmeta"}, zero},
	} {
		f.advance(s.after)
		if got := f.do(append([]string{"EVAL"}, s.args...)...); got != s.want {
			t.Errorf("step %d: %q: %q, want %q", i, s.args, got, s.want)
		}
	}
}

// A script that is carried out goes to the peers as the plain write that it is.
func TestAScriptIsSentAsAPlainWrite(t *testing.T) {
	f := newFixture(t)
	f.do("SET", "a", "me", "PX", "1000")
	f.endTurn(t)
	f.do("EVAL", luaIfMine+luaPexpire+luaElse, "1", "a", "me", "2000")
	f.do("EVAL", luaIfMine+luaPexpire+luaElse, "1", "a", "you", "3000")
	f.do("EVAL", luaIfMine+luaDelete+luaElse, "1", "a", "me")
	all := f.endTurn(t)
	if len(all) != 2 || all[0].ExpireAt != f.Now+2000 || all[1].Flags&1 == 0 || string(all[1].Key) != "a" {
		t.Errorf("%+v", all)
	}
}

// Layout makes no difference to which script it is, and nothing but layout.
func TestAScriptIsRecognisedByWhatItDoes(t *testing.T) {
	for _, c := range []struct {
		text string
		is   bool
	}{
		{`if redis.call("get",KEYS[1]) == ARGV[1] then return redis.call("del",KEYS[1]) else return 0 end`, true},
		{"\n\tif redis.call('GET',KEYS[1])==ARGV[1]\r\n\tthen\n\t\treturn redis . call ( 'Del' , KEYS [ 1 ] );\n\telse return 0; end;\n", true},
		{"-- release\n--[[ of\nmany lines ]]if redis.call('get',KEYS[1])--[==[ ]] ]==]==ARGV[1]then return redis.call('del',KEYS[1])else return 0 end--", true},
		{"if redis.call('get',KEYS[1]) == ARGV[1] then return redis.call('del',KEYS[1]) else return 0 end --[[ it does not end", true},
		{"if redis.call('get',KEYS[1]) == ARGV[1] then return redis.call('del',KEYS[1]) else return 0 end --[=", true},
		{`if redis.call("get",KEYS[1]) == ARGV[2] then return redis.call("del",KEYS[1]) else return 0 end`, false},
		{`if redis.call("get",KEYS[1]) ~= ARGV[1] then return redis.call("del",KEYS[1]) else return 0 end`, false},
		{`if redis.call("get",KEYS[1]) = = ARGV[1] then return redis.call("del",KEYS[1]) else return 0 end`, false},
		{`if redis.call("get",KEYS[1]) == ARGV[1] then return redis.call("del",KEYS[1]) else return 00 end`, false},
		{`if redis.call("get",KEYS[1]) == ARGV[1] then return redis.call("del",KEYS[1]) else return0 end`, false},
		{`if redis.call("get",KEYS[1]) == argv[1] then return redis.call("del",KEYS[1]) else return 0 end`, false},
		{`IF redis.call("get",KEYS[1]) == ARGV[1] then return redis.call("del",KEYS[1]) else return 0 end`, false},
		{`if redis.call("get ",KEYS[1]) == ARGV[1] then return redis.call("del",KEYS[1]) else return 0 end`, false},
		{`if redis.call("g\101t",KEYS[1]) == ARGV[1] then return redis.call("del",KEYS[1]) else return 0 end`, false},
		{`if redis.call("get",KEYS[1]) == ARGV[1] then return redis.call("del",KEYS[1]) else return 0 end "`, false},
		{"if redis.call([[get]],KEYS[1]) == ARGV[1] then return redis.call('del',KEYS[1]) else return 0 end", false},
		{"-- if redis.call('get',KEYS[1]) == ARGV[1] then return redis.call('del',KEYS[1]) else return 0 end", false},
		{"return 0", false}, {"", false}, {"'", false}, {"--", false}, {"-", false}, {"--[", false}, {"\x00\xff", false},
	} {
		f := newFixture(t)
		f.do("SET", "a", "me")
		got := f.do("EVAL", c.text, "1", "a", "me")
		if c.is && got != one1 || !c.is && got != "-"+errScript+"\r\n" {
			t.Errorf("%q: %q", c.text, got)
		}
	}
}

func TestWhatScriptsAreCalledWith(t *testing.T) {
	const text = luaIfMine + luaPexpire + luaElse
	name, noName := sumOf(text), strings.Repeat("0", 40)
	f := newFixture(t)
	f.do("SET", "a", "me")
	for i, s := range []struct {
		args []string
		want string
	}{
		{[]string{"EVALSHA", name, "1", "a", "me", "10"}, "-NOSCRIPT No matching script. Please use EVAL.\r\n"}, {[]string{"SCRIPT", "EXISTS", name, noName}, "*2\r\n:0\r\n:0\r\n"},
		{[]string{"SCRIPT", "LOAD", text}, bulk(name)}, {[]string{"SCRIPT", "EXISTS", strings.ToUpper(name), "x", name[:39] + "x"}, "*3\r\n:1\r\n:0\r\n:0\r\n"},
		{[]string{"EVALSHA", name, "1", "a", "me", "10"}, one1}, {[]string{"EVALSHA", name, "x", "a", "me", "10"}, noInt},
		{[]string{"EVAL", text, "1.5", "a"}, noInt}, {[]string{"EVAL", text, "2", "a"}, "-ERR Number of keys can't be greater than number of args\r\n"},
		{[]string{"EVAL", text, "-1", "a"}, "-ERR Number of keys can't be negative\r\n"}, {[]string{"EVAL", text}, "-ERR wrong number of arguments for 'eval' command\r\n"},
		{[]string{"EVAL", text, "0"}, "-" + errScriptWords + "\r\n"}, {[]string{"EVAL", text, "2", "a", "b", "me", "10"}, "-" + errScriptWords + "\r\n"},
		{[]string{"EVAL", text, "1", "a", "me"}, "-" + errScriptWords + "\r\n"}, {[]string{"EVAL", text, "1", strings.Repeat("k", codec.MaxKey+1), "me", "10"}, "-" + errKeyLength + "\r\n"},
		{[]string{"EVAL", text, "1", "a", "me", "x"}, noInt}, {[]string{"EVAL", text, "1", "a", "me", "9223372036854775807"}, "-ERR invalid expire time in 'pexpire' command\r\n"},
		{[]string{"PTTL", "a"}, ":10\r\n"}, {[]string{"SCRIPT", "LOAD", "return 0"}, "-" + errScript + "\r\n"}, {[]string{"SCRIPT", "FLUSH", "NOW"}, "-ERR SCRIPT FLUSH only support SYNC|ASYNC option\r\n"},
		{[]string{"SCRIPT", "FLUSH", "sync"}, ok}, {[]string{"EVALSHA", name, "1", "a", "me", "10"}, "-" + errNoScript + "\r\n"}, {[]string{"EVAL", text, "1", "a", "me", "20"}, one1},
		{[]string{"EVALSHA", name, "1", "a", "me", "30", "more"}, one1}, {[]string{"MULTI"}, ok}, {[]string{"EVALSHA", name, "1", "a", "me", "40"}, "+QUEUED\r\n"}, {[]string{"PTTL", "a"}, "+QUEUED\r\n"},
		{[]string{"EVAL", "return 0", "0"}, "+QUEUED\r\n"}, {[]string{"EXEC"}, "*3\r\n:1\r\n:40\r\n-" + errScript + "\r\n"},
	} {
		if got := f.do(s.args...); got != s.want {
			t.Errorf("step %d: %.100q: %q, want %q", i, s.args, got, s.want)
		}
	}
	f.host.state = codec.StateLoading
	if got := f.do("EVAL", text, "1", "a", "me", "10"); got != "-"+errLoading+"\r\n" {
		t.Errorf("while it loads: %q", got)
	}
}

// Only so much of a script is looked at, and only so many are known by their sums.
func TestWhatIsKeptOfScriptsIsBounded(t *testing.T) {
	const text = luaIfMine + luaDelete + luaElse
	f := newFixture(t)
	f.do("SET", "a", "me")
	long := text + strings.Repeat(" ", maxScript-len(text))
	if got := f.do("EVAL", long+" ", "1", "a", "me"); got != "-"+errScript+"\r\n" {
		t.Errorf("%d bytes: %q", len(long)+1, got)
	}
	if got := f.do("EVAL", long, "1", "a", "me"); got != one1 {
		t.Errorf("%d bytes: %q", len(long), got)
	}
	f.do("SCRIPT", "FLUSH")
	for i := range 3*maxScripts + 5 {
		f.do("SCRIPT", "LOAD", fmt.Sprintf("%s -- %d", text, i))
		f.do("EVAL", "return 0", "0")
		if n := len(f.Scripts.known); n != i%maxScripts+1 {
			t.Fatalf("%d scripts known after %d", n, i+1)
		}
	}
	known := fmt.Sprintf("%s -- %d", text, 3*maxScripts+4)
	f.do("SCRIPT", "LOAD", known)
	if got := f.do("EVALSHA", sumOf(known), "1", "a", "me"); got != zero || len(f.Scripts.known) != 5 {
		t.Errorf("%q, %d known", got, len(f.Scripts.known))
	}
}

// A connection may call what another has loaded, also by another loop; a Turn without Scripts knows none.
func TestLoopsShareWhatEVALSHAMayName(t *testing.T) {
	const text = luaIfMine + luaDelete + luaElse
	f, g := newFixture(t), newFixture(t)
	g.Scripts = f.Scripts
	f.do("SCRIPT", "LOAD", text)
	if got := g.do("EVALSHA", sumOf(text), "1", "a", "me"); got != zero {
		t.Errorf("%q", got)
	}
	g.Scripts = nil
	for _, c := range []struct {
		want string
		args []string
	}{
		{bulk(sumOf(text)), []string{"SCRIPT", "LOAD", text}}, {ok, []string{"SCRIPT", "FLUSH"}}, {zero, []string{"EVAL", text, "1", "a", "me"}},
		{"-" + errNoScript + "\r\n", []string{"EVALSHA", sumOf(text), "1", "a", "me"}}, {"*1\r\n:0\r\n", []string{"SCRIPT", "EXISTS", sumOf(text)}},
	} {
		if got := g.do(c.args...); got != c.want {
			t.Errorf("%.60q: %q", c.args, got)
		}
	}
}
