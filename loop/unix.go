package loop

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// A Unix socket is a second way to the node for programs of its machine, and a shorter one: nothing of TCP is between them.
//
// gnet would open the path once for each loop, and with the last of them the others would hear of nobody. So a goroutine accepts, and hands
// each connection to the engine as if it had been dialed; from OnOpen on it is like any other. Links are not made over it: a peer is on
// another machine, or shows itself by its TCP port.

// thisMachine is the address of a client without one.
var thisMachine = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// nearby is the context of a connection that was accepted at the Unix socket, on its way into the engine.
type nearby struct{}

// checkUnix says what is wrong with a path.
func checkUnix(path string) error {
	switch {
	case path == "":
		return nil
	case !filepath.IsAbs(path):
		return fmt.Errorf("--unix %q: give the whole path of a socket, such as /run/covey/covey.sock", path)
	case len(path) > maxUnixPath:
		return fmt.Errorf("--unix %s: a path of a socket has at most %d bytes", path, maxUnixPath)
	}
	return nil
}

// unixListener listens at a path. What is there when it is closed may be another's: somebody has removed the node's socket, and a program
// has put its own there.
type unixListener struct {
	*net.UnixListener
	path string
	made fs.FileInfo
}

// Close closes the socket, and takes it away.
func (ln *unixListener) Close() error {
	if there, err := os.Lstat(ln.path); err == nil && os.SameFile(there, ln.made) && there.ModTime().Equal(ln.made.ModTime()) { // numbers of files are used again
		_ = os.Remove(ln.path)
	}
	return ln.UnixListener.Close()
}

// listenUnix opens the socket for every program of the machine, as the TCP port is; who may reach it is up to the folder. release closes it.
func listenUnix(path string) (ln *unixListener, release func(), err error) {
	sum := sha256.Sum256([]byte(filepath.Clean(path)))
	free, err := claimName(fmt.Sprintf("unix-%x", sum[:16])) // or of two nodes that start at once each might take the other's socket away
	if err != nil {
		return nil, nil, taken(path)
	}
	if ln, err = openUnix(path); err != nil {
		free()
		return nil, nil, err
	}
	return ln, func() { _ = ln.Close(); free() }, nil
}

func taken(path string) error {
	return fmt.Errorf("%w: --unix %s is taken by another process; stop it, or give another path", ErrConfig, path)
}

func openUnix(path string) (*unixListener, error) {
	if err := freePath(path); err != nil {
		return nil, err
	}
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("%w: --unix %s: %w; give a path in a folder that is there and that the node may write to", ErrConfig, path, err)
	}
	err = os.Chmod(path, unixMode)
	var made fs.FileInfo
	if err == nil {
		made, err = os.Lstat(path)
	}
	if err != nil {
		_ = ln.Close()
		return nil, fmt.Errorf("%w: --unix %s: %w", ErrConfig, path, err)
	}
	ln.SetUnlinkOnClose(false)
	return &unixListener{ln, path, made}, nil
}

// freePath takes away what a node that was killed has left there, and nothing else.
func freePath(path string) error {
	there, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("%w: --unix %s: %w", ErrConfig, path, err)
	case there.Mode()&os.ModeSocket == 0:
		return fmt.Errorf("%w: --unix %s: there is something that is not a socket; remove it, or give another path", ErrConfig, path)
	}
	other, err := net.DialTimeout("unix", path, unixPatience)
	if err == nil {
		_ = other.Close()
	}
	if !errors.Is(err, unix.ECONNREFUSED) {
		return taken(path)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("%w: --unix %s: %w", ErrConfig, path, err)
	}
	return nil
}

// acceptUnix hands those that connect to the engine, one after the other, until ctx is done. It closes the listener, which takes the
// socket away.
func (n *node) acceptUnix(ctx context.Context, ln *unixListener) {
	ended := context.AfterFunc(ctx, func() { _ = ln.Close() })
	defer ended()
	defer ln.Close()
	for ctx.Err() == nil {
		side, err := ln.AcceptUnix()
		if err == nil {
			err = n.takeIn(ctx, side)
		}
		if err == nil || ctx.Err() != nil {
			continue
		}
		n.log.Debug("a connection to the Unix socket was not taken", "reason", err.Error())
		select { // most likely there is no descriptor
		case <-ctx.Done():
		case <-time.After(unixRest):
		}
	}
}

// takeIn has the engine take a connection over.
func (n *node) takeIn(ctx context.Context, side *net.UnixConn) error {
	if side.RemoteAddr() == nil { // the engine asks for it
		_ = side.Close()
		return errors.New("it has ended")
	}
	done, err := n.register(side, nearby{})
	if err != nil {
		return err
	}
	select {
	case res := <-done:
		return res.Err
	case <-ctx.Done():
		return nil
	}
}
