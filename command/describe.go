package command

import (
	"strings"

	"covey/codec"
)

// commandAll describes all commands, in the form of COMMAND INFO.
func commandAll(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	out = codec.AppendArray(out, len(commands))
	for i := range commands {
		out = commands[i].describe(c.Proto, out)
	}
	return out, Done
}

func commandCount(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	return codec.AppendInt(out, int64(len(commands))), Done
}

func commandInfo(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	if len(args) == 2 {
		return commandAll(t, c, args, out)
	}
	if len(args)-2 > maxDescribed {
		return codec.AppendError(out, errDescribed), Done
	}
	out = codec.AppendArray(out, len(args)-2)
	for _, name := range args[2:] {
		if cmd := find(name); cmd != nil {
			out = cmd.describe(c.Proto, out)
		} else {
			out = codec.AppendNull(out, c.Proto)
		}
	}
	return out, Done
}

// find looks up a command, or a subcommand written container|name.
func find(name []byte) *entry {
	container, sub, ok := strings.Cut(string(name), "|")
	cmd := lookup([]byte(container))
	if cmd == nil || !ok {
		return cmd
	}
	return cmd.sub([]byte(sub))
}

// describe appends the ten elements that COMMAND gives for a command.
func (e *entry) describe(proto int, out []byte) []byte {
	out = codec.AppendArray(out, 10)
	out = codec.AppendBulkString(out, e.full)
	out = codec.AppendInt(out, int64(e.arity))
	out = appendSet(out, proto, e.flagList())
	for _, n := range [...]int{e.first, e.last, e.step} {
		out = codec.AppendInt(out, int64(n))
	}
	out = appendSet(out, proto, e.categories())
	tips := strings.Fields(e.tips)
	out = codec.AppendSet(out, proto, len(tips))
	for _, tip := range tips {
		out = codec.AppendBulkString(out, tip)
	}
	out = e.describeKeys(proto, out)
	out = codec.AppendSet(out, proto, len(e.subs))
	for i := range e.subs {
		out = e.subs[i].describe(proto, out)
	}
	return out
}

func appendSet(out []byte, proto int, words []string) []byte {
	out = codec.AppendSet(out, proto, len(words))
	for _, w := range words {
		out = codec.AppendSimple(out, w)
	}
	return out
}

func (e *entry) flagList() (list []string) {
	for i, name := range flagNames {
		if e.flags&(1<<i) != 0 {
			list = append(list, name)
		}
	}
	return list
}

// categories are those of Redis' access control lists, in its order.
func (e *entry) categories() (list []string) {
	add := func(is bool, name string) {
		if is {
			list = append(list, "@"+name)
		}
	}
	add(e.category == "keyspace", "keyspace")
	add(e.flags&flagReadOnly != 0, "read")
	add(e.flags&flagWrite != 0, "write")
	add(e.category == "string", "string")
	add(e.flags&flagAdmin != 0, "admin")
	add(e.flags&flagPubSub != 0, "pubsub")
	add(e.flags&flagFast != 0, "fast")
	add(e.flags&flagFast == 0, "slow")
	add(e.flags&flagDangerous != 0, "dangerous")
	add(e.category == "connection", "connection")
	add(e.category == "transaction", "transaction")
	add(e.category == "scripting", "scripting")
	return list
}

// describeKeys appends the key specification: where the keys are and what is done to them.
func (e *entry) describeKeys(proto int, out []byte) []byte {
	if e.first == 0 && e.counts == 0 {
		return codec.AppendSet(out, proto, 0)
	}
	out = codec.AppendSet(out, proto, 1)
	pairs := 3
	if e.note != "" {
		pairs++
	}
	out = codec.AppendMap(out, proto, pairs)
	if e.note != "" {
		out = appendPair(out, "notes", e.note)
	}
	out = codec.AppendBulkString(out, "flags")
	out = appendSet(out, proto, strings.Fields(e.keys))
	out = codec.AppendBulkString(out, "begin_search")
	out = codec.AppendMap(out, proto, 2)
	out = appendPair(out, "type", "index")
	out = codec.AppendMap(codec.AppendBulkString(out, "spec"), proto, 1)
	out = codec.AppendInt(codec.AppendBulkString(out, "index"), int64(max(e.first, e.counts)))
	out = codec.AppendBulkString(out, "find_keys")
	out = codec.AppendMap(out, proto, 2)
	if e.counts > 0 {
		out = appendPair(out, "type", "keynum")
		out = codec.AppendMap(codec.AppendBulkString(out, "spec"), proto, 3)
		out = codec.AppendInt(codec.AppendBulkString(out, "keynumidx"), 0)
		out = codec.AppendInt(codec.AppendBulkString(out, "firstkey"), 1)
		return codec.AppendInt(codec.AppendBulkString(out, "keystep"), 1)
	}
	out = appendPair(out, "type", "range")
	last := e.last
	if last > 0 {
		last -= e.first // in a specification it is counted from the first key
	}
	out = codec.AppendMap(codec.AppendBulkString(out, "spec"), proto, 3)
	out = codec.AppendInt(codec.AppendBulkString(out, "lastkey"), int64(last))
	out = codec.AppendInt(codec.AppendBulkString(out, "keystep"), int64(e.step))
	return codec.AppendInt(codec.AppendBulkString(out, "limit"), 0)
}

