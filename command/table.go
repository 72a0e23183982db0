package command

// table lists every command: connection, server, keys, strings, covey's own. What COMMAND says of
// those that Redis has too is what Redis 7.0 says.
func table() []entry {
	var all []entry
	for _, part := range [][]entry{connectionTable, containerTable, serverTable, keyTable, expiryTable, stringTable, counterTable, transactionTable, scriptTable, pubsubTable} {
		all = append(all, part...)
	}
	return all
}

const (
	onReadKey     = "RO access"
	onLookKey     = "RO"
	onUpdateKey   = "RW update"
	onCountKey    = "RW access update"
	onWriteKey    = "OW update"
	onAddKey      = "RW insert"
	onDeleteKey   = "RM delete"
	onTakeKey     = "RW access delete"
	tipMulti      = "request_policy:multi_shard"
	tipSum        = tipMulti + " response_policy:agg_sum"
	tipAll        = tipMulti + " response_policy:all_succeeded"
	tipEverywhere = "request_policy:all_shards response_policy:all_succeeded"
	tipOutput     = "nondeterministic_output"
)

var connectionTable = []entry{
	{name: "auth", arity: -2, run: auth, flags: flagsConnection, category: "connection",
		group: "connection", since: "1.0.0", complexity: "O(1)", summary: "Present a secret to the node"},
	{name: "echo", arity: 2, run: echo, flags: flagLoading | flagStale | flagFast, category: "connection",
		group: "connection", since: "1.0.0", complexity: "O(1)", summary: "Give back the message"},
	{name: "hello", arity: -1, run: hello, flags: flagsConnection, category: "connection",
		group: "connection", since: "6.0.0", complexity: "O(1)", summary: "Choose the version of the protocol"},
	{name: "ping", arity: -1, run: ping, flags: flagFast | flagListening, category: "connection", tips: tipEverywhere,
		group: "connection", since: "1.0.0", complexity: "O(1)", summary: "Ask whether the node is there"},
	{name: "quit", arity: -1, run: quit, flags: flagsConnection | flagListening | flagNow, category: "connection",
		group: "connection", since: "1.0.0", complexity: "O(1)", summary: "Close the connection"},
	{name: "reset", arity: 1, long: true, run: reset, flags: flagsConnection | flagListening | flagNow, category: "connection",
		group: "connection", since: "6.2.0", complexity: "O(1)", summary: "Make the connection as new"},
	{name: "select", arity: 2, run: selectDB, flags: flagLoading | flagStale | flagFast, category: "connection",
		group: "connection", since: "1.0.0", complexity: "O(1)", summary: "Choose a database; there is only 0"},
}

const flagsClient = flagNoScript | flagLoading | flagStale

