package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"syscall"
	"time"

	"covey/bench/rivals/internal/trace"
)

const (
	maxWorkers    = 16
	keysPerWorker = 1 << 20
	recentKeys    = 1 << 12 // of those that were set last; gets and deletes ask for them
	stampBytes    = 16      // at the start of a value: key and sequence number
	shifts        = 1 << 16 // where in the noise a value begins
	pageBytes     = 4 << 10
	gone          = 0 // in last: the key was deleted, or never set

	operationsInAll = 20
	setsInAll       = 12
	getsInAll       = 6

	leastLife = time.Second
	mostLife  = 30 * time.Second
)

// noise is what values are made of; only read.
var noise []byte

// worker sets, gets and deletes keys that are its alone, so that it knows what each must be.
type worker struct {
	number  int
	random  *rand.Rand
	last    []uint32 // by key: sequence number of the value that was set last
	recent  []uint32
	seq     uint32
	value   []byte // buffers of maxValue
	dst     []byte
	key     []byte
	byPhase []int64
	written int64 // bytes
	read    int64 // values that were right
}

// newWorkers makes them, and touches all memory that they will use. The large buffers are none of the Go heap: it would
// let more garbage lie for their sake, and that would count as the store's.
func newWorkers(s settings) (out []*worker, err error) {
	if noise, err = mapped(maxValue + shifts); err != nil {
		return nil, err
	}
	_, _ = rand.NewChaCha8([32]byte{byte(s.seed)}).Read(noise)
	for i := range s.workers {
		buffers, err := mapped(2 * maxValue)
		if err != nil {
			return nil, err
		}
		w := &worker{
			number: i, random: rand.New(rand.NewPCG(s.seed, uint64(i))), last: make([]uint32, keysPerWorker),
			recent: make([]uint32, recentKeys), value: buffers[:maxValue:maxValue], dst: buffers[maxValue:],
			key: make([]byte, trace.KeyBytes), byPhase: make([]int64, len(phases)),
		}
		for i := range w.last {
			w.last[i] = gone
		}
		out = append(out, w)
	}
	return out, nil
}

// mapped is memory from the system, all of it resident.
func mapped(size int) ([]byte, error) {
	buf, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return nil, fmt.Errorf("a buffer of %d bytes: %w", size, err)
	}
	for i := 0; i < len(buf); i += pageBytes {
		buf[i] = 1
	}
	return buf, nil
}

func (w *worker) operations() (n int64) {
	for _, count := range w.byPhase {
		n += count
	}
	return n
}

// run works until the clock says that it is over.
func (w *worker) run(t connection, clock *phaseClock) error {
	for {
		at, over := clock.phase()
		if over {
			return nil
		}
		w.byPhase[at]++
		n := w.recent[w.random.IntN(recentKeys)]
		var err error
		switch draw := w.random.IntN(operationsInAll); {
		case draw < setsInAll:
			err = w.set(t, w.random.Uint32N(keysPerWorker), w.size(at), draw == 0)
		case draw < setsInAll+getsInAll:
			err = w.get(t, n)
		default:
			w.put(n)
			w.last[n] = gone
			err = t.delete(w.key)
		}
		if err != nil {
			return err
		}
	}
}

func (w *worker) size(phase int) int {
	if w.random.IntN(emptyIn) == 0 {
		return 0
	}
	return phases[phase].draw(w.random)
}

// put makes the key of a number of this worker.
func (w *worker) put(n uint32) { trace.PutKey(w.key, uint32(w.number)*keysPerWorker+n) }

func (w *worker) set(t connection, n uint32, size int, mortal bool) error {
	w.seq++
	w.put(n)
	w.last[n] = w.seq
	w.recent[w.random.IntN(recentKeys)] = n
	life := time.Duration(0)
	if mortal {
		life = leastLife + time.Duration(w.random.Int64N(int64(mostLife-leastLife)))
	}
	w.written += int64(size)
	return t.set(w.key, w.make(n, w.seq, size), life)
}

// make fills the buffer with the value of a key and a sequence number.
func (w *worker) make(n, seq uint32, size int) []byte {
	var stamp [stampBytes]byte
	binary.LittleEndian.PutUint64(stamp[:8], uint64(w.number)<<32|uint64(n))
	binary.LittleEndian.PutUint64(stamp[8:], uint64(seq))
	value := w.value[:size]
	if copied := copy(value, stamp[:]); copied == stampBytes {
		copy(value[stampBytes:], noise[seq%shifts:])
	}
	return value
}

// get reads a key, which may have been evicted, or have expired, but must not be another's, an older one, or broken.
func (w *worker) get(t connection, n uint32) error {
	w.put(n)
	got, ok, err := t.get(w.dst[:0], w.key)
	if err != nil || !ok {
		return err
	}
	seq := w.last[n]
	if seq == gone {
		return fmt.Errorf("key %d of worker %d is there with %d bytes, although it was deleted", n, w.number, len(got))
	}
	if want := w.make(n, seq, len(got)); !bytes.Equal(got, want) {
		return fmt.Errorf("key %d of worker %d: the %d bytes read are not those that were set last, number %d", n, w.number, len(got), seq)
	}
	w.read++
	return nil
}
