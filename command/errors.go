package command

import (
	"bytes"
	"strings"

	"covey/codec"
	"covey/store"
)

// Replies that several commands give. The words are those of Redis where it has the case.
const (
	errSyntax           = "ERR syntax error"
	errInteger          = "ERR value is not an integer or out of range"
	errOverflow         = "ERR increment or decrement would overflow"
	errLoading          = "LOADING " + sentenceLoading
	errTryAgain         = "TRYAGAIN " + sentenceTryAgain
	errKeyLength        = "ERR the key is longer than 65536 bytes, the most this cache takes; use a shorter one, such as a hash of it"
	errPattern          = "ERR the pattern is longer than 1024 bytes, the most this cache takes; use a shorter one"
	errWork             = "ERR to compare this pattern with the keys that are here takes too long; use a simpler one, with less behind a star"
	errWords            = "ERR more than 1024 arguments, the most that a command without a list of keys takes; send fewer at once"
	errReplyKeys        = "ERR the reply would be larger than 64 MiB, or than a quarter of --max-memory; use SCAN"
	errReplyExec        = "ERR the replies to this transaction would be larger than 64 MiB, or than a quarter of --max-memory; this command was carried out, read its key on its own"
	errExecArity        = "EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command"
	errQueue            = "ERR more than 65536 commands or 16 MiB of them, the most that this cache queues for one EXEC; send several"
	errQueueWords       = "ERR more than 32768 words, the most that this cache takes of one command between MULTI and EXEC; send it outside, or several"
	errWatch            = "ERR more than 1024 keys or 256 KiB of them, the most that a connection watches; watch fewer"
	errTogether         = "ERR more than 1024 words or 256 KiB of them, the most that MSETNX sets in one step; send several, or MSET"
	errDescribed        = "ERR more than 128 names; ask for fewer at once"
	errDatabase         = "ERR DB index is out of range (covey has database 0 only: begin the keys with a prefix instead)"
	errScript           = "ERR covey runs no scripts, it only recognises those by which some libraries take, prolong and release locks, or count for a limit (docs/COMPATIBILITY.md), and this is none of them. Instead of " + insteadOfScripts
	errNoScript         = "NOSCRIPT No matching script. Please use EVAL."
	errScriptWords      = "ERR covey carries this script out for one key, with the arguments that it has in its library; call it with these"
	errChannel          = "ERR the name of the channel is longer than 1024 bytes, the most this cache takes; use a shorter one, such as a hash of it"
	errMessage          = "ERR the message is longer than 65536 bytes, the most this cache publishes; set a key to it and publish the name of the key"
	errListening        = "ERR this node has no room for more subscriptions: 16384 of one connection, 65536 of all, 256 different patterns, and 16 MiB of names; end some, or subscribe to a pattern instead of many channels"
	errNameChars        = "ERR Client names cannot contain spaces, newlines or special characters."
	errListeningInMulti = "ERR to subscribe, or to end that, inside MULTI is not allowed"
	errNameLength       = "ERR the name is longer than 128 bytes, the most this cache takes; use a shorter one"
)

// insteadOfScripts is what to do instead of the scripts that are not carried out.
const insteadOfScripts = "one that sets a key that is not there, SET key value NX EX seconds; " +
	"to release a lock, DELEX key IFEQ token; to change a value that was read before, SET key value IFEQ old; to count the hits of a window, INCR key and EXPIRE key seconds NX"

// sentenceLoading is what a node that is not ready says, in the binary protocol without a code.
const sentenceLoading = "covey is loading the data of its peers; try again in a moment"

// sentenceTryAgain is what a node says that had to ask a peer and got no answer in time, or no room for it (R17).
const sentenceTryAgain = "the value was evicted here and a peer that may have it did not answer in time, or has more than fits here; try again in a moment, or at another node"

// appendRefusal says why the store did not take a value. What has no room for a moment is to be sent again, and clients know that by its code.
func appendRefusal(out []byte, err error) []byte {
	if err == store.ErrNoRoom {
		return codec.AppendError(out, "TRYAGAIN "+err.Error())
	}
	return codec.AppendError(out, "ERR "+err.Error())
}

func wrongArity(out []byte, name string) []byte {
	return codec.AppendError(out, "ERR wrong number of arguments for '"+name+"' command")
}

func badExpiry(out []byte, name string) []byte {
	return codec.AppendError(out, "ERR invalid expire time in '"+name+"' command")
}

// unknownCommand repeats the start of what was asked, as Redis does, up to a limit, and says what to do instead of a command that Redis has.
func unknownCommand(out []byte, args [][]byte) []byte {
	text := "ERR unknown command '" + cString(args[0], quotedName) + "', with args beginning with: "
	quoted := 0
	for _, a := range args[1:] {
		if quoted >= quotedArgs {
			break
		}
		s := "'" + cString(a, quotedArgs-quoted) + "' "
		text += s
		quoted += len(s)
	}
	return codec.AppendError(out, text+hint(cString(args[0], quotedName)))
}

func unknownSubcommand(out []byte, args [][]byte) []byte {
	name := cString(args[1], quotedName)
	text := "ERR unknown subcommand '" + name + "'. Try " + strings.ToUpper(string(args[0])) + " HELP."
	if instead := hint(string(args[0]) + "|" + name); instead != "" {
		text += " " + instead
	}
	return codec.AppendError(out, text)
}

// cString cuts b at its first zero byte and at limit.
func cString(b []byte, limit int) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b[:min(len(b), limit)])
}
