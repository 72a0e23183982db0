package lab

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A Node is one run of the binary on a host.
type Node struct {
	Host    *Host
	Started time.Time

	cmd     *exec.Cmd
	ended   chan struct{} // closed when the process has ended and its output was read
	awaited bool          // the test expects the end

	mu    sync.Mutex
	lines []string
	came  []time.Time // of each line
	when  time.Time   // of the end
}

// A Launch says how to start a node, where arguments alone do not.
type Launch struct {
	Args []string
	Env  []string // KEY=VALUE, added to the test's own
	Wrap []string // a program and its arguments that run the binary: setpriv --bounding-set=-net_raw
	Else string   // the path of another program, to be run instead of the binary
}

// Start runs `covey run` with the arguments on the host.
func (h *Host) Start(args ...string) *Node {
	h.net.t.Helper()
	return h.Launch(Launch{Args: append([]string{"run"}, args...)})
}

// Launch runs the binary on the host; without arguments it is `covey` alone.
func (h *Host) Launch(how Launch) *Node {
	h.net.t.Helper()
	program := how.Else
	if program == "" {
		program = Binary(h.net.t)
	}
	words := append(append(append([]string{}, how.Wrap...), program), how.Args...)
	n := &Node{Host: h, cmd: exec.Command(words[0], words[1:]...), ended: make(chan struct{})}
	n.cmd.Env = append(cleanEnv(), how.Env...)
	n.cmd.SysProcAttr = diesWithThread()
	read, write, err := os.Pipe()
	if err != nil {
		h.net.t.Fatal(err)
	}
	n.cmd.Stdout, n.cmd.Stderr = write, write
	n.Started = time.Now()
	err = h.inside.start(n.cmd)
	write.Close()
	if err != nil {
		read.Close()
		h.net.t.Fatalf("%s: %v", h.Name, err)
	}
	h.nodes = append(h.nodes, n)
	go n.watch(read)
	return n
}

// cleanEnv is the test's environment without the settings of a node.
func cleanEnv() []string {
	var env []string
	for _, one := range os.Environ() {
		if !strings.HasPrefix(one, "COVEY_") {
			env = append(env, one)
		}
	}
	return env
}

// diesWithThread kills a child when the thread that forked it ends, and so when the test process ends however it does.
func diesWithThread() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

// watch gathers the output until the process ends.
func (n *Node) watch(read *os.File) {
	output := make(chan struct{})
	go func() {
		defer close(output)
		defer read.Close()
		lines := bufio.NewScanner(read)
		lines.Buffer(nil, maxLineBytes)
		for lines.Scan() {
			n.note(lines.Text())
		}
		if err := lines.Err(); err != nil {
			n.note("(the lab stopped reading: " + err.Error() + ")")
		}
		io.Copy(io.Discard, read)
	}()
	n.cmd.Wait()
	n.mu.Lock()
	n.when = time.Now()
	n.mu.Unlock()
	<-output
	close(n.ended)
}

func (n *Node) note(line string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.lines) < maxLines {
		n.lines, n.came = append(n.lines, line), append(n.came, time.Now())
	}
}

// Lines is what the node has printed so far, on both outputs.
func (n *Node) Lines() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]string(nil), n.lines...)
}

// Count is how many lines hold all the words.
func (n *Node) Count(words ...string) int {
	count := 0
	for _, line := range n.Lines() {
		if holds(line, words...) {
			count++
		}
	}
	return count
}

// holds says whether a line has all the words.
func holds(line string, words ...string) bool {
	return !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(line, word) })
}

// Said is when the node first printed a line with all the words, after begin; ok is false when it has not.
func (n *Node) Said(begin time.Time, words ...string) (when time.Time, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for i, line := range n.lines {
		if n.came[i].After(begin) && holds(line, words...) {
			return n.came[i], true
		}
	}
	return time.Time{}, false
}

// PID is the process id of the node.
func (n *Node) PID() int { return n.cmd.Process.Pid }

