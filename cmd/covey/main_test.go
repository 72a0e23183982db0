package main

import (
	"fmt"
	"os"
	"os/exec"
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

// TestANodeOutlivesWhoReadsWhatItPrints: its streams lead into a pipe that nobody reads any more, and it serves all the same.
func TestANodeOutlivesWhoReadsWhatItPrints(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	read.Close()
	addr := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	node := exec.Command(os.Args[0], "run", "--listen", addr, "--discovery-port", fmt.Sprint(freePort(t)), "--http", "off", "--max-memory", "64m")
	node.Env = append(os.Environ(), asProgram+"=1")
	node.Stdout, node.Stderr = write, write
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	write.Close()
	ended := make(chan error, 1)
	go func() { ended <- node.Wait() }()
	t.Cleanup(func() { _ = node.Process.Kill() })
	eventually(t, "the node answers", func() bool {
		select {
		case err := <-ended:
			t.Fatalf("the node ended: %v", err)
		default:
		}
		return call(t, "set", "k", "v", "-a", addr).status == exitDone
	})
	if err := node.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("told to end, the node ended with %v", err)
	}
}
