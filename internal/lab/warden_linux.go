package lab

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
)

const (
	// wardenVariable is the environment variable that makes a warden of this program: the folder that it is to remove.
	wardenVariable = "LAB_WARDEN"
	// binaryVariable is the one that names a binary that is built already.
	binaryVariable = "LAB_BINARY"
)

// A warden is a process that outlives the test process however that ends, kill -9 included, and then removes what it has left.
type warden struct {
	cmd  *exec.Cmd
	life io.WriteCloser // the end of a pipe that the kernel closes with this process
}

// post starts a warden, in a session of its own so that no signal to the group of the test takes it along.
func post(dir string) (*warden, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer read.Close()
	program, err := os.Executable()
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	w := &warden{exec.Command(program), write}
	w.cmd.Env = append(os.Environ(), wardenVariable+"="+dir)
	w.cmd.Dir = "/"
	w.cmd.Stdin = read
	w.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := w.cmd.Start(); err != nil {
		return nil, errors.Join(err, write.Close())
	}
	return w, nil
}

// dismiss tells the warden that the tests have cleaned up themselves; it removes the folder and ends.
func (w *warden) dismiss() {
	_, told := w.life.Write([]byte("bye"))
	if err := errors.Join(told, w.life.Close(), w.cmd.Wait()); err != nil {
		fmt.Fprintln(os.Stderr, "lab: its warden:", err)
	}
}

// keepWatch is what a warden does: it waits for the end of who posted it. The pipe is closed before the kernel is done with the process.
func keepWatch(dir string) int {
	pid := os.Getppid()
	start, err := startOf(pid)
	told, _ := io.ReadAll(os.Stdin)
	if len(told) == 0 && err == nil {
		Watch(endLimit, func() bool { return !owner{pid, start}.alive() })
		err = Reap()
	}
	if errors.Join(err, os.RemoveAll(dir)) != nil {
		return 1
	}
	return 0
}
