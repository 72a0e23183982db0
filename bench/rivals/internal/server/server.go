package main

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
)

const (
	serverPatience = 30 * time.Second // for a start, an end, and each reply
	portTries      = 20
	mostClients    = 12_000 // connections that a server is told to expect
	memcachedMiB   = 8192   // its default of 64 would throw away what is asked for
)

// server is a process that this program started.
type server struct {
	name    string // covey, before, redis, valkey, memcached
	wire    string // what load.Group calls its protocol
	addr    string
	process *exec.Cmd
	log     string // what it printed
}

func (s *server) pid() int { return s.process.Process.Pid }

// command is how a server is started; the port and the folder are put in by startServer.
func (b *bench) command(name, port, folder string) (*exec.Cmd, string, error) {
	switch name {
	case "covey", "before":
		program := b.binary
		if name == "before" {
			program = b.before
		}
		discovery, err := freePort()
		if err != nil {
			return nil, "", err
		}
		args := []string{"run", "--listen", "127.0.0.1:" + port, "--discovery-port", strconv.Itoa(discovery), "--http", "off",
			"--interfaces", "lo", "--cluster", fmt.Sprintf("wire-%d", os.Getpid()), "--log-level", "warn"}
		return exec.Command(program, append(args, strings.Fields(b.coveyArgs)...)...), "resp", nil
	case "redis", "valkey":
		return exec.Command(name+"-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder,
			"--daemonize", "no", "--maxclients", strconv.Itoa(mostClients)), "resp", nil
	case "memcached":
		return exec.Command(name, "-p", port, "-U", "0", "-l", "127.0.0.1", "-t", "2", "-m", strconv.Itoa(memcachedMiB),
			"-c", strconv.Itoa(mostClients), "-I", "32m", "-u", "root"), "memcached", nil
	}
	return nil, "", fmt.Errorf("there is no server %q: covey, before, redis, valkey or memcached", name)
}

// start starts a server and waits until it answers. more is added to its arguments. What was started is ended by b.end.
func (b *bench) start(name string, more ...string) (*server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	process, protocol, err := b.command(name, strconv.Itoa(port), b.folder)
	if err != nil {
		return nil, err
	}
	process.Args = append(process.Args, more...)
	s := &server{name: name, wire: protocol, addr: fmt.Sprintf("127.0.0.1:%d", port), process: process,
		log: filepath.Join(b.folder, fmt.Sprintf("%s-%d.log", name, port))}
	out, err := os.Create(s.log)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	process.Stdout, process.Stderr = out, out
	// The kernel ends it when this program is killed; that is why main keeps its thread.
	process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := process.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	b.running = append(b.running, s)
	if err := s.wait(b.ctx); err != nil {
		printed, _ := os.ReadFile(s.log)
		return nil, fmt.Errorf("%s: %w: %s", name, err, printed)
	}
	return s, nil
}

// wait returns when the server answers that it can be used.
func (s *server) wait(ctx context.Context) error {
	question, answer := "PING\r\n", "+PONG"
	switch s.name {
	case "memcached":
		question, answer = "mn\r\n", "MN"
	case "covey", "before":
		question, answer = "GET nothing\r\n", "$-1" // PING is answered before the node is ready
	}
	deadline := time.Now().Add(serverPatience)
	for time.Now().Before(deadline) && ctx.Err() == nil {
		if reply, err := s.ask(question); err == nil && strings.HasPrefix(reply, answer) {
			return nil
		}
		var status unix.WaitStatus
		if pid, _ := unix.Wait4(s.pid(), &status, unix.WNOHANG|unix.WNOWAIT, nil); pid == s.pid() {
			return errors.New("it has ended")
		}
		time.Sleep(20 * time.Millisecond)
	}
	return errors.Join(errors.New("it does not become ready"), ctx.Err())
}

// ask sends a line and returns what comes back first.
func (s *server) ask(line string) (string, error) {
	conn, err := net.DialTimeout("tcp4", s.addr, serverPatience)
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

// end ends all servers that run, the youngest first.
func (b *bench) end() error {
	var errs []error
	for i := len(b.running) - 1; i >= 0; i-- {
		errs = append(errs, b.running[i].end())
	}
	b.running = nil
	return errors.Join(errs...)
}

func (s *server) end() error {
	if err := s.process.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- s.process.Wait() }()
	select {
	case <-ended: // how it ends when it is told to is not what is measured
		return nil
	case <-time.After(serverPatience):
		return errors.Join(fmt.Errorf("%s does not end when asked to", s.name), s.process.Process.Kill(), <-ended)
	}
}

// freePort is a port that nothing holds, for TCP and UDP.
func freePort() (int, error) {
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
