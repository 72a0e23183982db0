package command

import (
	"strings"

	"covey/codec"
)

// syntax says which arguments a command takes, for COMMAND DOCS: redis-cli shows them while one types. An argument is written
// name:type, with ? behind it if it may be left out, * if it may be repeated, ** if with its token, and in brackets what it consists of. TOKEN= before it is
// a word that comes first; a TOKEN alone is nothing but that word. A command that is not listed takes none.
var syntax = map[string]string{
	"auth":            "username:string? password:string",
	"echo":            "message:string",
	"hello":           "arguments:block?(protover:integer AUTH=username_password:block?(username:string password:string) SETNAME=clientname:string?)",
	"ping":            "message:string?",
	"select":          "index:integer",
	"client|caching":  "mode:oneof(YES NO)",
	"client|setinfo":  "attr:oneof(LIB-NAME=libname:string LIB-VER=libver:string)",
	"client|setname":  "connection-name:string",
	"client|tracking": "status:oneof(ON OFF) REDIRECT=client-id:integer? PREFIX=prefix:string?** BCAST? OPTIN? OPTOUT? NOLOOP?",
	"command|docs":    "command-name:string?*",
	"command|info":    "command-name:string?*",
	"command|list":    "FILTERBY=filterby:oneof?(MODULE=module-name:string ACLCAT=category:string PATTERN=pattern:pattern)",
	"config|get":      "parameter:block*(parameter:string)",
	"config|set":      "parameter_value:block*(parameter:string value:string)",
	"flushall":        "async:oneof?(ASYNC SYNC)",
	"flushdb":         "async:oneof?(ASYNC SYNC)",
	"info":            "section:string?*",
	"eval":            "script:string numkeys:integer key:key?* arg:string?*",
	"evalsha":         "sha1:string numkeys:integer key:key?* arg:string?*",
	"script|exists":   "sha1:string*",
	"script|flush":    "async:oneof?(ASYNC SYNC)",
	"script|load":     "script:string",
	"psubscribe":      "pattern:block*(pattern:pattern)",
	"publish":         "channel:string message:string",
	"pubsub|channels": "pattern:pattern?",
	"pubsub|numsub":   "channel:string?*",
	"punsubscribe":    "pattern:pattern?*",
	"subscribe":       "channel:string*",
	"unsubscribe":     "channel:string?*",
	"wait":            "numreplicas:integer timeout:integer",
	"del":             "key:key*",
	"exists":          "key:key*",
	"keys":            "pattern:pattern",
	"scan":            "cursor:integer MATCH=pattern:pattern? COUNT=count:integer? TYPE=type:string?",
	"touch":           "key:key*",
	"type":            "key:key",
	"unlink":          "key:key*",
	"expire":          "key:key seconds:integer " + syntaxCondition,
	"expireat":        "key:key unix-time-seconds:unix-time " + syntaxCondition,
	"pexpire":         "key:key milliseconds:integer " + syntaxCondition,
	"pexpireat":       "key:key unix-time-milliseconds:unix-time " + syntaxCondition,
	"expiretime":      "key:key",
	"persist":         "key:key",
	"pexpiretime":     "key:key",
	"pttl":            "key:key",
	"ttl":             "key:key",
	"append":          "key:key value:string",
	"delex":           "key:key condition:oneof?(IFEQ=ifeq-value:string IFNE=ifne-value:string)",
	"delifeq":         "key:key value:string",
	"get":             "key:key",
	"getdel":          "key:key",
	"getex":           "key:key expiration:oneof?(" + syntaxExpiry + " PERSIST)",
	"getrange":        "key:key start:integer end:integer",
	"getset":          "key:key value:string",
	"mget":            "key:key*",
	"mset":            "key_value:block*(key:key value:string)",
	"msetnx":          "key_value:block*(key:key value:string)",
	"psetex":          "key:key milliseconds:integer value:string",
	"set":             "key:key value:string condition:oneof?(NX XX IFEQ=ifeq-value:string IFNE=ifne-value:string) GET? expiration:oneof?(" + syntaxExpiry + " KEEPTTL)",
	"setex":           "key:key seconds:integer value:string",
	"setnx":           "key:key value:string",
	"setrange":        "key:key offset:integer value:string",
	"strlen":          "key:key",
	"substr":          "key:key start:integer end:integer",
	"decr":            "key:key",
	"decrby":          "key:key decrement:integer",
	"incr":            "key:key",
	"incrby":          "key:key increment:integer",
	"incrbyfloat":     "key:key increment:double",
	"watch":           "key:key*",
}

const (
	syntaxCondition = "condition:oneof?(NX XX GT LT)"
	syntaxExpiry    = "EX=seconds:integer PX=milliseconds:integer EXAT=unix-time-seconds:unix-time PXAT=unix-time-milliseconds:unix-time"
)

// argument is one that a command takes.
type argument struct {
	name, kind, token  string
	optional, multiple bool
	again              bool // the token is repeated too
	parts              []argument
}

// arguments reads a text of the syntax up to its end or to the bracket that closes it, and returns what is behind that.
func arguments(text string) (list []argument, rest string) {
	for {
		text = strings.TrimLeft(text, " ")
		if text == "" || text[0] == ')' {
			return list, strings.TrimPrefix(text, ")")
		}
		end := len(text)
		if i := strings.IndexAny(text, " ?*()"); i >= 0 {
			end = i
		}
		var a argument
		word := text[:end]
		text = text[end:]
		if token, named, ok := strings.Cut(word, "="); ok {
			a.token, word = token, named
		}
		var typed bool
		if a.name, a.kind, typed = strings.Cut(word, ":"); !typed {
			a.name, a.kind, a.token = strings.ToLower(word), "pure-token", word
		}
		text, a.optional = strings.CutPrefix(text, "?")
		text, a.multiple = strings.CutPrefix(text, "*")
		text, a.again = strings.CutPrefix(text, "*")
		if inside, ok := strings.CutPrefix(text, "("); ok {
			a.parts, text = arguments(inside)
		}
		list = append(list, a)
	}
}

// describeArguments appends a list of arguments as COMMAND DOCS has it.
func describeArguments(list []argument, proto int, out []byte) []byte {
	out = codec.AppendArray(out, len(list))
	for i := range list {
		out = list[i].describe(proto, out)
	}
	return out
}

func (a *argument) describe(proto int, out []byte) []byte {
	var flags []string
	if a.optional {
		flags = append(flags, "optional")
	}
	if a.multiple {
		flags = append(flags, "multiple")
	}
	if a.again {
		flags = append(flags, "multiple_token")
	}
	pairs := 2
	for _, given := range []bool{a.kind == "key", a.token != "", flags != nil, a.parts != nil} {
		if given {
			pairs++
		}
	}
	out = codec.AppendMap(out, proto, pairs)
	out = appendPair(out, "name", a.name)
	out = appendPair(out, "type", a.kind)
	if a.kind == "key" {
		out = codec.AppendInt(codec.AppendBulkString(out, "key_spec_index"), 0)
	}
	if a.token != "" {
		out = appendPair(out, "token", a.token)
	}
	if flags != nil {
		out = appendSet(codec.AppendBulkString(out, "flags"), proto, flags)
	}
	if a.parts != nil {
		out = describeArguments(a.parts, proto, codec.AppendBulkString(out, "arguments"))
	}
	return out
}
