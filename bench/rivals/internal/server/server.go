// Package server starts the servers that are compared, on free ports of the loopback, and ends them.
package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"covey/bench/rivals/internal/report"
)

const (
	serverPatience = 30 * time.Second // for a start, an end, and each reply
	portTries      = 20
	mostClients    = 12_000 // connections that a server is told to expect
	memcachedMiB   = 8192   // its default of 64 would throw away what is asked for
)

// Server is a process that this program started.
type Server struct {
	Name    string // covey, before, redis, valkey, memcached
	Wire    string // what load.Group calls its protocol
	Addr    string
	process *exec.Cmd
	log     string // what it printed
}

// ByUnix is the server by a Unix socket at a path, which it was told to listen on.
func (s *Server) ByUnix(path string) *Server {
	other := *s
	other.Addr = path
	return &other
}

// Pid is the number of its process.
func (s *Server) Pid() int { return s.process.Process.Pid }

// Fleet is the servers of a program. Start is to be called on the main thread, and that thread kept by runtime.LockOSThread: when
// the thread that started a server is gone, the kernel ends it, so that none is left when this program is killed.
type Fleet struct {
	Binary    string // the program of the server covey
	Before    string // and of the server before
	CoveyArgs string // more arguments of both
	Folder    string // where servers print to

	running []*Server
}

// Command is how a server is started, and what it speaks.
func (f *Fleet) Command(name, port string) (*exec.Cmd, string, error) {
	switch name {
	case "covey", "before":
		program := f.Binary
		if name == "before" {
			program = f.Before
		}
		discovery, err := FreePort()
		if err != nil {
			return nil, "", err
		}
		args := []string{"run", "--listen", "127.0.0.1:" + port, "--discovery-port", strconv.Itoa(discovery), "--http", "off",
			"--interfaces", "lo", "--cluster", fmt.Sprintf("wire-%d", os.Getpid()), "--log-level", "warn"}
		return exec.Command(program, append(args, strings.Fields(f.CoveyArgs)...)...), "resp", nil
	case "redis", "valkey":
		return exec.Command(name+"-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", f.Folder,
			"--daemonize", "no", "--maxclients", strconv.Itoa(mostClients)), "resp", nil
	case "memcached":
		return exec.Command(name, "-p", port, "-U", "0", "-l", "127.0.0.1", "-t", "2", "-m", strconv.Itoa(memcachedMiB),
			"-c", strconv.Itoa(mostClients), "-I", "32m", "-u", "root"), "memcached", nil
	}
	return nil, "", fmt.Errorf("there is no server %q: covey, before, redis, valkey or memcached", name)
}

// Start starts a server and waits until it answers. more is added to its arguments. End ends it.
func (f *Fleet) Start(ctx context.Context, name string, more ...string) (*Server, error) {
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	process, protocol, err := f.Command(name, strconv.Itoa(port))
	if err != nil {
		return nil, err
	}
	process.Args = append(process.Args, more...)
	s := &Server{Name: name, Wire: protocol, Addr: fmt.Sprintf("127.0.0.1:%d", port), process: process,
		log: filepath.Join(f.Folder, fmt.Sprintf("%s-%d.log", name, port))}
	out, err := os.Create(s.log)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	process.Stdout, process.Stderr = out, out
	process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := process.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	f.running = append(f.running, s)
	if err := s.wait(ctx); err != nil {
		printed, _ := os.ReadFile(s.log)
		return nil, fmt.Errorf("%s: %w: %s", name, err, printed)
	}
	return s, nil
}

// wait returns when the server answers that it can be used.
func (s *Server) wait(ctx context.Context) error {
	question, answer := "PING\r\n", "+PONG"
	switch s.Name {
	case "memcached":
		question, answer = "mn\r\n", "MN"
	case "covey", "before":
		question, answer = "GET nothing\r\n", "$-1" // PING is answered before the node is ready
	}
	deadline := time.Now().Add(serverPatience)
	for time.Now().Before(deadline) && ctx.Err() == nil {
		if reply, err := s.Ask(question); err == nil && strings.HasPrefix(reply, answer) {
			return nil
		}
		var status unix.WaitStatus
		if pid, _ := unix.Wait4(s.Pid(), &status, unix.WNOHANG|unix.WNOWAIT, nil); pid == s.Pid() {
			return errors.New("it has ended")
		}
		time.Sleep(20 * time.Millisecond)
	}
	return errors.Join(errors.New("it does not become ready"), ctx.Err())
}

// Ask sends a line and returns what comes back first.
func (s *Server) Ask(line string) (string, error) {
	conn, err := net.DialTimeout("tcp4", s.Addr, serverPatience)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(serverPatience)); err != nil {
		return "", err
	}
	if _, err := conn.Write([]byte(line)); err != nil {
		return "", err
	}
	reply := make([]byte, 16<<10)
	n, err := conn.Read(reply)
	return string(reply[:n]), err
}

// End ends all servers that run, the youngest first.
func (f *Fleet) End() error {
	var errs []error
	for i := len(f.running) - 1; i >= 0; i-- {
		errs = append(errs, f.running[i].end())
	}
	f.running = nil
	return errors.Join(errs...)
}

// Processor is the processor time that all servers that run have used so far.
func (f *Fleet) Processor() (sum time.Duration, err error) {
	for _, s := range f.running {
		used, err := report.Processor(s.Pid())
		if err != nil {
			return 0, err
		}
		sum += used
	}
	return sum, nil
}

func (s *Server) end() error {
	if err := s.process.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- s.process.Wait() }()
	select {
	case <-ended: // how it ends when it is told to is not what is measured
		return nil
	case <-time.After(serverPatience):
		return errors.Join(fmt.Errorf("%s does not end when asked to", s.Name), s.process.Process.Kill(), <-ended)
	}
}

// FreePort is a port that nothing holds, for TCP and UDP.
func FreePort() (int, error) {
	for range portTries {
		ln, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			return 0, err
		}
		port := ln.Addr().(*net.TCPAddr).Port
		udp, err := net.ListenPacket("udp4", fmt.Sprintf("0.0.0.0:%d", port))
		ln.Close()
		if err == nil {
			udp.Close()
			return port, nil
		}
	}
	return 0, errors.New("no port is free for both TCP and UDP")
}
