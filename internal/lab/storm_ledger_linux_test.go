package lab

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const (
	stormLarge  = 16                     // keys with values of up to stormValue, of each writer
	stormOwn    = 120                    // keys that one writer alone sets and deletes, those included
	stormTimed  = 40                     // keys of one writer that end and are told not to
	stormShared = 60                     // keys that all writers do anything with
	stormSums   = 10                     // counters
	stormValue  = 4 << 20                // bytes
	stormHolds  = 2                      // nodes that a WAIT has to name: one of them has room for everything
	stormLate   = 500 * time.Millisecond // a value may be read so long after its end
)

// A want is one command of a batch, and what becomes of the ledger with its reply.
type want struct {
	words []string
	list  *[]*op // nil: the command is in no list of writes
	op    *op
	sum   *tally
	ends  time.Duration // of a key that is set this once: its time to live
}

// A stormWriter writes to one node: keys of its own, which nobody else writes, and keys that all share.
type stormWriter struct {
	host     *Host
	password string
	random   *rand.Rand
	conn     *raw
	ops      int // sent so far

	own   [stormOwn][]*op
	timed [stormTimed][]*op
	sums  [stormSums]tally

	ending chan stormEnd // of keys that are set once and end

	acked, refused, unknown int
	words                   map[string]int // refusals
}

// A stormEnd is a key that is gone from then on.
type stormEnd struct {
	key string
	at  time.Time
}

// stormFaults gathers what went wrong from many goroutines.
type stormFaults struct {
	mu    sync.Mutex
	all   []string
	count int
}

