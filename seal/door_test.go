package seal

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"
)

func TestADoorOpensToEverySecretThatCountsAndItsPassword(t *testing.T) {
	all := secrets(t, 1, 2)
	d, far := NewDoor(all), netip.MustParseAddr("10.0.0.9")
	for _, s := range all {
		for _, password := range []string{s.text(), s.Password()} {
			if got := d.Try(0, far, []byte(password), 0); got != Right {
				t.Errorf("%v for a password that counts", got)
			}
		}
	}
	other := secrets(t, 3)[0]
	for i, password := range []string{"", "x", other.text(), other.Password(), all[0].text()[1:], all[0].text() + "\x00", strings.Repeat("x", 10_000)} {
		if got := d.Try(0, far, []byte(password), 0); got != Wrong {
			t.Errorf("%v for wrong password %d", got, i)
		}
	}
	d.Renew(secrets(t, 3))
	if d.Try(0, far, []byte(other.text()), 0) != Right || d.Try(0, far, []byte(all[0].text()), 0) != Wrong {
		t.Error("the new secrets do not count alone")
	}
}

func TestTriesOfAnAddressAreLimited(t *testing.T) {
	all := secrets(t, 1)
	d, far, near, home := NewDoor(all), netip.MustParseAddr("10.0.0.9"), netip.MustParseAddr("10.0.0.8"), netip.MustParseAddr("127.0.0.1")
	right := []byte(all[0].text())
	for i := range maxTries {
		if got := d.Try(second, far, []byte("guess"), 0); got != Wrong {
			t.Fatalf("try %d: %v", i, got)
		}
	}
	if d.Try(2*second, far, []byte("guess"), 0) != TooMany || d.Try(2*second, far, right, 0) != TooMany {
		t.Error("an address may guess on, or hears whether it guessed right")
	}
	if d.Try(2*second, near, right, 0) != Right {
		t.Error("another address pays for it")
	}
	if d.Try(62*second, far, right, 0) != Right {
		t.Error("it is never forgiven")
	}
	for range 10 * maxTries {
		d.Try(0, home, []byte("guess"), 0)
	}
	if d.Try(0, home, right, 0) != Right {
		t.Error("one program of a machine locks the others out")
	}
}

func TestTheMemoryOfTriesIsBounded(t *testing.T) {
	d := NewDoor(secrets(t, 1))
	for i := range uint32(5 * maxTriers) {
		var ip [4]byte
		binary.BigEndian.PutUint32(ip[:], 0x0A000000+i)
		d.Try(int64(i), netip.AddrFrom4(ip), nil, 0)
		if len(d.tries) > maxTriers {
			t.Fatalf("%d addresses are remembered", len(d.tries))
		}
	}
}

// TestTwoSecretsOnOneConnectionLockNobodyOut: while a secret is replaced a client that knows both sends that which the node does not know, too.
func TestTwoSecretsOnOneConnectionLockNobodyOut(t *testing.T) {
	d, far := NewDoor(secrets(t, 1)), netip.MustParseAddr("10.0.0.9")
	right, other := []byte(secrets(t, 1)[0].Password()), []byte(secrets(t, 2)[0].Password())
	for i := range 5 * maxTries {
		if d.Try(second, far, other, 0) != Wrong || d.Try(second, far, right, 1) != Right {
			t.Fatalf("locked out at connection %d", i)
		}
	}
	for range maxTries {
		d.Try(second, far, other, 0)
		d.Try(second, far, other, 1)
		d.Try(second, far, right, 2) // one is taken back, of two
	}
	if d.Try(second, far, right, 0) != TooMany {
		t.Error("whoever knows one password may guess on for ever")
	}
}
