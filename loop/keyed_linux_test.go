package loop

import (
	"bytes"
	"crypto/rand"
	"flag"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"covey/internal/harness"
	"covey/seal"
)

var (
	keyedTime   = flag.Duration("keyed-time", 200*time.Millisecond, "for how long one round of TestReplicationWithASecretBesideWithout writes")
	keyedSize   = flag.Int("keyed-size", 0, "bytes of a value; 0 for a row for each of several")
	keyedRounds = flag.Int("keyed-rounds", 1, "rounds of each kind, one of them open and the next keyed")
)

// written is what a pair of nodes did in one round.
type written struct {
	bytes   int           // of values that the other node has acknowledged
	took    time.Duration // by the clock
	process time.Duration // processor time of the whole process: both nodes and the clients
}

// TestReplicationWithASecretBesideWithout has clients write to one node of a pair as fast as the other acknowledges, a pair with
// a secret and one without by turns, and prints the table of both. Every batch ends with a WAIT, so nothing counts that has not
// arrived. Beside them is what sealing and opening alone take: that, and what the pair without a secret takes, are the least that one
// with a secret can, so their ratio bounds that of processor time, and on processors that are busy that of throughput too.
func TestReplicationWithASecretBesideWithout(t *testing.T) {
	if harness.Race {
		t.Skip("under the race detector times say nothing")
	}
	pairOf := func(secret ...byte) *testNode {
		discovery := freePort(t)
		start := func() *testNode {
			cfg := testConfig(t, discovery)
			cfg.Loops, cfg.Secrets = 1, nil
			if len(secret) > 0 {
				cfg.Secrets = secretsOf(t, secret...)
			}
			return startNode(t, cfg)
		}
		a, b := start(), start()
		eventually(t, "a pair linked", linked(1, a, b))
		return a
	}
	open, keyed := pairOf(), pairOf(1)
	t.Logf("%9s %14s %14s %7s %16s %16s %7s %16s %7s", "value", "open", "keyed", "ratio", "open", "keyed", "ratio", "seal and open", "bound")
	sizes := []int{100, 1 << 10, 16 << 10, 60 << 10, 1 << 20}
	if *keyedSize > 0 {
		sizes = []int{*keyedSize}
	}
	for _, size := range sizes {
		var plain, sealed []written
		for range *keyedRounds {
			plain = append(plain, writeFor(t, open, "", size))
			sealed = append(sealed, writeFor(t, keyed, secretText(t, 1), size))
		}
		speed := func(w written) float64 { return float64(w.bytes) / w.took.Seconds() / 1e6 }
		effort := func(w written) float64 { return w.process.Seconds() * 1e9 / float64(w.bytes) }
		so, sk, eo, ek := median(plain, speed), median(sealed, speed), median(plain, effort), median(sealed, effort)
		sealing := sealAndOpen(t)
		t.Logf("%9d %9.1f MB/s %9.1f MB/s %7.2f %8.2f CPU s/GB %8.2f CPU s/GB %7.2f %8.2f CPU s/GB %7.2f",
			size, so, sk, sk/so, eo, ek, eo/ek, sealing, eo/(eo+sealing))
		if so == 0 || sk == 0 {
			t.Errorf("nothing arrived of values of %d bytes", size)
		}
	}
}

func median(all []written, of func(written) float64) float64 {
	var v []float64
	for _, w := range all {
		v = append(v, of(w))
	}
	slices.Sort(v)
	return v[len(v)/2]
}

// writeFor has two clients write values of a size, in batches of half a mebibyte, each of which the peer has to acknowledge.
func writeFor(t *testing.T, n *testNode, secret string, size int) written {
	t.Helper()
	count := max(1, min(2000, 512<<10/size))
	value := bytes.Repeat([]byte("v"), size)
	var w written
	var mu sync.Mutex
	var writers sync.WaitGroup
	before, began := processTime(), time.Now()
	for c := range 2 {
		conn := dialRaw(t, n.addr)
		if secret != "" && conn.do("AUTH", secret) != "+OK" {
			t.Fatal("the secret is not taken")
		}
		var batch []byte
		for i := range count {
			batch = append(batch, respCommand("SET", fmt.Sprintf("key-%d-%d-%d", c, size, i), string(value))...)
		}
		batch = append(batch, respCommand("WAIT", "1", "10000")...)
		want := append(bytes.Repeat([]byte("+OK\r\n"), count), ":1\r\n"...)
		writers.Go(func() {
			got := make([]byte, len(want))
			sum := 0
			for sum == 0 || time.Since(began) < *keyedTime {
				if _, err := conn.Write(batch); err != nil {
					t.Error(err)
					return
				}
				if _, err := io.ReadFull(conn.r, got); err != nil || !bytes.Equal(got, want) {
					t.Errorf("replies end with %q, %v", got[max(0, len(got)-20):], err)
					return
				}
				sum += count * size
			}
			mu.Lock()
			w.bytes += sum
			mu.Unlock()
		})
	}
	writers.Wait()
	w.took, w.process = time.Since(began), processTime()-before
	return w
}

// sealAndOpen is the processor time, in seconds per 10^9 bytes, of sealing and opening what a flush of a link carries at most, beside
// nothing else and with all of it in the caches.
func sealAndOpen(t *testing.T) float64 {
	t.Helper()
	all := secretsOf(t, 1)
	dialer, hello, err := seal.Dial(all[0], rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	theirs, answer, err := seal.Accept(all, hello, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ours, err := dialer.Finish(answer)
	if err != nil {
		t.Fatal(err)
	}
	plain, sealed, opened := make([]byte, maxFlush), []byte(nil), []byte(nil)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	begin, total := threadTime(), 0
	for threadTime()-begin < *keyedTime/4 {
		if sealed, err = ours.Out.Append(sealed[:0], plain); err == nil {
			opened, err = theirs.In.Append(opened[:0], sealed)
		}
		if err != nil || len(opened) != len(plain) {
			t.Fatalf("%d bytes of %d are opened: %v", len(opened), len(plain), err)
		}
		total += len(plain)
	}
	return (threadTime() - begin).Seconds() * 1e9 / float64(total)
}

// threadTime is the processor time of this thread so far.
func threadTime() time.Duration {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &now); err != nil {
		return 0
	}
	return time.Duration(now.Nano())
}

// processTime is the processor time of this process so far.
func processTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
