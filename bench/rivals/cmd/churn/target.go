package main

import (
	"os"
	"runtime/debug"
	"sync/atomic"
	"time"

	"covey/bench/rivals/internal/report"
	"covey/store"
)

// target is what is churned.
type target interface {
	dial() (connection, error)         // for one worker
	rss() (now, most int64, err error) // bytes of the process
	before() int64                     // bytes that the process took without it
	close() error
}

type connection interface {
	set(key, value []byte, life time.Duration) error // life 0: for good
	get(dst, key []byte) (value []byte, ok bool, err error)
	delete(key []byte) error
}

const (
	beat        = time.Millisecond
	sweepEvery  = 50 * time.Millisecond // as a node sweeps
	sweepBudget = 20_000
)

// library is the store in this process. Its time and its sweep are as in a node.
type library struct {
	*store.Store
	now   atomic.Uint64
	taken int64
	end   chan struct{}
}

func newStore(s settings) (target, error) {
	debug.FreeOSMemory()
	taken, _, err := report.RSS(os.Getpid())
	if err != nil {
		return nil, err
	}
	if err := report.ResetMostRSS(); err != nil {
		return nil, err
	}
	inner, err := store.New(store.Options{Node: 1, MaxBytes: s.budget})
	if err != nil {
		return nil, err
	}
	l := &library{Store: inner, taken: taken, end: make(chan struct{})}
	l.now.Store(uint64(time.Now().UnixMilli()))
	go l.run()
	return l, nil
}

func (l *library) run() {
	ticker := time.NewTicker(beat)
	defer ticker.Stop()
	swept := time.Now()
	for {
		select {
		case <-l.end:
			return
		case t := <-ticker.C:
			l.now.Store(uint64(t.UnixMilli()))
			if t.Sub(swept) >= sweepEvery {
				swept = t
				l.Sweep(l.now.Load(), sweepBudget)
			}
		}
	}
}

func (l *library) dial() (connection, error)  { return l, nil }
func (l *library) before() int64              { return l.taken }
func (l *library) rss() (int64, int64, error) { return report.RSS(os.Getpid()) }

func (l *library) close() error {
	close(l.end)
	return nil
}

func (l *library) set(key, value []byte, life time.Duration) error {
	now, o := l.now.Load(), store.SetOptions{}
	if life > 0 {
		o.ExpireAt = now + uint64(life.Milliseconds())
	}
	_, result := l.Set(nil, key, value, l.Hash(key), now, o)
	return result.Err
}

func (l *library) get(dst, key []byte) ([]byte, bool, error) {
	value, _, ok := l.Get(dst, key, l.Hash(key), l.now.Load())
	return value, ok, nil
}

func (l *library) delete(key []byte) error {
	l.Delete(key, l.Hash(key), l.now.Load(), false)
	return nil
}