func (f *stormFaults) add(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.count++; f.count <= shownFaults {
		f.all = append(f.all, time.Now().Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
	}
}

func (w *stormWriter) ownKey(i int) string   { return fmt.Sprintf("p-%s-%d", w.host.Name, i) }
func (w *stormWriter) timedKey(i int) string { return fmt.Sprintf("t-%s-%d", w.host.Name, i) }

// size is that of a value of the key of this number: mostly small, from 1 byte on, or up to stormValue.
func (w *stormWriter) size(i int) int {
	least, most := 1.0, 4096.0
	if i < stormLarge {
		least, most = 32<<10, stormValue
	}
	return int(least * math.Pow(most/least, w.random.Float64()))
}

// next names the next write.
func (w *stormWriter) next() string { w.ops++; return strconv.Itoa(w.ops) }

// set is a SET of a key, with more words; a value that will end is an op of "", what is there when all is over.
func (w *stormWriter) set(key string, list *[]*op, size int, ends bool, more ...string) want {
	name := w.next()
	o := &op{value: name}
	if ends {
		o.value = ""
	}
	return want{words: append([]string{"SET", key, sealedValue(key, name, size)}, more...), list: list, op: o}
}

func (w *stormWriter) millis(most int) string { return strconv.Itoa(1 + w.random.IntN(most)) }

// draw is one command at random.
func (w *stormWriter) draw() want {
	switch what := w.random.IntN(100); {
	case what < 45:
		i := w.random.IntN(stormOwn)
		if i < stormLarge && w.random.IntN(3) > 0 {
			i += stormLarge
		}
		w.own[i] = sinceSure(w.own[i])
		if w.random.IntN(6) == 0 {
			return want{words: []string{"DEL", w.ownKey(i)}, list: &w.own[i], op: &op{}}
		}
		return w.set(w.ownKey(i), &w.own[i], w.size(i), false)
	case what < 65:
		return w.drawTimed(w.random.IntN(stormTimed))
	case what < 75:
		i := w.random.IntN(stormSums)
		return want{words: []string{"INCR", fmt.Sprintf("n-%d", i)}, sum: &w.sums[i]}
	case what < 85:
		key, ms := fmt.Sprintf("e-%s-%s", w.host.Name, w.next()), 1+w.random.IntN(3000)
		value := sealedValue(key, "e", w.size(w.random.IntN(20*stormLarge)))
		return want{words: []string{"SET", key, value, "PX", strconv.Itoa(ms)}, ends: time.Duration(ms) * time.Millisecond}
	default:
		return w.drawShared(fmt.Sprintf("x-%d", w.random.IntN(stormShared)))
	}
}

// drawTimed is a command that gives a key a time to live or takes it away.
func (w *stormWriter) drawTimed(i int) want {
	key, list := w.timedKey(i), &w.timed[i]
	*list = sinceSure(*list)
	switch w.random.IntN(6) {
	case 0:
		return w.set(key, list, w.size(i+stormLarge-4), true, "PX", w.millis(5000))
	case 1:
		return want{words: []string{"PEXPIRE", key, w.millis(5000)}, list: list, op: &op{}}
	case 2:
		return want{words: []string{"GETEX", key, "PX", w.millis(5000)}, list: list, op: &op{}}
	case 3:
		return want{words: []string{"GETDEL", key}, list: list, op: &op{}}
	default:
		return w.set(key, list, w.size(i+stormLarge-4), false)
	}
}

// drawShared is any command with a key that others write too: nodes have to agree on what is there in the end.
func (w *stormWriter) drawShared(key string) want {
	i := w.random.IntN(stormOwn)
	value := func() string { return sealedValue(key, w.host.Name+"."+w.next(), w.size(i+i%2*stormLarge)) }
	var words []string
	switch w.random.IntN(12) {
	case 0, 1:
		words = []string{"SET", key, value()}
	case 2:
		words = []string{"SET", key, value(), "PX", w.millis(60_000)}
	case 3:
		words = []string{"SET", key, value(), "KEEPTTL", "XX"}
	case 4:
		words = []string{"SETNX", key, value()}
	case 5:
		words = []string{"GETSET", key, value()}
	case 6:
		words = []string{"PEXPIRE", key, w.millis(60_000), "GT"}
	case 7:
		words = []string{"PERSIST", key}
	case 8, 9:
		words = []string{"DEL", key}
	case 10:
		words = []string{"INCRBY", key, "7"}
	default:
		words = []string{"PEXPIRE", key, w.millis(3000)}
	}
	return want{words: words}
}

// dial connects, or pauses.
func (w *stormWriter) dial() bool {
	conn, err := dialRaw(w.host, w.password)
	if err != nil {
		<-time.After(50 * time.Millisecond)
		return false
	}
	w.conn = conn
	return true
}

// scribble writes one batch, in one of four times as a transaction, and a WAIT behind it.
func (w *stormWriter) scribble() {
	if w.conn == nil && !w.dial() {
		return
	}
	wants := make([]want, 1+w.random.IntN(6))
	var commands [][]string
	for i := range wants {
		wants[i] = w.draw()
		if wants[i].op != nil {
			*wants[i].list = append(*wants[i].list, wants[i].op)
		}
		commands = append(commands, wants[i].words)
	}
	together := w.random.IntN(4) == 0
	if together {
		commands = append(append([][]string{{"MULTI"}}, commands...), []string{"EXEC"})
	}
	replies, held := w.send(commands)
	if together {
		replies = ofTransaction(replies, len(wants))
	}
	w.note(wants, replies, held >= stormHolds)
}

// send sends commands and a WAIT, and returns the replies that came, and how many nodes the WAIT names.
func (w *stormWriter) send(commands [][]string) (replies []any, held int64) {
	replies, err := w.conn.call(append(commands, []string{"WAIT", strconv.Itoa(stormHolds), "1000"})...)
	if err != nil {
		w.conn = nil
	}
	if len(replies) == len(commands)+1 {
		held, _ = replies[len(commands)].(int64)
		replies = replies[:len(commands)]
	}
	return replies, held
}

// note enters the replies to a batch, and that others did not come.
func (w *stormWriter) note(wants []want, replies []any, sure bool) {
	for i := range wants {
		if i < len(replies) {
			w.enter(wants[i], replies[i], sure)
		} else {
			w.unknown++
			if wants[i].sum != nil {
				wants[i].sum.enter(false, false)
			}
		}
	}
}

// ofTransaction are the replies to what was queued, as far as EXEC was answered.
func ofTransaction(replies []any, count int) []any {
	if len(replies) < count+2 {
		return nil
	}
	list, ok := replies[count+1].([]any)
	if !ok { // EXEC was refused: nothing was done
		return slices.Repeat([]any{refusal(fmt.Sprint(replies[count+1]))}, count)
	}
	return list
}

// enter notes a reply.
func (w *stormWriter) enter(one want, reply any, sure bool) {
	word, refused := reply.(refusal)
	idle := reply == nil || reply == int64(0) // there was no such key, and nothing is written but by a DEL that cannot be certain of that
	sure = sure && !idle
	switch {
	case refused:
		w.refused++
		w.words[string(word)]++
	default:
		w.acked++
		if one.sum != nil {
			one.sum.enter(true, sure)
		}
	}
	if one.ends > 0 && !refused {
		select {
		case w.ending <- stormEnd{one.words[1], time.Now().Add(one.ends)}:
		default: // enough are looked at
		}
	}
	if one.op == nil {
		return
	}
	one.op.acked, one.op.sure = !refused, !refused && sure
	if refused || idle && one.words[0] != "DEL" {
		*one.list = slices.DeleteFunc(*one.list, func(o *op) bool { return o == one.op })
	}
}

// audit is what is wrong with what a node holds in the end, by the names of values.
func (w *stormWriter) audit(held map[string]string) (faults []string) {
	judge := writer{}
	look := func(key string, ops []*op) {
		if fault := judge.auditOwn(sinceSure(ops), held[key]); fault != "" {
			faults = append(faults, key+": "+fault)
		}
	}
	for i := range w.own {
		look(w.ownKey(i), w.own[i])
	}
	for i := range w.timed {
		look(w.timedKey(i), w.timed[i])
	}
	return faults
}

// A stormReader reads one node, and sees that no value is torn, none is read long after its end, and that no key of one writer
// goes back to an older value while the node lives.
type stormReader struct {
	host     *Host
	password string
	random   *rand.Rand
	starts   *atomic.Int64 // of the node: with each it may know less
	small    bool          // it forgets versions
	writers  []*stormWriter
	faults   *stormFaults

	conn  *raw
	seen  map[string]int // the highest write of each key
	since int64
	reads int
}

func (r *stormReader) read() {
	if r.conn == nil || r.since != r.starts.Load() {
		r.since, r.seen = r.starts.Load(), map[string]int{}
		var err error
		if r.conn, err = dialRaw(r.host, r.password); err != nil {
			r.conn = nil
			<-time.After(50 * time.Millisecond)
			return
		}
	}
	w := r.writers[r.random.IntN(len(r.writers))]
	if r.readEnding(w) {
		return
	}
	i := r.random.IntN(stormOwn)
	if i < stormLarge && r.random.IntN(2) > 0 {
		i += stormLarge
	}
	key, own := w.ownKey(i), true
	switch r.random.IntN(4) {
	case 0:
		key, own = w.timedKey(i%stormTimed), false
	case 1:
		key, own = fmt.Sprintf("x-%d", i%stormShared), false
	}
	replies, err := r.conn.call([]string{"GET", key})
	if err != nil {
		r.conn = nil
		return
	}
	r.reads++
	value, ok := replies[0].(string)
	if !ok {
		return
	}
	name, err := nameOf(key, value)
	if err != nil {
		r.faults.add("%s: %v", r.host.Name, err)
		return
	}
	if number, err := strconv.Atoi(name); err == nil && own && !r.small && r.since == r.starts.Load() {
		if number < r.seen[key] {
			r.faults.add("%s: %s is %d, and was %d before in the same start of the node", r.host.Name, key, number, r.seen[key])
		}
		r.seen[key] = number
	}
}

// readEnding looks for a key whose time is over, if there is one.
func (r *stormReader) readEnding(w *stormWriter) bool {
	select {
	case one := <-w.ending:
		if time.Since(one.at) < stormLate {
			select {
			case w.ending <- one: // not yet
			default:
			}
			return false
		}
		replies, err := r.conn.call([]string{"GET", one.key})
		if err != nil {
			r.conn = nil
		} else if _, there := replies[0].(string); there {
			r.faults.add("%s: %s is there %v after its end", r.host.Name, one.key, time.Since(one.at))
		}
		return true
	default:
		return false
	}
}
