package machine

import (
	"errors"
	"io/fs"
	"path"
	"strings"
	"testing"
	"testing/fstest"
)

const meminfo = "MemTotal:       16384256 kB\nMemFree:         1234567 kB\n"

// files makes a root of a machine out of names and contents.
func files(pairs ...string) fs.FS {
	root := fstest.MapFS{}
	for i := 0; i < len(pairs); i += 2 {
		root[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
	}
	return root
}

func TestMemoryIsTheSmallerOfMachineAndControlGroup(t *testing.T) {
	const machine = 16384256 << 10
	for _, c := range []struct {
		name  string
		root  fs.FS
		group int64
		want  int64
	}{
		{"no control group", files("proc/meminfo", meminfo), 0, machine},
		{"version 2 without a limit", files("proc/meminfo", meminfo, "proc/self/cgroup", "0::/a\n", "sys/fs/cgroup/a/memory.max", "max\n"), 0, machine},
		{"version 2 with a limit", files("proc/meminfo", meminfo, "proc/self/cgroup", "0::/a\n", "sys/fs/cgroup/a/memory.max", "1073741824\n"), 1 << 30, 1 << 30},
		{"version 2, a group above is tighter", files("proc/meminfo", meminfo, "proc/self/cgroup", "0::/a/b/c\n",
			"sys/fs/cgroup/a/memory.max", "1048576\n", "sys/fs/cgroup/a/b/memory.max", "max\n", "sys/fs/cgroup/a/b/c/memory.max", "2097152\n"), 1 << 20, 1 << 20},
		{"version 2 inside a container", files("proc/meminfo", meminfo, "proc/self/cgroup", "0::/\n", "sys/fs/cgroup/memory.max", "2097152\n"), 2 << 20, 2 << 20},
		{"version 2, the host's path is not mounted", files("proc/meminfo", meminfo, "proc/self/cgroup", "0::/../../x\n", "sys/fs/cgroup/memory.max", "2097152\n"), 2 << 20, 2 << 20},
		{"version 1 with a limit", files("proc/meminfo", meminfo, "proc/self/cgroup", "12:pids:/a\n4:cpu,memory:/a\n1:name=systemd:/a\n",
			"sys/fs/cgroup/memory/a/memory.limit_in_bytes", "3145728\n"), 3 << 20, 3 << 20},
		{"version 1 without a limit", files("proc/meminfo", meminfo, "proc/self/cgroup", "4:memory:/a\n", "sys/fs/cgroup/memory/a/memory.limit_in_bytes", "9223372036854771712\n"), 0, machine},
		{"version 1 inside a container", files("proc/meminfo", meminfo, "proc/self/cgroup", "4:memory:/docker/0123\n", "sys/fs/cgroup/memory/memory.limit_in_bytes", "3145728\n"), 3 << 20, 3 << 20},
		{"a limit above the machine", files("proc/meminfo", meminfo, "proc/self/cgroup", "0::/\n", "sys/fs/cgroup/memory.max", "99999999999999\n"), 99999999999999, machine},
		{"garbage is no limit", files("proc/meminfo", meminfo, "proc/self/cgroup", "x\n::\n0::/a\n", "sys/fs/cgroup/a/memory.max", "-5\n"), 0, machine},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := LinuxMemory(c.root)
			if err != nil || got.Group != c.group || got.Smaller() != c.want {
				t.Errorf("the memory is %+v (smaller %d, error %v), want a group of %d, smaller %d", got, got.Smaller(), err, c.group, c.want)
			}
		})
	}
}

func TestAMachineThatDoesNotTellItsMemoryIsAnError(t *testing.T) {
	for _, root := range []fs.FS{files(), files("proc/meminfo", ""), files("proc/meminfo", "MemTotal: x kB\n"), files("proc/meminfo", "MemTotal: 0 kB\n"), files("proc/meminfo", "MemTotal: 9223372036854775807 kB\n")} {
		if got, err := LinuxMemory(root); !errors.Is(err, ErrUnknown) {
			t.Errorf("the memory is %+v, error %v", got, err)
		}
	}
}

func FuzzNoTextOfTheSystemBreaksTheParsers(f *testing.F) {
	f.Add(meminfo, "0::/a/b\n", "1048576\n")
	f.Add("MemTotal:1kB", "4:cpu,memory:/../a\n", "max")
	f.Add("CapEff:\t000001ffffffffff\n", "  0: 00000000:2328 00000000:0000 0A 0:0 0:0 0 0 0 4711 1\n", "")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		if n, ok := parseMemTotal(a); ok && n <= 0 {
			t.Errorf("%q is %d bytes of memory", a, n)
		}
		for _, name := range limitFiles(b) {
			if path.Clean(name) != name || !strings.HasPrefix(name, "sys/fs/cgroup/") {
				t.Errorf("%q leads to %q", b, name)
			}
		}
		if n, ok := parseLimit(c); ok && n <= 0 {
			t.Errorf("%q is a limit of %d bytes", c, n)
		}
		parseCapabilities(a)
		listeners(b, 9000)
	})
}