var containerTable = []entry{
	{name: "client", arity: -2, long: true, run: help, group: "connection", since: "2.4.0", complexity: "O(1)",
		summary: "Commands about connections", subs: []entry{
			{name: "caching", arity: 3, run: clientCaching, flags: flagsClient, category: "connection",
				group: "connection", since: "6.0.0", complexity: "O(1)", summary: "Say whether the keys of the next command are tracked: YES with OPTIN, NO with OPTOUT"},
			{name: "getname", arity: 2, run: clientGetName, flags: flagsClient, category: "connection",
				group: "connection", since: "2.6.9", complexity: "O(1)", summary: "Return the name of the current connection"},
			{name: "getredir", arity: 2, run: clientGetRedir, flags: flagsClient, category: "connection",
				group: "connection", since: "6.0.0", complexity: "O(1)", summary: "Return 0 if the current connection tracks keys, -1 if it does not"},
			{name: "help", arity: 2, run: help, flags: flagLoading | flagStale, category: "connection",
				group: "connection", since: "5.0.0", complexity: "O(1)", summary: "Print this help"},
			{name: "id", arity: 2, run: clientID, flags: flagsClient, category: "connection",
				group: "connection", since: "5.0.0", complexity: "O(1)", summary: "Return the ID of the current connection"},
			{name: "info", arity: 2, run: clientInfo, flags: flagsClient, category: "connection",
				group: "connection", since: "6.2.0", complexity: "O(1)", summary: "Describe the current connection"},
			{name: "setinfo", arity: 4, run: clientSetInfo, flags: flagsClient, category: "connection",
				group: "connection", since: "7.2.0", complexity: "O(1)", summary: "Say which library the client uses: LIB-NAME or LIB-VER, and a value"},
			{name: "setname", arity: 3, run: clientSetName, flags: flagsClient, category: "connection",
				group: "connection", since: "2.6.9", complexity: "O(1)", summary: "Give the current connection a name"},
			{name: "tracking", arity: -3, run: clientTracking, flags: flagsClient, category: "connection",
				group: "connection", since: "6.0.0", complexity: "O(1). Some options may introduce additional complexity.", summary: "Turn on or off that the current connection is told when keys change that it has read, or that begin with a prefix"},
			{name: "trackinginfo", arity: 2, run: clientTrackingInfo, flags: flagsClient, category: "connection",
				group: "connection", since: "6.2.0", complexity: "O(1)", summary: "Describe how the current connection tracks keys"},
		}},
	{name: "command", arity: -1, long: true, run: commandAll, flags: flagLoading | flagStale, category: "connection",
		group: "server", since: "2.8.13", complexity: "O(N) where N is the number of commands",
		summary: "Describe all commands", tips: "nondeterministic_output_order", subs: []entry{
			{name: "count", arity: 2, run: commandCount, flags: flagLoading | flagStale, category: "connection",
				group: "server", since: "2.8.13", complexity: "O(1)", summary: "Return the number of commands"},
			{name: "docs", arity: -2, run: commandDocs, flags: flagLoading | flagStale, category: "connection",
				group: "server", since: "7.0.0", complexity: "O(N) where N is the number of commands", summary: "Return what the given commands, or all, are for"},
			{name: "help", arity: 2, run: help, flags: flagLoading | flagStale, category: "connection",
				group: "server", since: "5.0.0", complexity: "O(1)", summary: "Print this help"},
			{name: "info", arity: -2, run: commandInfo, flags: flagLoading | flagStale, category: "connection",
				group: "server", since: "2.8.13", complexity: "O(N) where N is the number of commands", summary: "Return details of the given commands, or of all"},
			{name: "list", arity: -2, run: commandList, flags: flagLoading | flagStale, category: "connection",
				group: "server", since: "7.0.0", complexity: "O(N) where N is the number of commands", summary: "Return the names of the commands; FILTERBY PATTERN, ACLCAT or MODULE and a value leaves some out"},
		}},
	{name: "config", arity: -2, long: true, run: help, group: "server", since: "2.0.0", complexity: "O(1)",
		summary: "Commands about the settings", subs: []entry{
			{name: "get", arity: -3, run: configGet, flags: flagAdmin | flagNoScript | flagLoading | flagStale | flagDangerous,
				group: "server", since: "2.0.0", complexity: "O(N) where N is the number of settings", summary: "Return the settings whose names match the patterns"},
			{name: "help", arity: 2, run: help, flags: flagLoading | flagStale,
				group: "server", since: "5.0.0", complexity: "O(1)", summary: "Print this help"},
			{name: "set", arity: -4, run: configSet, flags: flagAdmin | flagNoScript | flagLoading | flagStale | flagDangerous | flagLocal,
				group: "server", since: "2.0.0", complexity: "O(1)", summary: "Say that settings are given when the node starts"},
		}},
	{name: "covey", arity: -2, long: true, run: help, group: "covey", since: "0.1.0", complexity: "O(1)",
		summary: "Commands about the node and its mesh", subs: []entry{
			{name: "help", arity: 2, run: help, flags: flagLoading | flagStale,
				group: "covey", since: "0.1.0", complexity: "O(1)", summary: "Print this help"},
			{name: "info", arity: 2, run: coveyInfo, flags: flagLoading | flagStale,
				group: "covey", since: "0.1.0", complexity: "O(1)", summary: "Describe this node as JSON"},
			{name: "members", arity: 2, run: coveyMembers, flags: flagLoading | flagStale,
				group: "covey", since: "0.1.0", complexity: "O(N) where N is the number of members", summary: "List the members of the mesh as JSON"},
			{name: "verify", arity: 2, run: coveyVerify, flags: flagLoading | flagStale,
				group: "covey", since: "0.1.0", complexity: "O(N) where N is the number of members", summary: "Say as JSON whether all members hold the same data"},
		}},
}

