package machine

import (
	"bufio"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// Process is a running process of this machine.
type Process struct {
	ID   int
	Name string // as the system shows it: at most 15 bytes
}

func (p Process) String() string { return fmt.Sprintf("%s (process %d)", p.Name, p.ID) }

// parseCapabilities finds the effective set in the text of /proc/self/status: "CapEff:	000001ffffffffff".
func parseCapabilities(status string) (uint64, bool) {
	lines := bufio.NewScanner(strings.NewReader(status))
	for lines.Scan() {
		if hex, found := strings.CutPrefix(lines.Text(), "CapEff:"); found {
			set, err := strconv.ParseUint(strings.TrimSpace(hex), 16, 64)
			return set, err == nil
		}
	}
	return 0, false
}

// listeners gives the inodes of the sockets that listen on port, from the text of /proc/net/tcp, whose lines read
// "sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode ...", addresses and state in hex.
func listeners(tcp string, port uint16) []string {
	const listen = "0A"
	var inodes []string
	suffix := fmt.Sprintf(":%04X", port)
	lines := bufio.NewScanner(strings.NewReader(tcp))
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) > 9 && f[3] == listen && strings.HasSuffix(f[1], suffix) {
			inodes = append(inodes, f[9])
		}
	}
	return inodes
}

// linuxHolder looks through the descriptors of every process below root for a socket that listens on port. Links are
// read by readlink under prefix, since fs.FS has no way to.
func linuxHolder(root fs.FS, readlink func(string) (string, error), prefix string, port uint16) (Process, bool) {
	wanted := make(map[string]bool)
	for _, table := range []string{"proc/net/tcp", "proc/net/tcp6"} {
		text, err := readSmall(root, table)
		if err != nil {
			continue
		}
		for _, inode := range listeners(text, port) {
			wanted["socket:["+inode+"]"] = true
		}
	}
	if len(wanted) == 0 {
		return Process{}, false
	}
	processes, err := fs.ReadDir(root, "proc")
	if err != nil {
		return Process{}, false
	}
	for _, entry := range processes[:min(len(processes), MaxProcesses)] {
		id, err := strconv.Atoi(entry.Name())
		if err != nil || !holds(root, readlink, prefix, id, wanted) {
			continue
		}
		name, err := readSmall(root, path.Join("proc", entry.Name(), "comm"))
		if err != nil {
			name = "unnamed"
		}
		return Process{ID: id, Name: strings.TrimSpace(name)}, true
	}
	return Process{}, false
}

// holds reports whether a process has one of the wanted sockets among its descriptors.
func holds(root fs.FS, readlink func(string) (string, error), prefix string, id int, wanted map[string]bool) bool {
	folder := path.Join("proc", strconv.Itoa(id), "fd")
	descriptors, err := fs.ReadDir(root, folder)
	if err != nil {
		return false
	}
	for _, d := range descriptors[:min(len(descriptors), MaxDescriptors)] {
		if to, err := readlink(path.Join(prefix, folder, d.Name())); err == nil && wanted[to] {
			return true
		}
	}
	return false
}
