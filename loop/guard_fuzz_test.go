package loop

import (
	"bytes"
	"math/rand/v2"
	"net"
	"testing"

	"github.com/panjf2000/gnet/v2"

	"covey/codec"
	"covey/command"
	"covey/peer"
	"covey/seal"
)

// ear is a pipe that keeps what is said on it.
type ear struct {
	pipe
	said []byte
}

// RemoteAddr is asked for where somebody is turned away and named in the log.
func (e *ear) RemoteAddr() net.Addr { return nil }

func (e *ear) Write(b []byte) (int, error) { e.said = append(e.said, b...); return len(b), nil }

// FuzzStrangersOfAKeyedNode gives a node with a secret whatever somebody says who does not know it, in pieces: whole handshakes of
// others, frames, commands, in any order. Nothing of it becomes a link or reaches the store, a handshake is answered with at
// most its own length, a frame between nodes with nothing, and all that a client hears is that it has to authenticate.
func FuzzStrangersOfAKeyedNode(f *testing.F) {
	secret := secretsOf(f, 1)
	_, hello, _ := seal.Dial(secret[0], rand.NewChaCha8([32]byte{1}))
	_, other, _ := seal.Dial(secretsOf(f, 2)[0], rand.NewChaCha8([32]byte{1}))
	greeting := codec.AppendGreeting(nil, codec.Greeting{Dialed: true, ProtoMin: 1, ProtoMax: 1, Cluster: peer.ClusterTag("test"), Node: 7, Stream: 7, Dial: 1})
	set := codec.AppendSetValue(nil, 1, codec.SetValue{Key: []byte("k"), Value: []byte("v")})
	f.Add(hello, uint8(0))
	f.Add(append(bytes.Clone(hello), greeting...), uint8(50))
	f.Add(append(bytes.Clone(hello), bytes.Repeat([]byte{20, 0, 1}, 30)...), uint8(7))
	f.Add(other, uint8(3))
	f.Add(greeting, uint8(0))
	f.Add(set, uint8(5))
	f.Add(append(codec.AppendAuth(nil, 1, codec.Auth{Password: []byte("guess")}), set...), uint8(0))
	f.Add([]byte("*2\r\n$4\r\nAUTH\r\n$5\r\nguess\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n"), uint8(0))
	f.Add([]byte("SET k v\r\nHELLO 3 AUTH default x\r\nGET k\r\nFLUSHALL\r\nQUIT\r\nSET k v\r\n"), uint8(9))
	l := loopFor(f, secret)
	n := l.n
	f.Fuzz(func(t *testing.T, b []byte, piece uint8) {
		e := &ear{}
		c := &conn{g: e, l: l, client: command.Client{ID: 1, Proto: 2}}
		defer c.release()
		peers := len(b) >= codec.HeaderLen && b[0] == codec.Magic && codec.Kind(b[1]).Peer()
		for rest := b; len(rest) > 0; {
			size := min(len(rest), 1+int(piece))
			c.got, rest = rest[:size], rest[size:]
			if l.traffic(c) == gnet.Close {
				break
			}
		}
		switch {
		case c.link != nil || n.mind.Linked() > 0:
			t.Fatal("it became a link")
		case n.store.Len() > 0 || l.stage.Count() > 0:
			t.Fatal("it reached the store")
		case c.client.Known:
			t.Fatal("it is known")
		case peers && len(e.said) > 0:
			t.Fatalf("a frame between nodes is answered with %x", e.said)
		case len(b) > 0 && b[0] == seal.Magic && len(e.said) > seal.HandshakeLen:
			t.Fatalf("a handshake is answered with %d bytes", len(e.said))
		case c.protocol == protocolRESP:
			for line := range bytes.Lines(e.said) {
				if line[0] != '-' && string(line) != "+OK\r\n" { // +OK: QUIT
					t.Fatalf("it hears %q", line)
				}
			}
		}
	})
}

var _ gnet.Conn = (*ear)(nil)
