// Package report writes what a comparison found, as Markdown: what is compared, in which versions, on which machine,
// when, at which commit, how busy the machine was, and the tables.
//
// A time that is kept was measured on a machine that did nothing else: a program of times watches that itself, piece by piece
// (Others). Bytes, processor time and hit ratios are the same at any load. Every report ends with the share of the
// processors' time that went to others while it was made.
package report

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
)

// quietLoad is the load average of a minute below which a machine is called quiet.
const quietLoad = 1.0

// Report is one. Begin makes it, Text and Table add to it, End writes the file.
type Report struct {
	out   bytes.Buffer
	path  string
	start time.Time
	busy  busy
	err   error
}

// Path declares the flag -o of a program, to be parsed before Begin.
func Path() *string {
	return flag.String("o", "", "also write the Markdown to this `file`")
}

// BeginAnyLoad is Begin for a report whose verdicts are over bytes and processor time, which others that work beside it do not
// change; the report says so.
func BeginAnyLoad(path, title string, modules []string) *Report {
	r := Begin(path, title, modules)
	r.Text("Verdicts are over bytes and processor time, which do not need an idle machine. Times by the clock on the wall do: see the load.\n")
	return r
}

// Begin prints the head. title is what is compared; modules are the libraries of it.
func Begin(path, title string, modules []string) *Report {
	r := &Report{path: path, start: time.Now()}
	load, err := loadAverage()
	r.busy = readBusy()
	r.Text("# %s\n", title)
	r.Text("- date: %s", r.start.Format("2006-01-02 15:04 MST"))
	r.Text("- commit: %s", Commit())
	r.Text("- command: `%s`", Command())
	r.Text("- machine: %s", Machine())
	r.Text("- versions: %s", Versions(modules))
	r.Text("- load before: %s", loadText(load, err))
	r.Text("")
	return r
}

// Text prints a line.
func (r *Report) Text(format string, args ...any) {
	w := io.MultiWriter(os.Stdout, &r.out)
	if _, err := fmt.Fprintf(w, format+"\n", args...); err != nil {
		r.err = err
	}
}

// Block prints lines as they are.
func (r *Report) Block(text string) {
	r.Text("```\n%s\n```\n", strings.TrimRight(text, "\n"))
}

// Table prints rows below a head; all columns but the first are set to the right.
func (r *Report) Table(head []string, rows [][]string) {
	width := make([]int, len(head))
	for _, row := range append([][]string{head}, rows...) {
		for i, cell := range row {
			width[i] = max(width[i], len([]rune(cell)))
		}
	}
	line := func(row []string) {
		var b strings.Builder
		for i, cell := range row {
			pad := strings.Repeat(" ", width[i]-len([]rune(cell)))
			if i == 0 {
				cell += pad
			} else {
				cell = pad + cell
			}
			b.WriteString("| " + cell + " ")
		}
		r.Text("%s|", b.String())
	}
	line(head)
	rule := make([]string, len(head))
	for i := range rule {
		rule[i] = strings.Repeat("-", width[i])
		if i > 0 {
			rule[i] = strings.Repeat("-", max(1, width[i]-1)) + ":"
		}
	}
	line(rule)
	for _, row := range rows {
		line(row)
	}
	r.Text("")
}

// End prints how long it took and what others did meanwhile, and writes the file.
func (r *Report) End() error {
	load, err := loadAverage()
	r.Text("- took %s; load after, with this: %s; %s", time.Since(r.start).Round(time.Second), loadText(load, err), r.busy.others())
	if r.err == nil && r.path != "" {
		r.err = os.WriteFile(r.path, r.out.Bytes(), 0o644)
	}
	return r.err
}

// Fail prints an error and ends the program.
func Fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func loadText(load float64, err error) string {
	switch {
	case err != nil:
		return "unknown"
	case load >= quietLoad:
		return fmt.Sprintf("%.2f", load)
	}
	return fmt.Sprintf("%.2f (quiet)", load)
}

// Commit is that of the tree that is measured, and whether its programs differ from it.
func Commit() string {
	folder, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "covey").Output()
	if err != nil {
		return "unknown"
	}
	git := func(args ...string) (string, error) {
		out, err := exec.Command("git", append([]string{"-C", strings.TrimSpace(string(folder))}, args...)...).Output()
		return strings.TrimSpace(string(out)), err
	}
	head, err := git("rev-parse", "--short", "HEAD")
	if err != nil {
		return "unknown"
	}
	if changed, err := git("status", "--porcelain", "--", "*.go", "*.s", "*go.mod"); err != nil || changed != "" {
		head += ", with changes that are not committed"
	}
	return head
}

// Command is how the program was called, without the folder that it lies in.
func Command() string {
	name := os.Args[0]
	name = name[strings.LastIndexByte(name, '/')+1:]
	return strings.Join(append([]string{"go run ./cmd/" + name}, os.Args[1:]...), " ")
}

// Machine is the processor, the memory, the kernel and what else times depend on.
func Machine() string {
	return fmt.Sprintf("%s, %d processors, %s, %s/%s, %s, huge pages %s, GOMAXPROCS %d", processor(), runtime.NumCPU(), memory(),
		runtime.GOOS, runtime.GOARCH, kernel(), hugePages(), runtime.GOMAXPROCS(0))
}

// Versions are those built into this program.
func Versions(modules []string) string {
	out := []string{runtime.Version()}
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return out[0]
	}
	for _, name := range modules {
		for _, m := range build.Deps {
			if m.Path == name && m.Path != "covey" {
				out = append(out, name+" "+m.Version)
			}
		}
	}
	return strings.Join(out, ", ")
}
