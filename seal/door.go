package seal

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/netip"
	"sync"
)

// An Answer is what a Door says to a password.
type Answer uint8

// The answers.
const (
	Right   Answer = iota + 1
	Wrong          // it opens nothing
	TooMany        // it was not looked at: there were too many wrong ones from that address
)

// A Door is what stands before the commands of a node with a secret. It is safe for concurrent use.
type Door struct {
	mu    sync.Mutex
	keys  [][sha256.Size]byte // hashes of what opens it
	tries map[netip.Addr]tries
}

// tries are the wrong passwords of one address in the period since.
type tries struct {
	count int
	since int64
}

// NewDoor makes one.
func NewDoor(all Secrets) *Door {
	d := &Door{tries: make(map[netip.Addr]tries)}
	d.Renew(all)
	return d
}

// Renew replaces the secrets that count. Connections that have authenticated stay so.
func (d *Door) Renew(all Secrets) {
	var keys [][sha256.Size]byte
	for i := range all {
		keys = append(keys, sha256.Sum256([]byte(all[i].text())), sha256.Sum256([]byte(all[i].Password())))
	}
	d.mu.Lock()
	d.keys = keys
	d.mu.Unlock()
}

// Try judges a password that a client at address from has sent: it is right if it is a secret that counts, or the Password of one. It
// takes the same time for every password of one length. wrong is how many wrong ones the connection has sent before. A right one takes
// those back, for a client that knows two secrets, while one replaces the other, may send both; a client that guesses has none to take
// back. now is in ns.
func (d *Door) Try(now int64, from netip.Addr, password []byte, wrong int) Answer {
	d.mu.Lock()
	defer d.mu.Unlock()
	if t := d.tries[from]; t.count >= maxTries && now-t.since < tryPeriod {
		return TooMany
	}
	if d.opens(password) {
		if t := d.tries[from]; wrong > 0 && t.count > 0 {
			t.count -= min(wrong, MaxSecrets-1, t.count)
			d.tries[from] = t
		}
		return Right
	}
	d.note(now, from)
	return Wrong
}

func (d *Door) opens(password []byte) bool {
	if len(password) > MaxPassword {
		return false
	}
	hashed, right := sha256.Sum256(password), 0
	for i := range d.keys {
		right |= subtle.ConstantTimeCompare(hashed[:], d.keys[i][:])
	}
	return right == 1
}

// note counts a wrong password.
func (d *Door) note(now int64, from netip.Addr) {
	if from.IsLoopback() {
		return
	}
	t, known := d.tries[from]
	if now-t.since >= tryPeriod {
		t = tries{since: now}
	}
	if !known && len(d.tries) >= maxTriers {
		d.sweep(now)
	}
	t.count++
	d.tries[from] = t
}

// sweep forgets the addresses whose period is over; if that frees no place it forgets all, for an attacker with so many addresses is not
// held up by counting tries.
func (d *Door) sweep(now int64) {
	for from, t := range d.tries {
		if now-t.since >= tryPeriod {
			delete(d.tries, from)
		}
	}
	if len(d.tries) >= maxTriers {
		clear(d.tries)
	}
}