var serverTable = []entry{
	{name: "dbsize", arity: 1, long: true, gate: gateReady, run: dbsize, flags: flagReadOnly | flagFast, category: "keyspace",
		tips:  "request_policy:all_shards response_policy:agg_sum",
		group: "server", since: "1.0.0", complexity: "O(1)", summary: "Return the number of keys"},
	{name: "flushall", arity: -1, long: true, gate: gateBlind, run: flush, flags: flagWrite | flagDangerous | flagLocal, category: "keyspace", tips: tipEverywhere,
		group: "server", since: "1.0.0", complexity: "O(N) where N is the number of keys", summary: "Remove all keys, on all nodes"},
	{name: "flushdb", arity: -1, long: true, gate: gateBlind, run: flush, flags: flagWrite | flagDangerous | flagLocal, category: "keyspace", tips: tipEverywhere,
		group: "server", since: "1.0.0", complexity: "O(N) where N is the number of keys", summary: "Remove all keys, on all nodes"},
	{name: "info", arity: -1, long: true, run: info, flags: flagLoading | flagStale | flagDangerous,
		tips:  "nondeterministic_output request_policy:all_shards response_policy:special",
		group: "server", since: "1.0.0", complexity: "O(1)", summary: "Describe the node"},
	{name: "time", arity: 1, run: timeOf, flags: flagLoading | flagStale | flagFast, tips: tipOutput,
		group: "server", since: "2.6.0", complexity: "O(1)", summary: "Return the wall clock: seconds and microseconds"},
	{name: "wait", arity: 3, run: wait, flags: flagNoScript, category: "connection",
		tips:  "request_policy:all_shards response_policy:agg_min",
		group: "generic", since: "3.0.0", complexity: "O(1)", summary: "Wait until so many peers have the connection's writes, or the milliseconds are over"},
}

var keyTable = []entry{
	{name: "del", arity: -2, gate: gateBlind, run: del, first: 1, last: -1, step: 1, flags: flagWrite, category: "keyspace", keys: onDeleteKey, tips: tipSum,
		group: "generic", since: "1.0.0", complexity: "O(N) where N is the number of keys", summary: "Delete keys"},
	{name: "exists", arity: -2, gate: gateReady, run: exists, first: 1, last: -1, step: 1, flags: flagReadOnly | flagFast, category: "keyspace", keys: onLookKey, tips: tipSum,
		group: "generic", since: "1.0.0", complexity: "O(N) where N is the number of keys", summary: "Count the keys that are there"},
	{name: "keys", arity: 2, long: true, gate: gateReady, run: keys, flags: flagReadOnly | flagDangerous, category: "keyspace",
		tips:  "request_policy:all_shards nondeterministic_output_order",
		group: "generic", since: "1.0.0", complexity: "O(N) where N is the number of keys", summary: "List the keys that match a pattern"},
	{name: "scan", arity: -2, long: true, gate: gateReady, run: scan, flags: flagReadOnly, category: "keyspace",
		tips:  "nondeterministic_output request_policy:special",
		group: "generic", since: "2.8.0", complexity: "O(1) for a call, O(N) for a whole pass", summary: "List the keys part by part"},
	{name: "touch", arity: -2, gate: gateReady, run: exists, first: 1, last: -1, step: 1, flags: flagReadOnly | flagFast, category: "keyspace", keys: onLookKey, tips: tipSum,
		group: "generic", since: "3.2.1", complexity: "O(N) where N is the number of keys", summary: "Count the keys that are there, which are used thereby"},
	{name: "type", arity: 2, gate: gateReady, run: typeOf, first: 1, last: 1, step: 1, flags: flagReadOnly | flagFast, category: "keyspace", keys: onLookKey,
		group: "generic", since: "1.0.0", complexity: "O(1)", summary: "Return the type of what a key holds"},
	{name: "unlink", arity: -2, gate: gateBlind, run: del, first: 1, last: -1, step: 1, flags: flagWrite | flagFast, category: "keyspace", keys: onDeleteKey, tips: tipSum,
		group: "generic", since: "4.0.0", complexity: "O(N) where N is the number of keys", summary: "Delete keys"},
}

