package lab

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"io"
	"net"
	"testing"
	"time"
)

var (
	keyedTime   = flag.Duration("keyed-time", 300*time.Millisecond, "for how long one round of TestReplicationOverACableWithASecretBesideWithout writes")
	keyedRounds = flag.Int("keyed-rounds", 1, "its rounds with a secret, and without")
)

// TestReplicationOverACableWithASecretBesideWithout writes to one of two hosts on a network of 1 Gbit/s as fast as the other
// acknowledges, with a secret and without by turns.
func TestReplicationOverACableWithASecretBesideWithout(t *testing.T) {
	Need(t, "tc")
	pairOf := func(keyed bool) net.Conn {
		network := New(t)
		hosts := network.Hosts(2)
		network.Limit("1gbit")
		var args []string
		text := ""
		if keyed {
			var file string
			file, text = newSecret(t, hosts[0])
			args = []string{"--secret-file", file}
		}
		for _, h := range hosts {
			h.Start(append([]string{"--max-memory", "256m"}, args...)...)
		}
		for _, h := range hosts {
			Poll(t, patience, h.Name+" to be linked and ready", func() bool { return h.Ready(args...) && present(h, args...) == 2 })
		}
		conn := hosts[0].MustDial("tcp4", "127.0.0.1:9000")
		if keyed {
			exchange(t, conn, bufio.NewReader(conn), fmt.Appendf(nil, "AUTH %s\r\n", text), []byte("+OK\r\n"))
		}
		return conn
	}
	open, keyed := pairOf(false), pairOf(true)
	for _, size := range []int{100, 1 << 10, 60 << 10} {
		plain, sealed := Figure{Name: "open"}, Figure{Name: "keyed"} // time for a megabyte
		for range *keyedRounds {
			plain.Add(megabyte(t, open, size))
			sealed.Add(megabyte(t, keyed, size))
		}
		speed := func(f Figure) float64 { return 1 / f.Median().Seconds() }
		t.Logf("values of %d bytes over 1 Gbit/s: open %.1f MB/s, keyed %.1f MB/s, ratio %.2f", size, speed(plain), speed(sealed), speed(sealed)/speed(plain))
	}
}

// megabyte writes values of a size in batches that each end with a WAIT for the other node, and returns the time for 10^6 bytes
// of them.
func megabyte(t *testing.T, conn net.Conn, size int) time.Duration {
	t.Helper()
	count := max(1, min(2000, 512<<10/size))
	value := bytes.Repeat([]byte("v"), size)
	var batch []byte
	for i := range count {
		batch = fmt.Appendf(batch, "*3\r\n$3\r\nSET\r\n$8\r\nkey-%04d\r\n$%d\r\n%s\r\n", i, size, value)
	}
	batch = append(batch, "WAIT 1 10000\r\n"...)
	want := append(bytes.Repeat([]byte("+OK\r\n"), count), ":1\r\n"...)
	in, done, began := bufio.NewReader(conn), 0, time.Now()
	exchange(t, conn, in, batch, nil) // one ahead: the cable is not to rest while a client reads
	for done == 0 || time.Since(began) < *keyedTime {
		exchange(t, conn, in, batch, want)
		done += count * size
	}
	exchange(t, conn, in, nil, want)
	return time.Duration(float64(time.Since(began)) * 1e6 / float64(done+count*size))
}

// exchange sends a request and expects a reply.
func exchange(t *testing.T, conn net.Conn, in *bufio.Reader, request, reply []byte) {
	t.Helper()
	if _, err := conn.Write(request); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(reply))
	if _, err := io.ReadFull(in, got); err != nil || !bytes.Equal(got, reply) {
		t.Fatalf("the reply ends with %q, %v", got[max(0, len(got)-20):], err)
	}
}