// Processor is the processor time that the node has taken, that of the system for it included, to 10 ms.
func (n *Node) Processor() time.Duration {
	n.Host.net.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", n.PID()))
	if err != nil {
		n.Host.net.t.Fatal(err)
	}
	var user, system int64 // fields 14 and 15; the second, the name, is the only one that may hold spaces, and ends in the last ")"
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
		n.Host.net.t.Fatal(err)
	}
	return time.Duration(user+system) * (time.Second / clockTicks)
}

// Kill ends the node at once, as a crash would (kill -9), and waits until it is gone.
func (n *Node) Kill() {
	n.Host.net.t.Helper()
	n.signal(syscall.SIGKILL)
	n.WaitExit(endLimit)
}

// Term asks the node to leave (SIGTERM).
func (n *Node) Term() { n.Host.net.t.Helper(); n.awaited = true; n.signal(syscall.SIGTERM) }

// Stop freezes the node (SIGSTOP); Continue lets it go on.
func (n *Node) Stop() { n.Host.net.t.Helper(); n.signal(syscall.SIGSTOP) }

// Continue lets a stopped node go on (SIGCONT).
func (n *Node) Continue() { n.Host.net.t.Helper(); n.signal(syscall.SIGCONT) }

func (n *Node) signal(s syscall.Signal) {
	n.Host.net.t.Helper()
	if err := n.cmd.Process.Signal(s); err != nil {
		n.Host.net.t.Fatalf("%s: %v to the node: %v", n.Host.Name, s, err)
	}
}

// Running says whether the process has not ended.
func (n *Node) Running() bool {
	select {
	case <-n.ended:
		return false
	default:
		return true
	}
}

// WaitExit waits for the end of the process: its exit status (-1 after a signal) and when that was.
func (n *Node) WaitExit(limit time.Duration) (code int, when time.Time) {
	n.Host.net.t.Helper()
	n.awaited = true
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-n.ended:
		return n.cmd.ProcessState.ExitCode(), n.when
	case <-timer.C:
		n.Host.net.t.Fatalf("%s: the node still runs after %v: %s", n.Host.Name, limit, n.threads())
		return 0, time.Time{}
	}
}

// threads says what each thread of the node does: its state, as in ps, and where in the kernel it waits.
func (n *Node) threads() string {
	var all []string
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", n.PID()))
	for _, task := range tasks {
		text, err := os.ReadFile(filepath.Join(task, "stat"))
		if err != nil {
			continue // it has ended meanwhile
		}
		where, _ := os.ReadFile(filepath.Join(task, "wchan"))
		state := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))[0]
		all = append(all, fmt.Sprintf("thread %s %s %s", filepath.Base(task), state, where))
	}
	if len(all) == 0 {
		return "it has no thread any more, and its output is still open"
	}
	return strings.Join(all, ", ")
}

// end is the cleanup: the node is killed if it still runs, and a failed test sees its last lines. A node that ended
// though the test did not expect it fails any test.
func (n *Node) end() {
	t := n.Host.net.t
	if n.Running() {
		n.cmd.Process.Signal(syscall.SIGKILL)
		timer := time.NewTimer(endLimit)
		defer timer.Stop()
		select {
		case <-n.ended:
		case <-timer.C:
			t.Errorf("%s: the node did not end within %v after SIGKILL: %s", n.Host.Name, endLimit, n.threads())
			return
		}
	} else if !n.awaited {
		t.Errorf("%s: the node ended by itself with status %d", n.Host.Name, n.cmd.ProcessState.ExitCode())
	}
	for _, alarm := range []string{"DATA RACE", "handler panicked", "goroutine 1 ["} {
		if n.Count(alarm) > 0 {
			t.Errorf("%s: the node printed %q", n.Host.Name, alarm)
		}
	}
	if !t.Failed() {
		return
	}
	lines := n.Lines()
	if len(lines) > shownLines {
		lines = lines[len(lines)-shownLines:]
	}
	t.Logf("%s said last:\n\t%s", n.Host.Name, strings.Join(lines, "\n\t"))
}
