package command

import "strings"

// absent are commands of Redis that are not here, and what to do instead of each of them. An error says that behind the words of Redis,
// for clients know an unknown command by how the error begins. None speaks of a cluster: there are clients that look for that word.
var absent = []struct{ names, instead string }{
	{"eval_ro evalsha_ro fcall fcall_ro function script|debug script|kill",
		"covey runs no scripts, and EVAL only those that take, prolong and release locks, or count for a limit: instead of " + insteadOfScripts},
	{"spublish ssubscribe sunsubscribe pubsub|shardchannels pubsub|shardnumsub", "instead, PUBLISH and SUBSCRIBE, which reach all nodes"},
	{"hdel hexists hget hgetall hincrby hincrbyfloat hkeys hlen hmget hmset hrandfield hscan hset hsetnx hstrlen hvals " +
		"blmove blmpop blpop brpop brpoplpush lindex linsert llen lmove lmpop lpop lpos lpush lpushx lrange lrem lset ltrim rpop rpoplpush rpush rpushx " +
		"sadd scard sdiff sdiffstore sinter sintercard sinterstore sismember smembers smismember smove spop srandmember srem sscan sunion sunionstore " +
		"bzmpop bzpopmax bzpopmin zadd zcard zcount zdiff zdiffstore zincrby zinter zintercard zinterstore zlexcount zmpop zmscore zpopmax zpopmin zrandmember " +
		"zrange zrangebylex zrangebyscore zrangestore zrank zrem zremrangebylex zremrangebyrank zremrangebyscore zrevrange zrevrangebylex zrevrangebyscore " +
		"zrevrank zscan zscore zunion zunionstore geoadd geodist geohash geopos georadius georadius_ro georadiusbymember georadiusbymember_ro geosearch geosearchstore " +
		"xack xadd xautoclaim xclaim xdel xgroup xinfo xlen xpending xrange xread xreadgroup xrevrange xsetid xtrim pfadd pfcount pfmerge sort sort_ro",
		"covey has strings only: keep the whole in one value, such as JSON, or use another server for lists, hashes, sets and streams"},
	{"bitfield setbit",
		"instead, GET the value, change it, and SET key value IFEQ old, which is refused if another client of this node wrote in between"},
	{"bitcount bitfield_ro bitop bitpos getbit lcs", "instead, GET or GETRANGE the value, and look at it in the program"},
	{"copy rename renamenx", "between nodes that is two writes, of which each may lose for itself: instead, GET the one key and its PTTL, SET the other, with NX where it must not be there, and DEL the first if it is to go"},
	{"dump migrate restore restore-asking", "instead, GET the value and its PTTL, and SET it: every node has all the keys"},
	{"randomkey", "instead, SCAN, which lists the keys part by part"},
	{"move swapdb", "covey has database 0 only: begin the keys with a prefix instead"},
	{"asking cluster readonly readwrite sentinel", "every node of covey has all the keys: connect to any, with a client for a single server"},
	{"bgrewriteaof bgsave lastsave save waitaof", "covey keeps everything in memory and writes nothing to disk"},
	{"acl", "covey has no users: who knows the secret may do everything, and where there is none all hosts of the node's networks, but for FLUSHALL and FLUSHDB"},
	{"debug latency lolwut memory monitor pfdebug pfselftest slowlog", "see INFO, covey info, and what the node tells at /metrics"},
	{"object", "covey keeps no such figures of a key: TYPE, STRLEN and TTL tell what there is"},
	{"failover psync replconf replicaof role slaveof sync", "every node takes writes and has all the keys: start covey on the other machine, and see covey members"},
	{"module", "covey loads no modules"},
	{"shutdown", "a node is ended on its machine, by SIGTERM or Ctrl-C"},
	{"msetex", "instead, SET with EX or PX for each key, all sent at once"},
	{"digest", "instead, GET the value and compare it as it is with SET IFEQ or DELEX IFEQ"},
	{"client|kill client|list client|no-evict client|no-touch client|pause client|reply client|unblock client|unpause",
		"a connection of covey sees and changes itself only: see CLIENT INFO, and covey info for the whole node"},
	{"command|getkeys command|getkeysandflags", "COMMAND INFO says which arguments are keys"},
	{"config|resetstat", "covey counts from its start on: take the difference of two looks"},
	{"config|rewrite", "covey takes its settings when it starts, as flags or from the environment: see covey run --help"},
}

var insteadOf = make(map[string]string)

func init() {
	for _, a := range absent {
		for _, name := range strings.Fields(a.names) {
			insteadOf[name] = "(" + a.instead + ")"
		}
	}
}

// hint is what an error says behind an unknown command, or a subcommand written container|name, in letters of any case; "" for most.
func hint(name string) string { return insteadOf[strings.ToLower(name)] }
