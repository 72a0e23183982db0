package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"
)

// asProgram in the environment makes the test's binary the program itself.
const asProgram = "TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

// startProgram runs a node in a process of its own, which prints to out, until it answers. ended tells how it has ended.
func startProgram(t *testing.T, out io.Writer) (node *os.Process, ended <-chan error) {
	t.Helper()
	addr := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	program := exec.Command(os.Args[0], "run", "--listen", addr, "--discovery-port", fmt.Sprint(freePort(t)), "--http", "off", "--max-memory", "64m")
	program.Env = append(os.Environ(), asProgram+"=1")
	program.Stdout, program.Stderr = out, out
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	end := make(chan error, 1)
	go func() { end <- program.Wait() }()
	t.Cleanup(func() { _ = program.Process.Kill() })
	eventually(t, "the node answers", func() bool {
		select {
		case err := <-end:
			t.Fatalf("the node ended: %v", err)
		default:
		}
		return call(t, "set", "k", "v", "-a", addr).status == exitDone
	})
	return program.Process, end
}

// TestANodeEndsInOrderWhenItIsTold: by whoever stops it, and by a terminal that is closed.
func TestANodeEndsInOrderWhenItIsTold(t *testing.T) {
	for _, told := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		if signal.Ignored(told) {
			continue // this test runs under nohup, or in the background of a shell: so does what it starts
		}
		node, ended := startProgram(t, io.Discard)
		if err := node.Signal(told); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; err != nil {
			t.Errorf("told to end by %v, the node ended with: %v", told, err)
		}
	}
}

// TestANodeServesWhileNobodyReadsWhatItPrints: its streams lead into a pipe that is full, as those of a terminal after Ctrl-S are.
func TestANodeServesWhileNobodyReadsWhatItPrints(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	defer write.Close()
	fill(t, write)
	node, ended := startProgram(t, write)
	if err := node.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("the node ended with: %v", err)
	}
}

// fill writes to a pipe until it takes no byte more.
func fill(t *testing.T, pipe *os.File) {
	t.Helper()
	conn, err := pipe.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{4096, 1} {
		for err = nil; err == nil; {
			if failed := conn.Write(func(fd uintptr) bool {
				_, err = syscall.Write(int(fd), make([]byte, size))
				return true
			}); failed != nil {
				t.Fatal(failed)
			}
		}
		if !errors.Is(err, syscall.EAGAIN) {
			t.Fatal(err)
		}
	}
}

// TestANodeOutlivesWhoReadsWhatItPrints: its streams lead into a pipe that nobody reads any more, and it serves all the same.
func TestANodeOutlivesWhoReadsWhatItPrints(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	read.Close()
	defer write.Close()
	node, ended := startProgram(t, write)
	if err := node.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("told to end, the node ended with: %v", err)
	}
}