func commandDocs(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	var list []*entry
	if len(args) == 2 {
		for i := range commands {
			list = append(list, &commands[i])
		}
	}
	seen := make(map[*entry]bool)
	for _, name := range args[2:] {
		// Each is told once: the reply is a map.
		if cmd := find(name); cmd != nil && !seen[cmd] {
			seen[cmd] = true
			list = append(list, cmd)
		}
	}
	out = codec.AppendMap(out, c.Proto, len(list))
	for _, cmd := range list {
		out = cmd.document(c.Proto, out)
	}
	return out, Done
}

func (e *entry) document(proto int, out []byte) []byte {
	out = codec.AppendBulkString(out, e.full)
	pairs := 4
	list, _ := arguments(syntax[e.full])
	for _, given := range []bool{list != nil, len(e.subs) > 0} {
		if given {
			pairs++
		}
	}
	out = codec.AppendMap(out, proto, pairs)
	out = appendPair(out, "summary", e.summary)
	out = appendPair(out, "since", e.since)
	out = appendPair(out, "group", e.group)
	out = appendPair(out, "complexity", e.complexity)
	if list != nil {
		out = describeArguments(list, proto, codec.AppendBulkString(out, "arguments"))
	}
	if len(e.subs) > 0 {
		out = codec.AppendBulkString(out, "subcommands")
		out = codec.AppendMap(out, proto, len(e.subs))
		for i := range e.subs {
			out = e.subs[i].document(proto, out)
		}
	}
	return out
}

// commandList gives the names, all of them or FILTERBY a pattern, a category or a module, of
// which there are none.
func commandList(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	keep := func(e *entry) bool { return true }
	switch {
	case len(args) == 2:
	case len(args) != 5 || !is(args[2], "FILTERBY"):
		return codec.AppendError(out, errSyntax), Done
	case is(args[3], "MODULE"):
		keep = func(e *entry) bool { return false }
	case is(args[3], "ACLCAT"):
		want := "@" + string(lower(args[4]))
		keep = func(e *entry) bool { return strings.Contains(strings.Join(e.categories(), " ")+" ", want+" ") }
	case is(args[3], "PATTERN") && len(args[4]) > maxPattern:
		return codec.AppendError(out, errPattern), Done
	case is(args[3], "PATTERN"):
		keep = func(e *entry) bool { return match(lower(args[4]), []byte(e.full)) }
	default:
		return codec.AppendError(out, errSyntax), Done
	}
	var names []string
	for i := range commands {
		e := &commands[i]
		if keep(e) {
			names = append(names, e.full)
		}
		for j := range e.subs {
			if keep(&e.subs[j]) {
				names = append(names, e.subs[j].full)
			}
		}
	}
	out = codec.AppendArray(out, len(names))
	for _, name := range names {
		out = codec.AppendBulkString(out, name)
	}
	return out, Done
}

// help lists the subcommands of a container.
func help(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	e := lookup(args[0])
	upper := strings.ToUpper(e.name)
	out = codec.AppendArray(out, 1+2*len(e.subs))
	out = codec.AppendSimple(out, upper+" <subcommand> [<arg> [value] [opt] ...]. Subcommands are:")
	for i := range e.subs {
		out = codec.AppendSimple(out, strings.ToUpper(e.subs[i].name))
		out = codec.AppendSimple(out, "    "+e.subs[i].summary+".")
	}
	return out, Done
}
