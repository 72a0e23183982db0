package sim

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"covey/peer"
	"covey/store"
)

var (
	rewrite = flag.Bool("rewrite", false, "write what the transcripts in testdata print")
	worlds  = flag.Uint64("worlds", 3, "with how many seeds each is played; all must print the same")
)

// TestTranscripts plays the scenarios of testdata/*.txt, each a rule's counterexample. A line is a command; what stands
// between "----" and an empty line is what it must print. Lines that begin with # say what is going on.
//
// A scenario is its own control: "without NAME" at its beginning has it played a second time with that protection switched
// off, and what it prints then first must be something else; it stands under that line. "given NAME" switches one off in
// both: of two that do the same for different reasons the other. The names are those of protections, the other commands the
// cases of script.play and script.look.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			playFile(t, file)
		})
	}
}

func TestEachRuleHasAScenario(t *testing.T) {
	for rule := 1; rule <= 27; rule++ {
		if files, _ := filepath.Glob(fmt.Sprintf("testdata/r%02d_*.txt", rule)); len(files) == 0 {
			t.Errorf("R%d has none", rule)
		}
	}
}

// protection is what the nodes of a scenario can miss.
type protection struct {
	peer       peer.Weakness
	store      store.Weakness
	sameStream bool // all starts of a host write one stream
}

func (p protection) and(o protection) protection {
	return protection{p.peer | o.peer, p.store | o.store, p.sameStream || o.sameStream}
}

var protections = map[string]protection{
	"content hash":   {peer: peer.WithoutContent},
	"two registers":  {store: store.OneRegister},
	"dead records":   {store: store.ForgetExpired},
	"step":           {peer: peer.WithoutStep},
	"bound":          {store: store.WithoutBound},
	"gap":            {peer: peer.WithoutGap},
	"relay":          {peer: peer.WithoutRelay},
	"floor":          {store: store.WithoutFloor},
	"no early floor": {peer: peer.EarlyFloor},
	"ready witness":  {peer: peer.AnyWitness},
	"ghosts":         {store: store.WithoutGhosts},
	"asking":         {peer: peer.WithoutAsking},
	"closed epochs":  {store: store.OpenEpochs},
	"repair":         {peer: peer.WithoutRepair},
	"debt":           {peer: peer.WithoutDebt},
	"bye":            {peer: peer.WithoutBye},
	"vouching":       {peer: peer.WithoutVouching},
	"own streams":    {sameStream: true},
}

// passage is a command of a scenario, or what stands between two.
type passage struct {
	line int
	text string
	want []string
}

func (p *passage) silent() bool { return p.text == "" || strings.HasPrefix(p.text, "#") }

func playFile(t *testing.T, file string) {
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	passages := readPassages(t, file, strings.Split(strings.TrimRight(string(b), "\n"), "\n"))
	var both, off protection
	for _, p := range passages {
		name, without := strings.CutPrefix(p.text, "without ")
		if given, ok := strings.CutPrefix(p.text, "given "); ok {
			name = given
		} else if !without {
			continue
		}
		c, known := protections[name]
		if !known {
			t.Fatalf("%s:%d: no protection %q", file, p.line, name)
		}
		off = off.and(c)
		if !without {
			both = both.and(c)
		}
	}
	got := playAll(t, 1, passages, both)
	if off != both {
		control(t, file, passages, got, playAll(t, 1, passages, off))
	}
	for seed := uint64(2); seed <= *worlds; seed++ {
		again := playAll(t, seed, passages, both)
		for i, p := range passages {
			if !strings.HasPrefix(p.text, "without ") && !slices.Equal(again[i], got[i]) {
				t.Errorf("%s:%d: %s\nseed %d:\n%s\nseed 1:\n%s", file, p.line, p.text, seed, strings.Join(again[i], "\n"), strings.Join(got[i], "\n"))
			}
		}
		if off != both && slices.EqualFunc(again, playAll(t, seed, passages, off), slices.Equal) {
			t.Errorf("%s: seed %d: nothing is different with the protection off", file, seed)
		}
	}
	var out strings.Builder
	for i, p := range passages {
		if p.silent() {
			fmt.Fprintln(&out, p.text)
			continue
		}
		fmt.Fprintf(&out, "%s\n----\n%s\n\n", p.text, strings.Join(got[i], "\n"))
		if !*rewrite && !slices.Equal(got[i], p.want) {
			t.Errorf("%s:%d: %s\n got:\n%s\nwant:\n%s", file, p.line, p.text, strings.Join(got[i], "\n"), strings.Join(p.want, "\n"))
		}
	}
	if *rewrite {
		if err := os.WriteFile(file, []byte(strings.TrimRight(out.String(), "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func readPassages(t *testing.T, file string, lines []string) (all []passage) {
	for i := 0; i < len(lines); i++ {
		p := passage{line: i + 1, text: lines[i]}
		if !p.silent() {
			if i++; i == len(lines) || lines[i] != "----" {
				t.Fatalf("%s:%d: no ---- after a command", file, p.line)
			}
			for i++; i < len(lines) && lines[i] != ""; i++ {
				p.want = append(p.want, lines[i])
			}
		}
		all = append(all, p)
	}
	return all
}

// control puts under the line "without NAME" what is printed first that is different when that protection is off.
func control(t *testing.T, file string, passages []passage, got, weak [][]string) {
	for i := range passages {
		if slices.Equal(got[i], weak[i]) {
			continue
		}
		for k, p := range passages {
			if strings.HasPrefix(p.text, "without ") {
				got[k] = append([]string{passages[i].text + ":"}, weak[i]...)
			}
		}
		return
	}
	t.Errorf("%s: nothing is different with the protection off", file)
}

// playAll plays a scenario; what each passage prints.
func playAll(t *testing.T, seed uint64, passages []passage, off protection) (all [][]string) {
	s := &script{t: t, w: NewWorld(seed, Faults{Delay: 2 * time.Millisecond}), off: off}
	if *rewrite && testing.Verbose() {
		s.w.Trace = t.Logf
	}
	for _, p := range passages {
		s.out = nil
		if !p.silent() && !strings.HasPrefix(p.text, "without ") && !strings.HasPrefix(p.text, "given ") {
			s.line = p.line
			s.play(strings.Fields(p.text))
		}
		if s.out == nil {
			s.out = []string{"ok"}
		}
		all = append(all, s.out)
	}
	return all
}
