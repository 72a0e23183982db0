package main

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"covey/client"
	"covey/codec"
	"covey/seal"
)

// secretFile makes a secret, and a file of it as a shell's > does: readable by all until the program has it.
func secretFile(t *testing.T) (name, text string) {
	t.Helper()
	name = filepath.Join(t.TempDir(), "covey.secret")
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := newSecret(f); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return name, strings.TrimSpace(string(b))
}

func TestASecretThatIsMadeInAFileIsItsOwnersAlone(t *testing.T) {
	name, text := secretFile(t)
	about, err := os.Stat(name)
	if err != nil || about.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", about.Mode(), err)
	}
	got := call(t, "secret", "new")
	if got.status != exitDone || len(got.stdout) != 50 || got.stdout == text+"\n" {
		t.Errorf("covey secret new: %+v", got)
	}
	all, err := readSecrets(name)
	if err != nil || len(all) != 1 {
		t.Fatalf("%d secrets, %v", len(all), err)
	}
	call(t, "secret", "password", "--secret-file", name).expect(t, outcome{stdout: all[0].Password() + "\n"})
	for _, mode := range []os.FileMode{0o604, 0o640, 0o660, 0o666, 0o602, 0o620} {
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
		call(t, "run", "--secret-file", name).expect(t, outcome{status: exitUsage, stderr: "can be read or written by others than its owner"})
		call(t, "get", "k", "--secret-file", name).expect(t, outcome{status: exitUsage, stderr: "chmod 600 " + name})
	}
}

// A pipe to which nobody writes is an empty file, not one that is waited for; what somebody writes to is read to its end.
func TestASecretFileMayBeAPipe(t *testing.T) {
	_, text := secretFile(t)
	name := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	call(t, "run", "--secret-file", name).expect(t, outcome{status: exitUsage, stderr: "it is empty"})

	from, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	go func() {
		defer to.Close()
		_, _ = to.WriteString(text)
	}()
	if all, err := readSecrets(fmt.Sprintf("/dev/fd/%d", from.Fd())); err != nil || len(all) != 1 {
		t.Errorf("%d secrets, %v", len(all), err)
	}
}

// systemd lets the group read the copy of a secret that it makes for a unit, in a folder of the unit's own; nobody else may have that.
func TestACredentialOfSystemdMayBeReadByItsGroup(t *testing.T) {
	name, _ := secretFile(t)
	if err := os.Chmod(name, 0o440); err != nil {
		t.Fatal(err)
	}
	if _, err := readSecrets(name); err == nil {
		t.Error("a file that its group can read counts as a secret anywhere")
	}
	t.Setenv("CREDENTIALS_DIRECTORY", filepath.Dir(name)+"/")
	if all, err := readSecrets(name); err != nil || len(all) != 1 {
		t.Errorf("%d secrets, %v", len(all), err)
	}
	for _, mode := range []os.FileMode{0o444, 0o460} {
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := readSecrets(name); err == nil {
			t.Errorf("with mode %#o it counts as a secret", mode)
		}
	}
	t.Setenv("CREDENTIALS_DIRECTORY", filepath.Dir(filepath.Dir(name)))
	if _, err := readSecrets(name); err == nil {
		t.Error("in a folder below that of the credentials it counts as a secret")
	}
}

