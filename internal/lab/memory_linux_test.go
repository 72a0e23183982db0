package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"covey/codec"
)

// cage makes a control group with so many bytes of memory and returns the words that run a program in it; none where the machine
// does not let it.
func cage(t *testing.T, name string, limit int64) (wrap []string, ooms func() string) {
	t.Helper()
	for _, v := range []struct{ root, limit, events string }{
		{"/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.oom_control"}, {"/sys/fs/cgroup", "memory.max", "memory.events"},
	} {
		dir := filepath.Join(v.root, fmt.Sprintf("covey-lab-%d-%s", os.Getpid(), name))
		if os.Mkdir(dir, 0o755) != nil {
			continue
		}
		t.Cleanup(func() {
			if err := os.Remove(dir); err != nil {
				t.Error(err)
			}
		})
		if os.WriteFile(filepath.Join(dir, v.limit), []byte(strconv.FormatInt(limit, 10)), 0o644) != nil {
			continue
		}
		return []string{"sh", "-c", `echo $$ > "$0"; exec "$@"`, filepath.Join(dir, "cgroup.procs")}, func() string {
			text, _ := os.ReadFile(filepath.Join(dir, v.events))
			return strings.Join(strings.Fields(string(text)), " ")
		}
	}
	t.Log("no control group can be made here: the limit is looked at, and not enforced")
	return nil, func() string { return "not enforced" }
}

// peakMiB is the most memory that the node has had in use.
func peakMiB(t *testing.T, n *Node) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.PID()))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	kib, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return kib >> 10
}

// flood writes so many bytes of values of all sizes up to the largest, a power of two, to a node, and reports how many it sent and what
// went wrong.
func flood(conn net.Conn, seed uint64, total int, value []byte) (sent int, err error) {
	random := rand.New(rand.NewPCG(seed, 1))
	sizes := bits.Len(uint(len(value)))
	errs := make(chan error, 1)
	count := make(chan int, 1<<20)
	go func() {
		in := bufio.NewReaderSize(conn, 64<<10)
		for range count {
			line, err := in.ReadString('\n')
			if err == nil && line != "+OK\r\n" {
				err = fmt.Errorf("SET is answered %q", line)
			}
			if err != nil {
				errs <- err
				_ = conn.Close()
				return
			}
		}
		errs <- nil
	}()
	out := bufio.NewWriterSize(conn, 64<<10)
	for i := 0; sent < total; i++ {
		size := 1 << random.IntN(sizes)
		size -= random.IntN(size/2 + 1)
		fmt.Fprintf(out, "*3\r\n$3\r\nSET\r\n$20\r\n%020d\r\n$%d\r\n", random.Uint64()%1e15, size)
		_, _ = out.Write(value[:size])
		if _, err := out.WriteString("\r\n"); err != nil {
			break // the reader says why
		}
		count <- i
		sent += size
	}
	_ = out.Flush()
	close(count)
	return sent, <-errs
}

