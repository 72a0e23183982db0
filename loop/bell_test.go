package loop

import (
	"context"
	"net"
	"strings"
	"testing"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"
)

// fullLoop is an event loop of the engine that finds no descriptor for what it is to enroll.
type fullLoop struct{ gnet.EventLoop }

func (fullLoop) Enroll(_ context.Context, c net.Conn) (<-chan gnet.RegisteredResult, error) {
	_ = c.Close()
	done := make(chan gnet.RegisteredResult, 1)
	done <- gnet.RegisteredResult{Err: unix.EMFILE}
	return done, nil
}

func TestALoopWithoutADoorbellEndsTheNode(t *testing.T) {
	n := &node{ctx: t.Context(), failed: make(chan error, 1)}
	l := &eventLoop{n: n, gnet: fullLoop{}}
	if err := l.hang(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the node ends", func() bool { return len(n.failed) > 0 })
	if err := <-n.failed; !strings.Contains(err.Error(), "ulimit -n") {
		t.Errorf("it does not say what to do: %v", err)
	}
}