// A node with a secret is asked by the verbs with it, without it and with another.
func TestVerbsProveThatTheyKnowTheSecret(t *testing.T) {
	name, text := secretFile(t)
	_, other := secretFile(t)
	node := startRun(t, map[string]string{"COVEY_MAX_MEMORY": "64m", "COVEY_SECRET_FILE": name})
	addr := node.addr
	_, port, _ := strings.Cut(addr, ":")

	with := func(secret string, args ...string) outcome {
		return invocation{args: append(args, "-a", addr), env: map[string]string{"COVEY_SECRET": secret}}.run(t)
	}
	with(text, "set", "k", "v").expect(t, outcome{})
	with(text, "get", "k").expect(t, outcome{stdout: "v\n"})
	with(other+","+text, "get", "k").expect(t, outcome{stdout: "v\n"})
	call(t, "get", "k", "-a", addr, "--secret-file", name).expect(t, outcome{stdout: "v\n"})
	with("", "get", "k").expect(t, outcome{status: exitFailed, stderr: "this node has a secret: authenticate with it"})
	with(other, "get", "k").expect(t, outcome{status: exitFailed, stderr: "this is neither the secret of the node"})
	for _, protocol := range []string{"resp", "binary"} {
		bench := []string{"bench", "-n", "10", "-c", "2", "-r", "10", "--protocol", protocol}
		with("", bench...).expect(t, outcome{status: exitFailed, stderr: "; a secret is given with --secret-file FILE or $COVEY_SECRET\n"})
		with(other, bench...).expect(t, outcome{status: exitFailed, stderr: "covey: the node at " + addr + " does not take the secret: "})
		if got := with(text, bench...); got.status != exitDone {
			t.Errorf("covey bench with the secret: %+v", got)
		}
	}
	if got := with(text, "info"); got.status != exitDone || !strings.Contains(got.stdout, "\nsecurity\t1\n") {
		t.Errorf("covey info: %+v", got)
	}
	for secret, said := range map[string]string{
		"":    "a node with a secret answers at " + addr,
		other: "a node without a secret, or with another, answers at " + addr,
		text:  "-" + port + " answers at " + addr, // its id
	} {
		got := invocation{args: []string{"doctor", "--wait", "0", "--listen", addr}, env: map[string]string{"COVEY_SECRET": secret}}.run(t)
		if !strings.Contains(got.stdout, said) {
			t.Errorf("covey doctor: %+v, want %q in it", got, said)
		}
	}
	for _, protocol := range []string{"resp", "binary"} {
		if got := with(text, "bench", "-n", "1000", "-c", "3", "-r", "50", "--protocol", protocol); got.status != exitDone {
			t.Errorf("covey bench by %s: %+v", protocol, got)
		}
		if got := with(other, "bench", "-n", "1000", "-c", "3", "--protocol", protocol); got.status != exitFailed || !strings.Contains(got.stderr, "does not take the secret") {
			t.Errorf("covey bench by %s with another secret: %+v", protocol, got)
		}
	}
	// The file gets another secret while the node runs: for a while both count.
	if err := os.WriteFile(name, []byte(other+"\n"+text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the new secret counts", func() bool { return with(other, "get", "k").status == exitDone })
	with(text, "get", "k").expect(t, outcome{stdout: "v\n"})
	if strings.Contains(node.printed.String()+node.logged.String(), text[6:]) || strings.Contains(node.logged.String(), other[6:]) {
		t.Error("a secret was printed or logged")
	}
}

// What cannot be used is said once, and the secrets read before count on.
func TestASecretFileThatGoesBadIsSaidOnce(t *testing.T) {
	name, text := secretFile(t)
	_, other := secretFile(t)
	var logged lines
	f := &secretFlag{SecretFile: name}
	news := f.follow(t.Context(), slog.New(slog.NewTextHandler(&logged, nil)))
	warned := func(times int) func() bool {
		return func() bool { return strings.Count(logged.String(), "cannot be used") == times }
	}
	for i, spoil := range []func() error{
		func() error { return os.WriteFile(name, []byte("covey-half"), 0o600) },
		func() error { return os.Chmod(name, 0o644) },
		func() error { return os.Remove(name) },
	} {
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		eventually(t, fmt.Sprintf("a warning for spoiling number %d", i), warned(i+1))
	}
	if err := os.WriteFile(name, []byte(other+"\n"+text), 0o600); err != nil {
		t.Fatal(err)
	}
	all := <-news
	want, _ := seal.Parse([]byte(other + "\n" + text))
	if len(all) != 2 || all[0] != want[0] || all[1] != want[1] {
		t.Errorf("%d secrets came", len(all))
	}
	if !warned(3)() {
		t.Errorf("said more than once: %s", logged.String())
	}
}

// A node without a secret says what to do, and that is not to give it one.
func TestOnlyWhoIsAskedForASecretIsToldHowToGiveOne(t *testing.T) {
	n := nodeFlag{Addr: "h:1"}
	for said, hinted := range map[string]bool{
		"this node has a secret: authenticate with it, or with the password that `covey secret password` makes of it":           true,
		"without a secret this node serves only hosts of its own networks; give every node a secret (covey secret new)":         false,
		"this node has no secret, so nobody can prove anything to it; leave yours out, or give the node one with --secret-file": false,
	} {
		got := n.explain(&client.ServerError{Status: codec.StatusDenied, Text: said})
		if !strings.Contains(got.Error(), said) || strings.HasSuffix(got.Error(), secretHint) != hinted {
			t.Errorf("%q", got)
		}
	}
}
