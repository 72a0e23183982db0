package loop

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"covey/peer"
)

// past is what a node remembers from one start to the next: where members were, and when each was last seen. Where broadcasts do
// not pass it finds its way back by that. It is a hint and no more: whatever the file holds, a member is what a greeting proved.
//
// The file has a line for each address, "10.0.0.5:9000 1764100000": seconds since 1970. What is not such a line is passed over.
// One goroutine writes it.
type past struct {
	file  string // "" when nothing is kept
	seen  map[netip.AddrPort]int64
	wrote time.Time
	stale bool // what is in the file is not what is known
}

// openPast reads what the folder remembers of a cluster, and makes the folder if it is not there.
func openPast(dir, cluster string) (*past, error) {
	p := &past{seen: make(map[netip.AddrPort]int64)}
	if dir == "" {
		return p, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("%w: --state-dir: %w; give a folder that the node may read and write, or leave it out", ErrConfig, err)
	}
	p.file = filepath.Join(dir, fmt.Sprintf("members-%016x", peer.ClusterTag(cluster)))
	f, err := os.Open(p.file)
	if os.IsNotExist(err) {
		return p, p.tryWrite()
	}
	if err != nil {
		return nil, fmt.Errorf("%w: --state-dir: %w; give a folder that the node may read and write, or leave it out", ErrConfig, err)
	}
	defer f.Close()
	p.read(io.LimitReader(f, maxPastFile), time.Now().Unix())
	return p, p.tryWrite()
}

// tryWrite finds out at the start whether the folder can be written to.
func (p *past) tryWrite() error {
	if err := p.write(time.Now()); err != nil {
		return fmt.Errorf("%w: --state-dir: %w; give a folder that the node may write to, or leave it out", ErrConfig, err)
	}
	return nil
}

// read takes what lines make sense.
func (p *past) read(r io.Reader, now int64) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		where, when, ok := strings.Cut(lines.Text(), " ")
		addr, err1 := netip.ParseAddrPort(where)
		seen, err2 := strconv.ParseInt(when, 10, 64)
		if !ok || err1 != nil || err2 != nil || !worthKeeping(addr) || seen < now-int64(maxPastAge.Seconds()) {
			continue
		}
		p.seen[addr] = min(seen, now)
	}
	p.trim(now)
}

// worthKeeping reports whether a node may be found at addr after a restart: those of this machine are heard in any case.
func worthKeeping(addr netip.AddrPort) bool {
	ip := addr.Addr()
	return ip.Is4() && !ip.IsLoopback() && !ip.IsUnspecified() && !ip.IsMulticast() && addr.Port() != 0
}

// trim forgets what is too old, and the oldest beyond maxPast.
func (p *past) trim(now int64) {
	for i, addr := range p.addrs() {
		if i >= maxPast || p.seen[addr] < now-int64(maxPastAge.Seconds()) {
			delete(p.seen, addr)
			p.stale = true
		}
	}
}

// addrs are the addresses, the last seen first.
func (p *past) addrs() []netip.AddrPort {
	all := make([]netip.AddrPort, 0, len(p.seen))
	for addr := range p.seen {
		all = append(all, addr)
	}
	slices.SortFunc(all, func(a, b netip.AddrPort) int {
		if d := p.seen[b] - p.seen[a]; d != 0 {
			return int(max(min(d, 1), -1))
		}
		return a.Compare(b)
	})
	return all
}

// note takes in the members that are there now. An address at which a node left, or died, stays: it may be back before this node is.
func (p *past) note(members []peer.Member, now int64) {
	for i := range members {
		m := &members[i]
		if (m.State != peer.Alive && m.State != peer.Suspect) || !m.Linked || !worthKeeping(m.Addr) {
			continue
		}
		if _, known := p.seen[m.Addr]; !known {
			p.stale = true
		}
		p.seen[m.Addr] = now
	}
	p.trim(now)
}

// write puts the file in its place whole: a crash leaves the old one or the new one.
func (p *past) write(now time.Time) error {
	var b bytes.Buffer
	for _, addr := range p.addrs() {
		fmt.Fprintf(&b, "%s %d\n", addr, p.seen[addr])
	}
	f, err := os.CreateTemp(filepath.Dir(p.file), ".members-*")
	if err != nil {
		return err
	}
	_, err = f.Write(b.Bytes())
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), p.file)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return err
	}
	p.wrote, p.stale = now, false
	return nil
}

// keepPast keeps the file up to date until ctx is done.
func (n *node) keepPast(ctx context.Context) {
	p := n.past
	if p.file == "" {
		return
	}
	beat := time.NewTicker(pastInterval)
	defer beat.Stop()
	said := false
	for {
		ended := false
		select {
		case <-ctx.Done():
			ended = true
		case <-beat.C:
		}
		now := time.Now()
		if !ended {
			p.note(n.mind.Members(nil), now.Unix())
		}
		if p.stale || ended || now.Sub(p.wrote) >= pastRest {
			if err := p.write(now); err != nil && !said {
				said = true
				n.log.Warn("the addresses of members cannot be kept for the next start", "reason", err.Error())
			}
		}
		if ended {
			return
		}
	}
}
