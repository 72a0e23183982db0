package lab

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
)

// namePrefix begins the name of every namespace of a lab.
const namePrefix = "covey-"

// serial numbers the networks of this process.
var serial atomic.Uint32

// An owner is a process: its pid and when it started, since pids come around again.
type owner struct {
	pid   int
	start uint64 // ticks since boot, field 22 of /proc/PID/stat
}

func (o owner) String() string { return fmt.Sprintf("%s%d.%d", namePrefix, o.pid, o.start) }

// self is the owner of what this process makes.
func self() (owner, error) {
	start, err := startOf(os.Getpid())
	return owner{os.Getpid(), start}, err
}

// ownerOf reads the owner out of the name of a namespace; ok is false for one that is none of a lab's.
func ownerOf(name string) (o owner, ok bool) {
	rest, ok := strings.CutPrefix(name, namePrefix)
	if !ok {
		return o, false
	}
	rest, _, ok = strings.Cut(rest, "-")
	if !ok {
		return o, false
	}
	pid, start, ok := strings.Cut(rest, ".")
	if !ok {
		return o, false
	}
	var err1, err2 error
	o.pid, err1 = strconv.Atoi(pid)
	o.start, err2 = strconv.ParseUint(start, 10, 64)
	return o, err1 == nil && err2 == nil
}

// alive says whether the very process still runs.
func (o owner) alive() bool {
	start, err := startOf(o.pid)
	return err == nil && start == o.start
}

// startOf reads when a process started. One that has ended and is not waited for yet is none.
func startOf(pid int) (uint64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The second field is the name in brackets, which may hold spaces and brackets itself.
	_, rest, _ := strings.Cut(string(text[strings.LastIndexByte(string(text), ')')+1:]), " ")
	fields := strings.Fields(rest)
	const startField = 22 - 3 // rest begins with field 3
	if len(fields) <= startField || fields[0] == "Z" || fields[0] == "X" {
		return 0, fmt.Errorf("/proc/%d/stat tells of none that runs", pid)
	}
	return strconv.ParseUint(fields[startField], 10, 64)
}

// Reap deletes the namespaces of labs whose process has ended without its cleanup. Their nodes were killed with it. The warden of each
// does so at once; who starts next finds what was left by one that was killed too.
func Reap() error {
	names, err := namespaceNames()
	if err != nil {
		return err
	}
	var left []string
	for _, name := range names {
		if o, ok := ownerOf(name); ok && !o.alive() {
			left = append(left, name)
		}
	}
	return deleteNamespaces(left)
}
