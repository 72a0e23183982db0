package seal

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"hash"
	"net/netip"
	"slices"
	"sync"
)

// AuthLen is the length of an announce's authenticator, in bytes: the last ones of it.
const AuthLen = sha256.Size

// An Announcer signs announces and judges those that come. It is safe for concurrent use.
type Announcer struct {
	mu     sync.Mutex
	macs   []hash.Hash // of the secrets, in their order
	sum    [sha256.Size]byte
	newest map[uint64]newest
}

// newest is the last announce of a node that was believed.
type newest struct {
	incarnation, sequence uint64
	at                    int64
	from                  [maxSources]netip.Addr // where it came from, as far as it is known
}

// NewAnnouncer makes one.
func NewAnnouncer(all Secrets) *Announcer {
	a := &Announcer{newest: make(map[uint64]newest)}
	a.Renew(all)
	return a
}

// Renew has other secrets count from now on.
func (a *Announcer) Renew(all Secrets) {
	macs := make([]hash.Hash, len(all))
	for i := range all {
		macs[i] = hmac.New(sha256.New, all[i].derive("covey announce"))
	}
	a.mu.Lock()
	a.macs = macs
	a.mu.Unlock()
}

// Sign fills in the authenticator of an announce: its last AuthLen bytes, made of all that is before them.
func (a *Announcer) Sign(announce []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	signed := len(announce) - AuthLen
	copy(announce[signed:], a.mac(0, announce[:signed]))
}

// Genuine reports whether an announce was signed with one of the secrets.
func (a *Announcer) Genuine(announce []byte) bool {
	signed := len(announce) - AuthLen
	if signed < 0 {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	right := 0
	for i := range a.macs {
		right |= subtle.ConstantTimeCompare(a.mac(i, announce[:signed]), announce[signed:])
	}
	return right == 1
}

// mac is good until the next call.
func (a *Announcer) mac(i int, b []byte) []byte {
	m := a.macs[i]
	m.Reset()
	m.Write(b)
	return m.Sum(a.sum[:0])
}

// Fresh reports whether a genuine announce says something new: what somebody has recorded and sends again does not. Of each
// node the newest is remembered; an older start of it counts again when the younger was silent for a minute. An announce comes over
// each card: from another address it says, for a moment, that the node is there too. now is in ns.
func (a *Announcer) Fresh(now int64, node, incarnation, sequence uint64, from netip.Addr) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	last, known := a.newest[node]
	switch {
	case known && incarnation == last.incarnation && sequence == last.sequence && now-last.at < copyAge:
		i := slices.Index(last.from[:], netip.Addr{})
		if i < 0 || slices.Contains(last.from[:], from) {
			return false
		}
		last.from[i] = from
		a.newest[node] = last
		return true
	case known && incarnation == last.incarnation && sequence <= last.sequence:
		return false
	case known && incarnation < last.incarnation && now-last.at < startAge:
		return false
	case !known && len(a.newest) >= maxStarts:
		clear(a.newest) // only nodes that know the secret come here; a repeat may pass once, which costs a dial
	}
	a.newest[node] = newest{incarnation, sequence, now, [maxSources]netip.Addr{from}}
	return true
}