var expiryTable = []entry{
	{name: "expire", arity: -3, gate: gateReady, run: expire, first: 1, last: 1, step: 1, flags: flagWrite | flagFast, category: "keyspace", keys: onUpdateKey,
		group: "generic", since: "1.0.0", complexity: "O(1)", summary: "Set how long a key lives, in seconds"},
	{name: "expireat", arity: -3, gate: gateReady, run: expireat, first: 1, last: 1, step: 1, flags: flagWrite | flagFast, category: "keyspace", keys: onUpdateKey,
		group: "generic", since: "1.2.0", complexity: "O(1)", summary: "Set until when a key lives, in seconds since 1970"},
	{name: "expiretime", arity: 2, gate: gateReady, run: expiretime, first: 1, last: 1, step: 1, flags: flagReadOnly | flagFast, category: "keyspace", keys: onReadKey,
		group: "generic", since: "7.0.0", complexity: "O(1)", summary: "Return until when a key lives, in seconds since 1970"},
	{name: "persist", arity: 2, gate: gateReady, run: persist, first: 1, last: 1, step: 1, flags: flagWrite | flagFast, category: "keyspace", keys: onUpdateKey,
		group: "generic", since: "2.2.0", complexity: "O(1)", summary: "Let a key live for ever"},
	{name: "pexpire", arity: -3, gate: gateReady, run: pexpire, first: 1, last: 1, step: 1, flags: flagWrite | flagFast, category: "keyspace", keys: onUpdateKey,
		group: "generic", since: "2.6.0", complexity: "O(1)", summary: "Set how long a key lives, in milliseconds"},
	{name: "pexpireat", arity: -3, gate: gateReady, run: pexpireat, first: 1, last: 1, step: 1, flags: flagWrite | flagFast, category: "keyspace", keys: onUpdateKey,
		group: "generic", since: "2.6.0", complexity: "O(1)", summary: "Set until when a key lives, in milliseconds since 1970"},
	{name: "pexpiretime", arity: 2, gate: gateReady, run: pexpiretime, first: 1, last: 1, step: 1, flags: flagReadOnly | flagFast, category: "keyspace", keys: onReadKey,
		group: "generic", since: "7.0.0", complexity: "O(1)", summary: "Return until when a key lives, in milliseconds since 1970"},
	{name: "pttl", arity: 2, gate: gateReady, run: pttl, first: 1, last: 1, step: 1, flags: flagReadOnly | flagFast, category: "keyspace", keys: onReadKey, tips: tipOutput,
		group: "generic", since: "2.6.0", complexity: "O(1)", summary: "Return how long a key still lives, in milliseconds"},
	{name: "ttl", arity: 2, gate: gateReady, run: ttl, first: 1, last: 1, step: 1, flags: flagReadOnly | flagFast, category: "keyspace", keys: onReadKey, tips: tipOutput,
		group: "generic", since: "1.0.0", complexity: "O(1)", summary: "Return how long a key still lives, in seconds"},
}