// Clients write four times the memory of two nodes to each of them at once, so each gets as much again from its peer, in control
// groups of twice the memory. Meanwhile others stop half-way through values of 16 MiB, in both directions, and are gone without a
// word. When all is deleted, all of the memory comes back.
func TestFourTimesTheMemoryFits(t *testing.T) {
	memory := besieged(192, 256)
	var wraps [2][]string
	var ooms [2]func() string
	for i := range wraps { // before the network: a group can be removed once the node in it has ended
		wraps[i], ooms[i] = cage(t, strconv.Itoa(i), int64(2*memory)<<20)
	}
	hosts := New(t).Hosts(2)
	var nodes []*Node
	var before []int
	for i, h := range hosts {
		nodes = append(nodes, h.Launch(Launch{Wrap: wraps[i], Args: []string{"run", "--max-memory", fmt.Sprintf("%dm", memory)}}))
	}
	waitMesh(t, hosts, time.Now())
	waitReady(t, hosts)
	for _, n := range nodes {
		before = append(before, residentMiB(t, n))
	}
	// The largest comes first: else there is no value to stop half-way through.
	sizes := besieged([]int{codec.MaxValue}, []int{codec.MaxValue, 1 << 20})
	begin, rounds := time.Now(), 0
	for ; rounds == 0 || time.Since(begin) < besieged(0, time.Minute); rounds++ {
		floodAll(t, hosts, rounds, memory, noise(sizes[rounds%len(sizes)]))
	}
	for i, n := range nodes {
		if !n.Running() {
			t.Fatalf("the node on %s is gone:\n%s", n.Host.Name, strings.Join(n.Lines(), "\n"))
		}
		peak := peakMiB(t, n)
		t.Logf("%s: %d times 4 x %d MiB written in %v, %v clients closed for what they held: peak RSS %d MiB, %.2f of max-memory (limit 1.25); control group: %s",
			n.Host.Name, rounds, memory, time.Since(begin).Round(time.Millisecond), counted(hosts[i], "overloads"), peak, float64(peak)/float64(memory), ooms[i]())
		if peak*100 > memory*125 {
			t.Errorf("%s: %d MiB of %d", n.Host.Name, peak, memory)
		}
	}
	stillWhole(t, hosts, nodes)
	if got := hosts[0].RedisCLI("FLUSHALL").Stdout; got != "OK\n" {
		t.Fatal(got)
	}
	for i, n := range nodes {
		Poll(t, patience, "the memory of "+n.Host.Name+" to come back", func() bool { return residentMiB(t, n) <= before[i]+40 }) // what loops keep, and garbage
		t.Logf("%s: RSS %d MiB before, %d after FLUSHALL", n.Host.Name, before[i], residentMiB(t, n))
	}
}

// floodAll is one round: four clients of each node write, and some stall and go.
func floodAll(t *testing.T, hosts []*Host, round, memory int, value []byte) {
	t.Helper()
	const clients, stalled = 4, 5
	var halfWay []net.Conn
	for i := range len(hosts) * stalled {
		conn := hosts[i%2].MustDial("tcp4", "127.0.0.1:9000")
		halfWay = append(halfWay, conn)
		go stall(conn, i, value) // until it is closed
	}
	ends := make(chan error)
	for i := range len(hosts) * clients {
		go func() { ends <- persist(hosts[i%2], uint64(round*100+i), 4*memory<<20/clients, value) }()
	}
	for i := range len(hosts) * clients {
		if err := <-ends; err != nil {
			t.Error(err)
		}
		if i < len(halfWay)/2 { // the others stay until the last has written
			_ = halfWay[i].(*net.TCPConn).SetLinger(0)
			_ = halfWay[i].Close()
		}
	}
	for _, conn := range halfWay {
		_ = conn.Close()
	}
}

// persist floods a node, and comes again when it is closed because it is what holds most of all connections (docs/LIMITS.md).
func persist(h *Host, seed uint64, total int, value []byte) error {
	for total > 0 {
		conn, err := h.Dial(context.Background(), "tcp4", "127.0.0.1:9000")
		if err != nil {
			return err
		}
		sent, err := flood(conn, seed, total, value)
		_ = conn.Close()
		if err != nil && !strings.Contains(err.Error(), "cannot keep more for connections") && !errors.Is(err, syscall.ECONNRESET) {
			return err
		}
		total -= sent
		seed += 1e6
	}
	return nil
}

// stall sets a value of its own and asks for it, again and again, then stops: of the last value, or of the next reply, a half is there.
func stall(conn net.Conn, number int, value []byte) {
	set := func(part []byte) bool {
		_, err := fmt.Fprintf(conn, "*3\r\n$3\r\nSET\r\n$8\r\nstall-%02d\r\n$%d\r\n", number, len(value))
		if err == nil {
			_, err = conn.Write(part)
		}
		return err == nil
	}
	if number%4 < 2 {
		set(value[:len(value)/2])
		return
	}
	if set(value) {
		_, _ = fmt.Fprintf(conn, "\r\nGET stall-%02d\r\n", number)
		_, _ = io.CopyN(io.Discard, conn, int64(len(value)/2))
	}
}
