package loop

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/anishathalye/porcupine"
)

// request is a command on one key, as a client gave it, whatever protocol it spoke.
type request struct {
	name string // a RESP command; "SET NX" and "SET XX" are names of their own
	key  string
	arg  string
	was  string // what IFEQ and IFNE compare with
}

// words is the request as a RESP command.
func (r request) words() []string {
	switch r.name {
	case "SET NX", "SET XX", "SET GET":
		return []string{"SET", r.key, r.arg, r.name[4:]}
	case "SET IFEQ", "SET IFNE":
		return []string{"SET", r.key, r.arg, r.name[4:], r.was}
	case "DELEX IFEQ", "DELEX IFNE":
		return []string{"DELEX", r.key, r.name[6:], r.was}
	case "SET", "SETNX", "GETSET", "INCRBY":
		return []string{r.name, r.key, r.arg}
	}
	return []string{r.name, r.key}
}

const (
	null    = "$-1" // what rawClient makes of a null
	errKind = "-ERR value is not an integer or out of range"
	errFull = "-ERR increment or decrement would overflow"
)

// content is what a key holds in the model.
type content struct {
	there bool
	value string
}

func (c content) bulk() string {
	if !c.there {
		return null
	}
	return c.value
}

// step is what the request makes of a key, and what its reply must be.
func (r request) step(c content) (reply string, then content) {
	set := content{true, r.arg}
	switch r.name {
	case "GET":
		return c.bulk(), c
	case "EXISTS":
		if c.there {
			return ":1", c
		}
		return ":0", c
	case "STRLEN":
		return ":" + strconv.Itoa(len(c.value)), c
	case "SET":
		return "+OK", set
	case "GETSET", "SET GET":
		return c.bulk(), set
	case "SET NX", "SET XX":
		if c.there == (r.name == "SET XX") {
			return "+OK", set
		}
		return null, c
	case "SET IFEQ", "SET IFNE":
		if (c.there && c.value == r.was) == (r.name == "SET IFEQ") {
			return "+OK", set
		}
		return null, c
	case "DELEX IFEQ", "DELEX IFNE":
		if c.there && (c.value == r.was) == (r.name == "DELEX IFEQ") {
			return ":1", content{}
		}
		return ":0", c
	case "SETNX":
		if c.there {
			return ":0", c
		}
		return ":1", set
	case "DEL":
		if c.there {
			return ":1", content{}
		}
		return ":0", c
	case "GETDEL":
		return c.bulk(), content{}
	}
	return r.count(c)
}

// count is the step of INCR, DECR and INCRBY.
func (r request) count(c content) (reply string, then content) {
	by := map[string]int64{"INCR": 1, "DECR": -1}[r.name]
	if r.name == "INCRBY" {
		by, _ = strconv.ParseInt(r.arg, 10, 64)
	}
	n := int64(0)
	if c.there {
		var err error
		if n, err = strconv.ParseInt(c.value, 10, 64); err != nil || strconv.FormatInt(n, 10) != c.value {
			return errKind, c
		}
	}
	sum := n + by
	if (sum > n) != (by > 0) && by != 0 {
		return errFull, c
	}
	text := strconv.FormatInt(sum, 10)
	return ":" + text, content{true, text}
}

// oneKey is the model that a history is checked with: all commands on a key happen one after another. Keys have nothing to do
// with each other, so each is a history of its own.
var oneKey = porcupine.Model{
	Partition: func(all []porcupine.Operation) [][]porcupine.Operation {
		parts := map[string][]porcupine.Operation{}
		var keys []string
		for _, o := range all {
			key := o.Input.(request).key
			if parts[key] == nil {
				keys = append(keys, key)
			}
			parts[key] = append(parts[key], o)
		}
		slices.Sort(keys)
		var sorted [][]porcupine.Operation
		for _, key := range keys {
			sorted = append(sorted, parts[key])
		}
		return sorted
	},
	Init: func() any { return content{} },
	Step: func(state, input, output any) (bool, any) {
		reply, then := input.(request).step(state.(content))
		return reply == output.(string), then
	},
}

const checkTime = time.Minute // for a checker to decide about the history of one round: it takes some ms

// linear says whether a history is that of keys whose commands happen one after another, each between its call and its return.
func linear(all []porcupine.Operation) porcupine.CheckResult {
	return porcupine.CheckOperationsTimeout(oneKey, all, checkTime)
}

// broken finds the key whose history is not, and tells it by time of call, for the log.
func broken(all []porcupine.Operation) (told []porcupine.Operation) {
	for _, part := range oneKey.Partition(all) {
		if linear(part) != porcupine.Ok {
			slices.SortFunc(part, func(a, b porcupine.Operation) int { return cmp.Compare(a.Call, b.Call) })
			return part
		}
	}
	return nil
}