var stringTable = []entry{
	{name: "append", arity: 3, long: true, gate: gateReady, run: appendTo, first: 1, last: 1, step: 1, flags: flagWrite | flagDenyOOM | flagFast, category: "string", keys: onAddKey,
		group: "string", since: "2.0.0", complexity: "O(N) where N is the length of the whole value", summary: "Put bytes behind a value, or set a key that is not there"},
	{name: "delex", arity: -2, gate: gateReady, run: delex, first: 1, last: 1, step: 1, flags: flagWrite | flagFast, category: "string", keys: "RW delete variable_flags",
		group: "string", since: "8.4.0", complexity: "O(1)", summary: "Delete a key if its value is, or is not, the one given"},
	{name: "delifeq", arity: 3, gate: gateReady, run: delifeq, first: 1, last: 1, step: 1, flags: flagWrite | flagFast, category: "string", keys: onTakeKey,
		group: "string", since: "9.0.0", complexity: "O(1)", summary: "Delete a key if its value is the one given, as Valkey has it"},
	{name: "get", arity: 2, gate: gateReady, run: get, first: 1, last: 1, step: 1, flags: flagReadOnly | flagFast, category: "string", keys: onReadKey,
		group: "string", since: "1.0.0", complexity: "O(1)", summary: "Return the value of a key"},
	{name: "getdel", arity: 2, gate: gateReady, run: getdel, first: 1, last: 1, step: 1, flags: flagWrite | flagFast, category: "string", keys: onTakeKey,
		group: "string", since: "6.2.0", complexity: "O(1)", summary: "Delete a key and return what it held"},
	{name: "getex", arity: -2, gate: gateReady, run: getex, first: 1, last: 1, step: 1, flags: flagWrite | flagFast, category: "string",
		keys: "RW access update", note: "RW and UPDATE because it changes the TTL",
		group: "string", since: "6.2.0", complexity: "O(1)", summary: "Return the value of a key and set how long it lives"},
	{name: "getrange", arity: 4, long: true, gate: gateReady, run: getrange, first: 1, last: 1, step: 1, flags: flagReadOnly, category: "string", keys: onReadKey,
		group: "string", since: "2.4.0", complexity: "O(N) where N is the length of the value", summary: "Return a part of the value of a key"},
	{name: "getset", arity: 3, gate: gateReady, run: getset, first: 1, last: 1, step: 1, flags: flagWrite | flagDenyOOM | flagFast, category: "string", keys: onCountKey,
		group: "string", since: "1.0.0", complexity: "O(1)", summary: "Set a key and return what it held"},
	{name: "mget", arity: -2, gate: gateReady, run: mget, first: 1, last: -1, step: 1, flags: flagReadOnly | flagFast, category: "string", keys: onReadKey, tips: tipMulti,
		group: "string", since: "1.0.0", complexity: "O(N) where N is the number of keys", summary: "Return the values of keys"},
	{name: "mset", arity: -3, gate: gateBlind, run: mset, first: 1, last: -1, step: 2, flags: flagWrite | flagDenyOOM, category: "string", keys: onWriteKey, tips: tipAll,
		group: "string", since: "1.0.1", complexity: "O(N) where N is the number of keys", summary: "Set keys, each for itself"},
	{name: "msetnx", arity: -3, long: true, gate: gateReady, run: msetnx, first: 1, last: -1, step: 2, flags: flagWrite | flagDenyOOM, category: "string", keys: "OW insert", tips: tipMulti + " response_policy:agg_min",
		group: "string", since: "1.0.1", complexity: "O(N) where N is the number of keys", summary: "Set keys if none of them is there, in one step"},
	{name: "psetex", arity: 4, gate: gateBlind, run: psetex, first: 1, last: 1, step: 1, flags: flagWrite | flagDenyOOM, category: "string", keys: onWriteKey,
		group: "string", since: "2.6.0", complexity: "O(1)", summary: "Set a key that lives so many milliseconds"},
	{name: "set", arity: -3, gate: gateOwn, run: set, first: 1, last: 1, step: 1, flags: flagWrite | flagDenyOOM, category: "string",
		keys: "RW access update variable_flags", note: "RW and ACCESS due to the optional `GET` argument",
		group: "string", since: "1.0.0", complexity: "O(1)", summary: "Set a key"},
	{name: "setex", arity: 4, gate: gateBlind, run: setex, first: 1, last: 1, step: 1, flags: flagWrite | flagDenyOOM, category: "string", keys: onWriteKey,
		group: "string", since: "2.0.0", complexity: "O(1)", summary: "Set a key that lives so many seconds"},
	{name: "setnx", arity: 3, gate: gateReady, run: setnx, first: 1, last: 1, step: 1, flags: flagWrite | flagDenyOOM | flagFast, category: "string", keys: "OW insert",
		group: "string", since: "1.0.0", complexity: "O(1)", summary: "Set a key that is not there"},
	{name: "setrange", arity: 4, long: true, gate: gateReady, run: setrange, first: 1, last: 1, step: 1, flags: flagWrite | flagDenyOOM, category: "string", keys: onUpdateKey,
		group: "string", since: "2.2.0", complexity: "O(N) where N is the length of the whole value", summary: "Overwrite a part of a value, which may grow"},
	{name: "strlen", arity: 2, gate: gateReady, run: strlen, first: 1, last: 1, step: 1, flags: flagReadOnly | flagFast, category: "string", keys: onLookKey,
		group: "string", since: "2.2.0", complexity: "O(1)", summary: "Return the length of a value in bytes"},
	{name: "substr", arity: 4, long: true, gate: gateReady, run: getrange, first: 1, last: 1, step: 1, flags: flagReadOnly, category: "string", keys: onReadKey,
		group: "string", since: "1.0.0", complexity: "O(N) where N is the length of the value", summary: "Return a part of the value of a key, as GETRANGE does"},
}

