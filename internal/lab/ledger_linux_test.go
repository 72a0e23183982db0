package lab

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	batchSize  = 50                    // commands that a writer sends at once; a WAIT 1 follows
	batchPause = 20 * time.Millisecond // between the replies to one batch and the next batch, usually
	fillBatch  = 500                   // commands at once while the keys are written for the first time
	waitLimit  = time.Second           // of a WAIT 1
	replyLimit = 40 * time.Second      // for the replies to a batch: longer than a node is stopped
	sharedKeys = 100                   // keys that every writer sets
	sumKeys    = 10                    // keys that every writer increments
	valueSize  = 100                   // bytes
	realOrder  = time.Second           // of two writes further apart than this the later one wins
)

// An op is one write that was sent.
type op struct {
	value            string // "": a deletion
	issued, returned time.Time
	acked            bool // the node said that it is done
	sure             bool // and another node has it (WAIT 1), or that node lived on
}

// A tally counts the increments of one counter.
type tally struct{ sure, acked, sent int }

// A writer writes to one node and keeps the ledger of that: keys of its own, which nobody else writes, and keys that all share.
type writer struct {
	host   *Host
	client *redis.Client
	random *rand.Rand
	pause  time.Duration // between the replies to one batch and the next batch
	ops    int           // sent so far: values tell them apart

	own    [][]*op // of each key of its own what it may hold: from the last sure op on
	shared [sharedKeys][]*op
	sums   [sumKeys]tally

	acked, refused, failed int // commands: done, answered with an error, not answered
	unsure                 int // acknowledged by a node that crashed before another had it

	stop context.CancelFunc
	done sync.WaitGroup
}

func newWriter(t *testing.T, h *Host, keys int) *writer {
	c := redis.NewClient(&redis.Options{
		Addr: "127.0.0.1:9000", Dialer: h.Dial, MaxRetries: -1, DialTimeout: dialLimit, ReadTimeout: replyLimit, PoolSize: 1,
	})
	t.Cleanup(func() { c.Close() })
	return &writer{host: h, client: c, pause: batchPause, random: rand.New(rand.NewPCG(uint64(h.Addr.As4()[3]), 0)), own: make([][]*op, keys)}
}

func (w *writer) ownKey(i int) string { return fmt.Sprintf("%s-%06d", w.host.Name, i) }
func sharedKey(i int) string          { return fmt.Sprintf("shared-%d", i) }
func sumKey(i int) string             { return fmt.Sprintf("sum-%d", i) }

// A batch is commands on their way, each with its place in the ledger.
type batch struct {
	w       *writer
	pipe    redis.Pipeliner
	replies []redis.Cmder
	ops     []*op // nil where the command is an increment
	lists   []*[]*op
	tallies []*tally
}

func (w *writer) newBatch() *batch { return &batch{w: w, pipe: w.client.Pipeline()} }

// set adds a SET of the key, or a DEL.
func (b *batch) set(key string, list *[]*op, deletes bool) {
	b.w.ops++
	o := &op{}
	var reply redis.Cmder
	if deletes {
		reply = b.pipe.Del(context.Background(), key)
	} else {
		o.value = fmt.Sprintf("%s %d of %s ", b.w.host.Name, b.w.ops, key)
		o.value += strings.Repeat(".", max(0, valueSize-len(o.value)))
		reply = b.pipe.Set(context.Background(), key, o.value, 0)
	}
	*list = append(*list, o)
	b.replies, b.ops, b.lists, b.tallies = append(b.replies, reply), append(b.ops, o), append(b.lists, list), append(b.tallies, nil)
}

func (b *batch) increment(key string, sum *tally) {
	b.replies = append(b.replies, b.pipe.Incr(context.Background(), key))
	b.ops, b.lists, b.tallies = append(b.ops, nil), append(b.lists, nil), append(b.tallies, sum)
}

// send sends the batch, waits for its replies and enters them.
func (b *batch) send() {
	wait := b.pipe.Do(context.Background(), "WAIT", 1, waitLimit.Milliseconds())
	issued := time.Now()
	b.pipe.Exec(context.Background())
	returned := time.Now()
	held, err := wait.Int()
	sure := err == nil && held >= 1
	unsent := wait.Err() == nil && wait.Val() == nil // go-redis gives a connection that failed to no command
	for i, reply := range b.replies {
		var refusal redis.Error
		acked, refused := reply.Err() == nil && !unsent, errors.As(reply.Err(), &refusal)
		switch {
		case acked:
			b.w.acked++
		case refused:
			b.w.refused++
		default:
			b.w.failed++
		}
		if o := b.ops[i]; o != nil {
			o.issued, o.returned, o.acked, o.sure = issued, returned, acked, acked && sure
			if refused {
				*b.lists[i] = slices.DeleteFunc(*b.lists[i], func(one *op) bool { return one == o })
			}
		} else if !refused {
			b.tallies[i].enter(acked, sure)
		}
	}
}

func (s *tally) enter(acked, sure bool) {
	s.sent++
	if acked {
		s.acked++
	}
	if acked && sure {
		s.sure++
	}
}

// fill sets every key of its own once.
func (w *writer) fill() error {
	for from := 0; from < len(w.own); from += fillBatch {
		b := w.newBatch()
		for i := from; i < min(from+fillBatch, len(w.own)); i++ {
			b.set(w.ownKey(i), &w.own[i], false)
		}
		b.send()
	}
	if w.refused+w.failed > 0 {
		return fmt.Errorf("%s refused %d of the first writes and did not answer %d", w.host.Name, w.refused, w.failed)
	}
	return nil
}

