// Command covey runs a node of a local key-value cache, and asks a running one.
//
// The flow, once for every call:
//
//  1. main binds the process to run: arguments, environment, streams, signals.
//  2. run parses the arguments into a verb (grammar.go): flag, then environment, then default.
//  3. The verb, one file each, does its work through the packages client, loop and ifaces and prints.
//  4. What it returns becomes one sentence on standard error and an exit status (exit.go).
//
// The command line is a contract: verbs, flags, COVEY_* variables, exit statuses and JSON fields do not change.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ends := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // nohup
		ends = append(ends, syscall.SIGHUP) // the terminal is closed
	}
	ctx, stop := signal.NotifyContext(context.Background(), ends...)
	// The first signal ends the work in order; from then on a second one ends the process at once.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], &process{
		Stdin:     os.Stdin,
		Stdout:    os.Stdout,
		Stderr:    os.Stderr,
		LookupEnv: os.LookupEnv,
		Patience:  loadingPatience,
	}))
}
