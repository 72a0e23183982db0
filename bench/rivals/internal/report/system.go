package report

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// What the system says of itself, from /proc; where that is missing a figure is "unknown".

// field returns what stands after a name at the start of a line of a file, up to the end of the line.
func field(path, name string) (string, bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", false
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			return strings.TrimSpace(strings.TrimLeft(rest, " \t:")), true
		}
	}
	return "", false
}

func processor() string {
	if name, ok := field("/proc/cpuinfo", "model name"); ok {
		return name
	}
	return "processor unknown"
}

func memory() string {
	kb, ok := kilobytes("/proc/meminfo", "MemTotal")
	if !ok {
		return "memory unknown"
	}
	return fmt.Sprintf("%.1f GiB", float64(kb)/(1<<20))
}

func kernel() string {
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return "kernel unknown"
	}
	return "kernel " + strings.TrimSpace(string(release))
}

// hugePages reports whether the kernel puts large pages together by itself, which resident memory depends on.
func hugePages() string {
	modes, err := os.ReadFile("/sys/kernel/mm/transparent_hugepage/enabled")
	if err != nil {
		return "unknown"
	}
	_, mode, _ := strings.Cut(string(modes), "[")
	mode, _, _ = strings.Cut(mode, "]")
	return mode
}

func kilobytes(path, name string) (int64, bool) {
	text, ok := field(path, name)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSuffix(text, " kB"), 10, 64)
	return n, err == nil
}

func loadAverage() (float64, error) {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(text), " ")
	return strconv.ParseFloat(first, 64)
}

// RSS returns the resident bytes of a process, now and at most so far.
func RSS(pid int) (now, most int64, err error) {
	path := fmt.Sprintf("/proc/%d/status", pid)
	a, ok := kilobytes(path, "VmRSS")
	b, also := kilobytes(path, "VmHWM")
	if !ok || !also {
		return 0, 0, fmt.Errorf("%s does not tell the resident memory", path)
	}
	return a << 10, b << 10, nil
}

// Processor is the processor time that a process has used, by the kernel's own clock of it, all threads together.
func Processor(pid int) (time.Duration, error) {
	var used unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|2), &used); err != nil {
		return 0, fmt.Errorf("the processor time of process %d: %w", pid, err)
	}
	return time.Duration(used.Nano()), nil
}

// ResetMostRSS makes the most of this process start again from now.
func ResetMostRSS() error { return os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) }

// busy is a reading of the time that the processors worked, and of that which went to this program and its children.
type busy struct {
	at    time.Time
	all   time.Duration
	mine  time.Duration
	known bool
}

const ticksPerSecond = 100 // of /proc/stat; USER_HZ is 100 on every platform of Go

// readBusy reads /proc/stat: user, nice, system, idle, iowait, irq, softirq, steal.
func readBusy() busy {
	b := busy{at: time.Now()}
	line, ok := field("/proc/stat", "cpu ")
	fields := strings.Fields(line)
	if !ok || len(fields) < 8 {
		return b
	}
	for i, text := range fields[:8] {
		ticks, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return b
		}
		if i != 3 && i != 4 {
			b.all += time.Duration(ticks) * time.Second / ticksPerSecond
		}
	}
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var used syscall.Rusage
		if syscall.Getrusage(who, &used) != nil {
			return b
		}
		b.mine += time.Duration(used.Utime.Nano() + used.Stime.Nano())
	}
	b.known = true
	return b
}

// share returns what percentage of the processors' time went to other programs, and to other guests of the host, since b.
func (b busy) share() (percent float64, known bool) {
	now := readBusy()
	whole := now.at.Sub(b.at) * time.Duration(runtime.NumCPU())
	if !b.known || !now.known || whole <= 0 {
		return 0, false
	}
	rest := (now.all - b.all) - (now.mine - b.mine)
	return max(0, 100*float64(rest)/float64(whole)), true
}

func (b busy) others() string {
	percent, known := b.share()
	if !known {
		return "what others did meanwhile is unknown"
	}
	return fmt.Sprintf("others had %.1f %% of the processors meanwhile", percent)
}

// Others begins to watch the processors. The function returns what percentage of their time went to others since, 100 if
// that is unknown. What this program started counts as its own once it has ended and was waited for.
func Others() (percent func() float64) {
	b := readBusy()
	return func() float64 {
		if percent, known := b.share(); known {
			return percent
		}
		return 100
	}
}

// Loopback returns how many bytes have gone over loopback since the system began.
func Loopback() (int64, error) {
	text, err := os.ReadFile("/sys/class/net/lo/statistics/rx_bytes")
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
}
