// Package harness is what the tests of several packages that run nodes need: a port, a listener, a place for what a node prints, and patience.
// Tests alone import it.
package harness

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Patience is how long a test waits for what has to come, on a machine that has a lot else to do.
const Patience = time.Minute

// The ports of tests lie below those that the kernel gives to whoever asks for any, or dials: else one that was free a moment ago is
// often some connection's by the time that a node listens.
const firstPort, ports, portTries = 10_000, 22_000, 500

// lastPort is where FreePort looked last. Other processes with tests begin elsewhere.
var lastPort = func() *atomic.Uint32 {
	var at atomic.Uint32
	at.Store(uint32(os.Getpid()) * 997)
	return &at
}()

// FreePort returns a port that was free for TCP and UDP a moment ago, and that no other test of this process gets.
func FreePort(t testing.TB) uint16 {
	t.Helper()
	for range portTries {
		port := firstPort + lastPort.Add(1)%ports
		ln, err := net.Listen("tcp4", fmt.Sprintf("0.0.0.0:%d", port))
		if err != nil {
			continue
		}
		udp, err := net.ListenPacket("udp4", fmt.Sprintf("0.0.0.0:%d", port))
		_ = ln.Close()
		if err == nil {
			_ = udp.Close()
			return uint16(port)
		}
	}
	t.Fatal("no port is free for both TCP and UDP")
	return 0
}

// Listen serves each connection by a goroutine of its own, as long as the test runs, and closes it when serve returns.
func Listen(t testing.TB, serve func(net.Conn)) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				serve(conn)
			}()
		}
	}()
	return ln
}

// Eventually waits until a condition holds, and ends the test if that takes longer than Patience.
func Eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(Patience); !holds(); time.Sleep(2 * time.Millisecond) { // between looks at the condition
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", Patience, what)
		}
	}
}

// Buffer is a bytes.Buffer for a writer and readers on different goroutines.
type Buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

// String is all that was written.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
