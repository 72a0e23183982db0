package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"covey/seal"
)

const (
	// secretVariable holds the secret itself, where a file is unhandy; --secret-file goes before it.
	secretVariable = "COVEY_SECRET"
	// secretPoll is how often a node looks whether its secret file has changed.
	secretPoll = time.Second
	// othersRead are the permissions that a secret file must not give.
	othersRead = 0o077
	// groupReads is what systemd gives to the copy of a secret that it makes for a unit (LoadCredential), in a folder that only the unit's
	// user can enter; credentials names that folder.
	groupReads  = 0o040
	credentials = "CREDENTIALS_DIRECTORY"
)

// secretFlag is the flag of all that run a node or ask one.
type secretFlag struct {
	SecretFile string `placeholder:"FILE" help:"The file with the secret of the mesh, as covey secret new makes it; only its owner may be able to read it. A running node looks at it every second. $COVEY_SECRET may hold the secret itself instead, and is read once, at the start."`
}

// read gives the secrets of the flag or of the environment; none where neither is given.
func (f *secretFlag) read(p *process) (seal.Secrets, error) {
	if f.SecretFile != "" {
		return readSecrets(f.SecretFile)
	}
	text, _ := p.LookupEnv(secretVariable)
	if text == "" {
		return nil, nil
	}
	all, err := seal.Parse([]byte(strings.ReplaceAll(text, ",", "\n")))
	if err != nil {
		return nil, failf(exitUsage, "$%s: %v", secretVariable, err)
	}
	return all, nil
}

// readSecrets reads a file of one or two secrets.
func readSecrets(name string) (seal.Secrets, error) {
	f, err := openNow(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, failf(exitUsage, "--secret-file: %v; `covey secret new > FILE` makes one", err)
	case errors.Is(err, fs.ErrPermission):
		return nil, failf(exitUsage, "--secret-file: %v; the user who runs covey has to own it: `chown USER %s`", err, name)
	case err != nil:
		return nil, failf(exitUsage, "--secret-file: %v", err)
	}
	defer f.Close()
	about, err := f.Stat()
	switch {
	case err != nil:
		return nil, failf(exitUsage, "--secret-file: %v", err)
	case about.IsDir():
		return nil, failf(exitUsage, "--secret-file %s is a directory; name the file in it", name)
	}
	open := fs.FileMode(othersRead)
	if folder := os.Getenv(credentials); folder != "" && filepath.Dir(name) == filepath.Clean(folder) {
		open &^= groupReads
	}
	if mode := about.Mode().Perm(); mode&open != 0 {
		return nil, failf(exitUsage, "--secret-file %s can be read or written by others than its owner (%#o), so it may be no secret any more: `chmod 600 %[1]s`, or make another with `covey secret new`", name, mode)
	}
	text, err := io.ReadAll(io.LimitReader(f, seal.MaxText+1))
	if err != nil {
		return nil, failf(exitUsage, "--secret-file: %v", err)
	}
	all, err := seal.Parse(text)
	if err != nil {
		return nil, failf(exitUsage, "--secret-file %s: %v", name, err)
	}
	return all, nil
}

// openNow opens a file without waiting: to open a pipe that nobody writes to would last until somebody did, and no signal would end it.
// Reading waits, as ever: a pipe may be what a program of the shell's <(...) writes to.
func openNow(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	raw, err := f.SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) { _ = syscall.SetNonblock(int(fd), false) })
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// follow sends the secrets of the file whenever it has changed, until ctx ends. What cannot be used is logged once, and what was
// read before stays.
func (f *secretFlag) follow(ctx context.Context, log *slog.Logger) <-chan seal.Secrets {
	if f.SecretFile == "" {
		return nil
	}
	news := make(chan seal.Secrets)
	last, _ := os.Stat(f.SecretFile)
	go func() {
		beat := time.NewTicker(secretPoll)
		defer beat.Stop()
		var said string
		for {
			select {
			case <-ctx.Done():
				return
			case <-beat.C:
			}
			about, err := os.Stat(f.SecretFile)
			if err == nil && last != nil && os.SameFile(about, last) && about.ModTime().Equal(last.ModTime()) && about.Size() == last.Size() && about.Mode() == last.Mode() {
				continue
			}
			last = about
			all, err := readSecrets(f.SecretFile)
			if err != nil {
				if err.Error() != said {
					said = err.Error()
					log.Warn("the secret file has changed and cannot be used; what was read before counts on", "reason", said)
				}
				continue
			}
			said = ""
			select {
			case news <- all:
			case <-ctx.Done():
				return
			}
		}
	}()
	return news
}

type secretVerb struct {
	secretFlag
	What string `arg:"" enum:"new,password" help:"new or password."`
}

// Help is the second part of `covey secret --help`.
func (*secretVerb) Help() string {
	return `new prints a new secret for all nodes of a mesh: 32 random bytes as text. Where standard output is a file, nobody but its owner may read it from then on. Give the same file to every node; only nodes that know the secret link up, and clients have to know it too.

password prints what a client may say instead of the secret, for a program that is not to know the secret itself: AUTH takes either.

To replace a secret while nodes run, write the new one as the first line of the file on every node and leave the old one as the second. When all nodes have that, remove the old line. Nodes look at the file every second.

Examples:

    covey secret new > covey.secret
    covey run --secret-file covey.secret
    covey get greeting --secret-file covey.secret
    redis-cli -a "$(covey secret password --secret-file covey.secret)" get greeting`
}

// Run prints a new secret, or the password of the one that is given.
func (v *secretVerb) Run(p *process) error {
	if v.What == "new" {
		return newSecret(p.Stdout)
	}
	all, err := v.read(p)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return failf(exitUsage, "there is no secret to make a password of: give --secret-file FILE, or $%s", secretVariable)
	}
	_, err = fmt.Fprintln(p.Stdout, all[0].Password())
	return err
}

// newSecret prints a secret; before that it takes a file that the shell has made from the eyes of others.
func newSecret(w io.Writer) error {
	if f, ok := w.(*os.File); ok {
		if about, err := f.Stat(); err == nil && about.Mode().IsRegular() {
			if err := f.Chmod(0o600); err != nil && !errors.Is(err, os.ErrPermission) {
				return fmt.Errorf("the file cannot be kept from others: %w", err)
			}
		}
	}
	text, err := seal.New(rand.Reader)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(w, text)
	return err
}
