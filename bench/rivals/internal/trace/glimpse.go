package trace

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

const (
	glimpseModule = "github.com/dgraph-io/ristretto/v2"
	glimpseFile   = "sim/gli.lirs.gz"
	glimpseMost   = 1 << 20 // asks; the file has some 6,000
)

// Glimpse is a trace of a real program, the text search Glimpse, as used by Jiang and Zhang, "LIRS" (2002). It comes
// with the source of ristretto. It is so short that the caches are 10 and 30 % of its keys.
func Glimpse() (Trace, error) {
	folder, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", glimpseModule).Output()
	if err != nil {
		return Trace{}, fmt.Errorf("glimpse: where the source of ristretto is: %w", err)
	}
	f, err := os.Open(filepath.Join(strings.TrimSpace(string(folder)), glimpseFile))
	if err != nil {
		return Trace{}, fmt.Errorf("glimpse: %w", err)
	}
	defer f.Close()
	zipped, err := gzip.NewReader(f)
	if err != nil {
		return Trace{}, fmt.Errorf("glimpse: %w", err)
	}
	asks, keys, err := numbered(zipped)
	return Trace{
		Name: "glimpse", About: "a real program's accesses, from the source of ristretto; short",
		Keys: keys, Asks: asks, Shares: []float64{0.10, 0.30},
	}, err
}

// numbered reads a number a line and replaces each by the place of its first appearance among the different ones.
func numbered(r io.Reader) (asks []uint32, keys int, err error) {
	number := map[uint64]uint32{}
	lines := bufio.NewScanner(r)
	for lines.Scan() && len(asks) < glimpseMost {
		line := strings.TrimSpace(lines.Text())
		if line == "" {
			continue
		}
		block, err := strconv.ParseUint(line, 10, 64)
		if err != nil {
			return nil, 0, fmt.Errorf("glimpse: line %d: %w", len(asks)+1, err)
		}
		n, ok := number[block]
		if !ok {
			n = uint32(len(number))
			number[block] = n
		}
		asks = append(asks, n)
	}
	return asks, len(number), lines.Err()
}
