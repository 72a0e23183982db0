package codec

import (
	"bytes"
	"encoding/hex"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// protocol is docs/PROTOCOL.md, taken apart: the specification that the tests of this package hold the code against.
type protocol struct {
	text     string              // with all white space as one space
	tables   map[string][]row    // byte tables by the title of their section; the second one of a section as "Title 2"
	examples map[string][]byte   // by the word after ```hex
	kinds    map[string][]string // rows of the table of kinds by name
}

// row is a line of a byte table. offset and size are -1 where they are not plain numbers.
type row struct {
	offset, size int
	field        string
}

var readProtocol = sync.OnceValues(func() (*protocol, error) {
	b, err := os.ReadFile("../docs/PROTOCOL.md")
	if err != nil {
		return nil, err
	}
	p := &protocol{
		text:   strings.Join(strings.Fields(string(b)), " "),
		tables: map[string][]row{}, examples: map[string][]byte{}, kinds: map[string][]string{},
	}
	return p, p.parse(string(b))
})

// spec returns the specification.
func spec(t testing.TB) *protocol {
	t.Helper()
	p, err := readProtocol()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// says fails the test if the specification does not hold the sentence that the test is about.
func says(t testing.TB, sentence string) {
	t.Helper()
	if !strings.Contains(spec(t).text, sentence) {
		t.Fatalf("docs/PROTOCOL.md does not say: %s", sentence)
	}
}

var (
	title   = regexp.MustCompile(`^### (\w+)`)
	example = regexp.MustCompile("^```hex (\\w+)")
)

func (p *protocol) parse(text string) error {
	var section, hexOf, table string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if hexOf != "" {
			if line == "```" {
				hexOf = ""
				continue
			}
			digits, _, _ := strings.Cut(line, "#")
			b, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
			if err != nil {
				return err
			}
			p.examples[hexOf] = append(p.examples[hexOf], b...)
			continue
		}
		if m := title.FindStringSubmatch(line); m != nil {
			section = m[1]
		}
		if m := example.FindStringSubmatch(line); m != nil {
			hexOf = m[1]
		}
		cells := strings.Split(line, "|")
		switch {
		case len(cells) < 7:
			table = ""
		case strings.TrimSpace(cells[1]) == "offset":
			if table = section; p.tables[table] != nil {
				table += " 2"
			}
		case strings.HasPrefix(cells[1], "---"), strings.TrimSpace(cells[1]) == "kind":
		case section == "Kinds":
			p.kinds[strings.TrimSpace(cells[2])] = cells
		case table != "":
			p.tables[table] = append(p.tables[table], row{plain(cells[1]), plain(cells[2]), strings.TrimSpace(cells[4])})
		}
	}
	return nil
}

func plain(cell string) int {
	n, err := strconv.Atoi(strings.TrimSpace(cell))
	if err != nil {
		return -1
	}
	return n
}

func TestEveryFieldIsWhereItsTableSays(t *testing.T) {
	for _, c := range cases() {
		t.Run(c.name, func(t *testing.T) { checkTable(t, c.name, c.frame[HeaderLen:], c.fields) })
	}
	for name, c := range plainCases() {
		t.Run(name, func(t *testing.T) { checkTable(t, name, c.bytes, c.fields) })
	}
}

// checkTable compares every fixed field of a table with the bytes at its place, and the fixed part with its end.
func checkTable(t *testing.T, name string, b []byte, fields map[string][]byte) {
	t.Helper()
	table := spec(t).tables[name]
	if table == nil {
		t.Fatalf("docs/PROTOCOL.md has no byte table for %s", name)
	}
	end := 0
	for _, r := range table {
		if r.offset != end {
			t.Fatalf("%s is at %d, but what precedes it ends at %d", r.field, r.offset, end)
		}
		if r.size < 0 {
			return // from here on places depend on lengths; examples show them
		}
		want, ok := fields[r.field]
		if !ok && (r.field == "reserved" || r.field == "flags" && name == "Announce") {
			want, ok = make([]byte, r.size), true
		}
		if !ok {
			t.Fatalf("the test has no value for %q", r.field)
		}
		end += r.size
		if got := b[r.offset:end]; !bytes.Equal(got, want) {
			t.Errorf("%s: % x at %d, want % x", r.field, got, r.offset, want)
		}
	}
	if end != len(b) {
		t.Errorf("the table ends at %d, the bytes at %d", end, len(b))
	}
}

func TestEveryExampleIsWhatIsEncoded(t *testing.T) {
	seen := map[string]bool{}
	check := func(name string, got []byte) {
		seen[name] = true
		if want := spec(t).examples[name]; !bytes.Equal(got, want) {
			t.Errorf("%s:\n encoded % x\nexample % x", name, got, want)
		}
	}
	for _, c := range cases() {
		check(c.name, c.frame)
	}
	for name, c := range plainCases() {
		if c.example {
			check(name, c.bytes)
		}
	}
	for name := range spec(t).examples {
		if !seen[name] {
			t.Errorf("nothing encodes the example %s", name)
		}
	}
}

func TestTheTableOfKindsHasTheLimits(t *testing.T) {
	rows := spec(t).kinds
	for k := range kindBounds {
		kind := Kind(k)
		if !kind.Known() {
			if kind.String() != "unknown" || kind.Peer() {
				t.Errorf("0x%02X is not known, but called %v", k, kind)
			}
			continue
		}
		cells := rows[kind.String()]
		if cells == nil {
			t.Errorf("docs/PROTOCOL.md does not list %v", kind)
			continue
		}
		number, err := strconv.ParseUint(strings.TrimSpace(cells[1]), 0, 8)
		if err != nil || Kind(number) != kind {
			t.Errorf("%v has number %s in the table", kind, cells[1])
		}
		if lim := kindBounds[kind]; plain(cells[4]) != int(lim.min) || plain(cells[5]) != int(lim.max) {
			t.Errorf("%v: the table says %s to %s, the code %d to %d", kind, cells[4], cells[5], lim.min, lim.max)
		}
		if peer := strings.TrimSpace(cells[3]) == "node, node"; peer != kind.Peer() {
			t.Errorf("%v: from and to %s", kind, cells[3])
		}
	}
	if len(rows) != len(slices.DeleteFunc(slices.Clone(kindNames[:]), func(s string) bool { return s == "" })) {
		t.Errorf("the table has %d kinds", len(rows))
	}
}

func TestLimitsAreThoseOfTheSpecification(t *testing.T) {
	for sentence, limit := range map[string]bool{
		"a header of 12 bytes and a body":                                            HeaderLen == 12,
		"A key has at most 65536 bytes, a value at most 16777216; both may be empty": MaxKey == 65536 && MaxValue == 16777216,
		"marked skippable has a body of at most 16846836 bytes":                      MaxFrame-HeaderLen == 16846836,
		"exactly one announce of 80 bytes":                                           AnnounceLen == 80,
		"number of addresses that follow, at most 64":                                MaxGreetingPeers == 64,
		"number of changes that follow, at most 1024":                                MaxLinked == 1024,
		"of nodes, at most 1024":                                                     MaxDigestsNodes == 1024,
		"of leaves (level 4) at most 16":                                             MaxDigestsLeaves == 16 && DigestsLeaves == 4,
		"of entries, at most 4096":                                                   MaxListingEntries == 4096,
		"of keys, 1 to 1024":                                                         MaxFetchKeys == 1024,
		"1048576 bytes at most":                                                      MaxFetchBytes == 1048576,
		"time to live in milliseconds, at most 2^48":                                 MaxTTL == 1<<48,
	} {
		says(t, sentence)
		if !limit {
			t.Errorf("the code has another limit than: %s", sentence)
		}
	}
}