// start begins to write at random, until stop is called; then done ends with the last replies.
func (w *writer) start() {
	ctx, cancel := context.WithCancel(context.Background())
	w.stop = cancel
	w.done.Go(func() {
		for ctx.Err() == nil {
			w.scribble()
			<-time.After(w.pause)
		}
	})
}

// scribble sends one batch: mostly own keys, one of twenty of them deleted, two shared keys, one counter.
func (w *writer) scribble() {
	b := w.newBatch()
	for range batchSize - 3 {
		i := w.random.IntN(len(w.own))
		w.own[i] = sinceSure(w.own[i])
		b.set(w.ownKey(i), &w.own[i], w.random.IntN(20) == 0)
	}
	for range 2 {
		i := w.random.IntN(sharedKeys)
		b.set(sharedKey(i), &w.shared[i], false)
	}
	i := w.random.IntN(sumKeys)
	b.increment(sumKey(i), &w.sums[i])
	b.send()
}

// sinceSure is the ops from the last sure one on.
func sinceSure(ops []*op) []*op {
	for i := len(ops) - 1; i > 0; i-- {
		if ops[i].sure {
			return ops[i:]
		}
	}
	return ops
}

// lives says that the node of the writer never ended: what it acknowledged is sure.
func (w *writer) lives() {
	for _, list := range slices.Concat(w.own, w.shared[:]) {
		for _, o := range list {
			o.sure = o.acked
		}
	}
	for i := range w.sums {
		w.sums[i].sure = w.sums[i].acked
	}
}

// audit holds the contents of a node against the ledgers: faults has a sentence for each write that is lost or undone.
func audit(writers []*writer, held map[string]string) (faults []string) {
	for _, w := range writers {
		w.unsure = 0
		for i, ops := range w.own {
			if fault := w.auditOwn(sinceSure(ops), held[w.ownKey(i)]); fault != "" {
				faults = append(faults, w.ownKey(i)+": "+fault)
			}
		}
	}
	for i := range sharedKeys {
		var ops []*op
		for _, w := range writers {
			ops = append(ops, w.shared[i]...)
		}
		if fault := auditShared(ops, held[sharedKey(i)]); fault != "" {
			faults = append(faults, sharedKey(i)+": "+fault)
		}
	}
	for i := range sumKeys {
		var all tally
		for _, w := range writers {
			all.sure, all.sent = all.sure+w.sums[i].sure, all.sent+w.sums[i].sent
		}
		var sum int
		fmt.Sscan(held[sumKey(i)], &sum)
		if sum < all.sure || sum > all.sent {
			faults = append(faults, fmt.Sprintf("%s: it is %q after %d increments, %d of them sure", sumKey(i), held[sumKey(i)], all.sent, all.sure))
		}
	}
	return faults
}

// auditOwn judges what a node has ("": nothing) under a key that one writer alone wrote.
func (w *writer) auditOwn(ops []*op, has string) string {
	at := slices.IndexFunc(ops, func(o *op) bool { return o.value == has })
	begun := len(ops) > 0 && ops[0].sure
	switch {
	case at < 0 && has != "":
		return fmt.Sprintf("it is %q, which is older than its last sure write or never was one", has)
	case at < 0 && begun:
		return fmt.Sprintf("it is absent and was set to %q", ops[0].value)
	}
	// A deletion may stand there twice; the last of them is meant. What was acknowledged after it is gone.
	for i, o := range ops {
		if o.value == has {
			at = i
		}
	}
	for _, o := range ops[at+1:] {
		if o.acked {
			w.unsure++
		}
	}
	return ""
}

// auditShared judges what a node has under a key that several wrote: no sure write was made more than realOrder after it.
func auditShared(ops []*op, has string) string {
	if len(ops) == 0 {
		return ""
	}
	at := slices.IndexFunc(ops, func(o *op) bool { return o.value == has })
	if at < 0 {
		if has == "" && !slices.ContainsFunc(ops, func(o *op) bool { return o.sure }) {
			return ""
		}
		return fmt.Sprintf("it is %q, which nobody wrote", has)
	}
	won := ops[at]
	for _, o := range ops {
		if o.sure && won.acked && o.issued.Sub(won.returned) > realOrder {
			return fmt.Sprintf("it is %q and was set to %q %v later", has, o.value, o.issued.Sub(won.returned))
		}
	}
	return ""
}

// holdings is all that a node holds, by SCAN and MGET.
func holdings(h *Host) (map[string]string, error) {
	const many = 2000 // keys at once
	c := redis.NewClient(&redis.Options{Addr: "127.0.0.1:9000", Dialer: h.Dial, MaxRetries: -1, DialTimeout: dialLimit})
	defer c.Close()
	ctx := context.Background()
	held := map[string]string{}
	for cursor := uint64(0); ; {
		keys, next, err := c.Scan(ctx, cursor, "*", many).Result()
		if err != nil {
			return nil, err
		}
		if len(keys) > 0 {
			values, err := c.MGet(ctx, keys...).Result()
			if err != nil {
				return nil, err
			}
			for i, value := range values {
				if s, ok := value.(string); ok {
					held[keys[i]] = s
				}
			}
		}
		if cursor = next; cursor == 0 {
			return held, nil
		}
	}
}
