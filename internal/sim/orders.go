package sim

import (
	"fmt"
	"strconv"
	"strings"

	"covey/codec"
)

// command is one command of a client, any that writes and some that read, with arguments in the words of Redis.
func (d *draft) command() []string {
	r := d.r
	key := func() string { return fmt.Sprint("key:", r.IntN(d.Keys)) }
	count := func() string { return fmt.Sprint("count:", r.IntN(d.Keys)) } // has no single winner (R27): only compared
	ttl := func() string { return strconv.Itoa(1 + r.IntN(8000)) }
	switch p := r.IntN(1000); {
	case d.Long && (p < 10 || p >= 330 && p < 470):
		return []string{"SET", key(), d.value()} // counters come with the scene
	case p < 3:
		return []string{"FLUSHALL"}
	case p < 10:
		return [][]string{{"DEL", count()}, {"SET", count(), "100"}, {"PEXPIRE", count(), ttl()}}[r.IntN(3)]
	case p < 150:
		return []string{"DEL", key()}
	case p < 170:
		return []string{"UNLINK", key(), key(), key()}
	case p < 190:
		return []string{"GETDEL", key()}
	case p < 270:
		return append([]string{"PEXPIRE", key(), ttl()}, [][]string{nil, nil, {"NX"}, {"XX"}, {"GT"}, {"LT"}}[r.IntN(6)]...)
	case p < 290:
		return []string{"EXPIRE", key(), strconv.Itoa(r.IntN(6) - 1)}
	case p < 330:
		return []string{"PERSIST", key()}
	case p < 430:
		return []string{[]string{"INCR", "DECR"}[r.IntN(2)], count()}
	case p < 470:
		return []string{"INCRBY", count(), strconv.Itoa(r.IntN(20) - 5)}
	case p < 500:
		return []string{"GETSET", key(), d.value()}
	case p < 530:
		return []string{"SETNX", key(), d.value()}
	case p < 560:
		return []string{"MSET", key(), d.value(), key(), d.value()}
	case p < 590:
		return []string{"PSETEX", key(), ttl(), d.value()}
	case p < 640:
		return [][]string{{"GET", key()}, {"MGET", key(), key()}, {"EXISTS", key()}, {"PTTL", key()}}[r.IntN(4)]
	case p < 780:
		return append([]string{"SET", key(), d.value()}, [][]string{{"NX"}, {"XX"}, {"GET"}, {"KEEPTTL"}, {"PX", ttl()}, {"PX", ttl(), "NX"}}[r.IntN(6)]...)
	}
	return []string{"SET", key(), d.value()}
}

// value is a number, a text, or, where memory is to run short, something longer; seldom one that the ring holds by reference.
func (d *draft) value() string {
	r := d.r
	switch p := r.IntN(1000); {
	case p < 2 && !d.Small && d.Machines[0].Memory > 1<<20:
		return strings.Repeat("x", codec.RefValue+1+r.IntN(codec.RefValue))
	case p < 300:
		return fmt.Sprint("value ", r.IntN(1_000_000))
	case d.Small:
		return strings.Repeat("y", 500+r.IntN(2500))
	}
	return strconv.Itoa(r.IntN(1000))
}
