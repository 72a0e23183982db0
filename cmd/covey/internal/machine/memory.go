package machine

import (
	"bufio"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// Memory is how much this process may use.
type Memory struct {
	Machine int64 // bytes of the machine
	Group   int64 // bytes its control group allows; 0 when there is no limit
}

// Smaller is the bound that comes first, in bytes.
func (m Memory) Smaller() int64 {
	if m.Group > 0 && m.Group < m.Machine {
		return m.Group
	}
	return m.Machine
}

// LinuxMemory reads the memory of a Linux machine below root, and the tightest limit of the control groups, version 1
// or 2, that the process is in. An unreadable control group is no limit.
func LinuxMemory(root fs.FS) (Memory, error) {
	text, err := readSmall(root, "proc/meminfo")
	if err != nil {
		return Memory{}, fmt.Errorf("%w its memory: %w", ErrUnknown, err)
	}
	total, ok := parseMemTotal(text)
	if !ok {
		return Memory{}, fmt.Errorf("%w its memory: no MemTotal in /proc/meminfo", ErrUnknown)
	}
	m := Memory{Machine: total}
	groups, err := readSmall(root, "proc/self/cgroup")
	if err != nil {
		return m, nil
	}
	for _, file := range limitFiles(groups) {
		text, err := readSmall(root, file)
		if err != nil {
			continue
		}
		if n, ok := parseLimit(text); ok && (m.Group == 0 || n < m.Group) {
			m.Group = n
		}
	}
	return m, nil
}

// parseMemTotal finds the line "MemTotal:  16384256 kB" and gives bytes.
func parseMemTotal(meminfo string) (int64, bool) {
	lines := bufio.NewScanner(strings.NewReader(meminfo))
	for lines.Scan() {
		rest, found := strings.CutPrefix(lines.Text(), "MemTotal:")
		if !found {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
		if err != nil || n <= 0 || n > noLimit>>10 {
			return 0, false
		}
		return n << 10, true
	}
	return 0, false
}

// limitFiles lists the files that may hold a limit, from the text of /proc/self/cgroup: those of each group named there
// and of every group above it. In a container the path named may be one of the host's that is not mounted here, so the
// root of the mount is always among them.
func limitFiles(cgroup string) []string {
	var files []string
	lines := bufio.NewScanner(strings.NewReader(cgroup))
	for lines.Scan() {
		parts := strings.SplitN(lines.Text(), ":", 3) // id:controllers:path
		if len(parts) != 3 {
			continue
		}
		mount, name := "sys/fs/cgroup", "memory.max"
		if parts[1] != "" {
			if !hasWord(parts[1], "memory") {
				continue
			}
			mount, name = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		}
		group := path.Clean("/" + parts[2])
		for range MaxGroups {
			if group == "/" {
				break
			}
			files = append(files, path.Join(mount, group, name))
			group = path.Dir(group)
		}
		files = append(files, path.Join(mount, name))
	}
	return files
}

// hasWord reports whether word is one of the comma-separated words of list.
func hasWord(list, word string) bool {
	for w := range strings.SplitSeq(list, ",") {
		if w == word {
			return true
		}
	}
	return false
}

// parseLimit reads memory.max or memory.limit_in_bytes; false when there is no limit.
func parseLimit(text string) (int64, bool) {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil || n <= 0 || n >= noLimit {
		return 0, false
	}
	return n, true
}

// readSmall reads at most MaxProcFile bytes of a file; those under /proc do not tell their length.
func readSmall(root fs.FS, name string) (string, error) {
	f, err := root.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, MaxProcFile))
	return string(text), err
}