var counterTable = []entry{
	{name: "decr", arity: 2, gate: gateReady, run: decr, first: 1, last: 1, step: 1, flags: flagWrite | flagDenyOOM | flagFast, category: "string", keys: onCountKey,
		group: "string", since: "1.0.0", complexity: "O(1)", summary: "Take 1 from a number"},
	{name: "decrby", arity: 3, gate: gateReady, run: decrby, first: 1, last: 1, step: 1, flags: flagWrite | flagDenyOOM | flagFast, category: "string", keys: onCountKey,
		group: "string", since: "1.0.0", complexity: "O(1)", summary: "Take from a number"},
	{name: "incr", arity: 2, gate: gateReady, run: incr, first: 1, last: 1, step: 1, flags: flagWrite | flagDenyOOM | flagFast, category: "string", keys: onCountKey,
		group: "string", since: "1.0.0", complexity: "O(1)", summary: "Add 1 to a number"},
	{name: "incrby", arity: 3, gate: gateReady, run: incrby, first: 1, last: 1, step: 1, flags: flagWrite | flagDenyOOM | flagFast, category: "string", keys: onCountKey,
		group: "string", since: "1.0.0", complexity: "O(1)", summary: "Add to a number"},
	{name: "incrbyfloat", arity: 3, long: true, gate: gateReady, run: incrbyfloat, first: 1, last: 1, step: 1, flags: flagWrite | flagDenyOOM | flagFast, category: "string", keys: onCountKey,
		group: "string", since: "2.6.0", complexity: "O(1)", summary: "Add to a number that may have a fraction"},
}

var transactionTable = []entry{
	{name: "discard", arity: 1, run: discard, flags: flagsTransaction | flagFast | flagAllowBusy, category: "transaction",
		group: "transactions", since: "2.0.0", complexity: "O(N) where N is the number of queued commands", summary: "Forget the commands that are queued since MULTI"},
	{name: "exec", arity: 1, long: true, run: execute, flags: flagsTransaction | flagSkipSlowlog, category: "transaction",
		group: "transactions", since: "1.2.0", complexity: "That of the queued commands", summary: "Carry out the commands that are queued since MULTI"},
	{name: "multi", arity: 1, run: multi, flags: flagsTransaction | flagFast | flagAllowBusy, category: "transaction",
		group: "transactions", since: "1.2.0", complexity: "O(1)", summary: "Queue the commands that follow, until EXEC"},
	{name: "unwatch", arity: 1, run: unwatch, flags: (flagsTransaction | flagFast | flagAllowBusy) &^ flagNow, category: "transaction",
		group: "transactions", since: "2.2.0", complexity: "O(1)", summary: "Forget the keys that are watched"},
	{name: "watch", arity: -2, gate: gateReady, run: watch, first: 1, last: -1, step: 1, flags: flagsTransaction | flagFast | flagAllowBusy, category: "transaction", keys: onLookKey,
		group: "transactions", since: "2.2.0", complexity: "O(N) where N is the number of keys", summary: "Have EXEC do nothing if one of the keys has changed by then"},
}

// flagsTransaction are the flags of what begins and ends a transaction.
const flagsTransaction = flagNoScript | flagLoading | flagStale | flagNow

var scriptTable = []entry{
	{name: "eval", arity: -3, gate: gateReady, run: eval, counts: 2, flags: flagsScript, category: "scripting", keys: onCountKey,
		note:  "We cannot tell how the keys will be used so we assume the worst, RW and UPDATE",
		group: "scripting", since: "2.6.0", complexity: "O(1)", summary: "Do what a script does that takes, prolongs or releases a lock, or counts for a limit"},
	{name: "evalsha", arity: -3, gate: gateReady, run: evalsha, counts: 2, flags: flagsScript, category: "scripting", keys: onCountKey,
		group: "scripting", since: "2.6.0", complexity: "O(1)", summary: "Do what such a script does that came before, by the SHA-1 of its text"},
	{name: "script", arity: -2, long: true, run: help, group: "scripting", since: "2.6.0", complexity: "O(1)",
		summary: "Commands about the scripts that EVALSHA may name", subs: []entry{
			{name: "exists", arity: -3, run: scriptExists, flags: flagNoScript, category: "scripting",
				group: "scripting", since: "2.6.0", complexity: "O(N) where N is the number of scripts", summary: "Say which of the given SHA-1 EVALSHA may name"},
			{name: "flush", arity: -2, run: scriptFlush, flags: flagNoScript, category: "scripting",
				group: "scripting", since: "2.6.0", complexity: "O(N) where N is the number of scripts", summary: "Forget the scripts that came"},
			{name: "help", arity: 2, run: help, flags: flagLoading | flagStale, category: "scripting",
				group: "scripting", since: "5.0.0", complexity: "O(1)", summary: "Print this help"},
			{name: "load", arity: 3, run: scriptLoad, flags: flagNoScript | flagStale, category: "scripting",
				group: "scripting", since: "2.6.0", complexity: "O(1)", summary: "Have EVALSHA know a script, and return its SHA-1"},
		}},
}

const flagsScript = flagNoScript | flagStale | flagSkipMonitor | flagNoMandatoryKeys | flagMovableKeys

// flagsListen are the flags of what begins and ends subscriptions.
const flagsListen = flagPubSub | flagNoScript | flagLoading | flagStale | flagListening | flagNow

var pubsubTable = []entry{
	{name: "psubscribe", arity: -2, long: true, run: subscribeTo("psubscribe", true), flags: flagsListen,
		group: "pubsub", since: "2.0.0", complexity: "O(N) where N is the number of patterns", summary: "Listen to the channels whose names match patterns"},
	{name: "publish", arity: 3, gate: gateBlind, run: publish, flags: flagPubSub | flagLoading | flagStale | flagFast,
		group: "pubsub", since: "2.0.0", complexity: "O(N+M) where N is the number of listeners and M that of patterns", summary: "Send a message to all who listen to a channel, on all nodes"},
	{name: "pubsub", arity: -2, long: true, run: help, group: "pubsub", since: "2.8.0", complexity: "O(1)",
		summary: "Commands about who listens on this node", subs: []entry{
			{name: "channels", arity: -2, run: pubsubChannels, flags: flagPubSub | flagLoading | flagStale,
				group: "pubsub", since: "2.8.0", complexity: "O(N) where N is the number of channels", summary: "List the channels that somebody listens to, or those that match a pattern"},
			{name: "help", arity: 2, run: help, flags: flagLoading | flagStale,
				group: "pubsub", since: "6.2.0", complexity: "O(1)", summary: "Print this help"},
			{name: "numpat", arity: 2, run: pubsubNumPat, flags: flagPubSub | flagLoading | flagStale,
				group: "pubsub", since: "2.8.0", complexity: "O(1)", summary: "Return how many patterns somebody listens to"},
			{name: "numsub", arity: -2, run: pubsubNumSub, flags: flagPubSub | flagLoading | flagStale,
				group: "pubsub", since: "2.8.0", complexity: "O(N) where N is the number of channels", summary: "Return how many listen to each of the channels"},
		}},
	{name: "punsubscribe", arity: -1, long: true, run: unsubscribeFrom("punsubscribe", true), flags: flagsListen,
		group: "pubsub", since: "2.0.0", complexity: "O(N) where N is the number of patterns", summary: "Listen no longer to patterns, or to none"},
	{name: "subscribe", arity: -2, long: true, run: subscribeTo("subscribe", false), flags: flagsListen,
		group: "pubsub", since: "2.0.0", complexity: "O(N) where N is the number of channels", summary: "Listen to channels"},
	{name: "unsubscribe", arity: -1, long: true, run: unsubscribeFrom("unsubscribe", false), flags: flagsListen,
		group: "pubsub", since: "2.0.0", complexity: "O(N) where N is the number of channels", summary: "Listen no longer to channels, or to none"},
}
