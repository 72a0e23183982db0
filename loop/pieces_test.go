package loop

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"covey/codec"
	"covey/internal/harness"
)

var (
	piecesTime = flag.Duration("pieces-time", 2*time.Second, "for how long TestWhateverThePiecesEachCommandIsAnsweredInItsTurn sends")
	piecesSeed = flag.Uint64("pieces-seed", 1, "the seed that it begins with; a connection's is in what it reports")
)

const (
	piecesConns = 12     // connections at a time
	piecesKeys  = 8      // of a connection, its own
	piecesMost  = 4      // batches of a connection at most
	piecesAll   = 10_000 // connections at most: their keys all stay
)

// script is what one connection sends, and what it is to be answered: it has keys of its own.
type script struct {
	random     *rand.Rand
	name       string
	frames     bool
	have       map[string][]byte
	send, want []byte
	ends       []mark // of each command
}

// mark is how far a script is behind a command.
type mark struct{ sent, answered int }

func (s *script) key() string { return s.name + strconv.Itoa(s.random.IntN(piecesKeys)) }

// value has any length, most of them small; where its bytes stand wrong, it shows.
func (s *script) value() []byte {
	most := [...]int{40, 40, 40, 5_000, 5_000, 40_000, 200_000, 1_200_000}[s.random.IntN(8)]
	text := fmt.Appendf(nil, "%s-%x-", s.name, s.random.Uint64())
	return bytes.Repeat(text, most/len(text)+1)[:s.random.IntN(most)]
}

// next adds a command.
func (s *script) next() {
	if s.frames {
		s.nextFrame()
	} else {
		s.nextRESP()
	}
	s.mark()
}

func (s *script) mark() { s.ends = append(s.ends, mark{len(s.send), len(s.want)}) }

func (s *script) nextFrame() {
	key, tag := s.key(), s.random.Uint32()
	r := codec.ValueResponse{Status: codec.StatusOK}
	old, there := s.have[key]
	if !there {
		r.Status = codec.StatusNotFound
	}
	switch s.random.IntN(5) {
	case 0, 1:
		v := s.value()
		s.send = codec.AppendSetValue(s.send, tag, codec.SetValue{Key: []byte(key), Value: v})
		s.have[key], r.Status = v, codec.StatusOK
	case 2:
		s.send = codec.AppendDelete(s.send, tag, codec.Delete{Key: []byte(key)})
		delete(s.have, key)
	default:
		s.send = codec.AppendGetValue(s.send, tag, codec.GetValue{Key: []byte(key)})
		r.Value = old
	}
	s.want = codec.AppendValueResponse(s.want, tag, r)
}

func (s *script) nextRESP() {
	key := s.key()
	old, there := s.have[key]
	bulk := func(v []byte, there bool) {
		if !there {
			s.want = append(s.want, "$-1\r\n"...)
			return
		}
		s.want = codec.AppendBulk(s.want, v)
	}
	say := func(words ...string) { s.send = append(s.send, respCommand(words...)...) }
	answer := func(text string) { s.want = append(s.want, text...) }
	switch s.random.IntN(12) {
	case 0, 1, 2:
		v := s.value()
		say("SET", key, string(v))
		answer("+OK\r\n")
		s.have[key] = v
	case 3, 4, 5:
		say("GET", key)
		bulk(old, there)
	case 6:
		words := []string{"MGET"}
		for range 1 + s.random.IntN(12) {
			words = append(words, s.key())
		}
		say(words...)
		answer(fmt.Sprintf("*%d\r\n", len(words)-1))
		for _, k := range words[1:] {
			v, there := s.have[k]
			bulk(v, there)
		}
	case 7:
		from, to := s.random.IntN(100_000), s.random.IntN(300_000)
		say("GETRANGE", key, strconv.Itoa(from), strconv.Itoa(to))
		bulk(old[min(from, len(old)):max(min(to+1, len(old)), min(from, len(old)))], true)
	case 8:
		say("DEL", key)
		answer(fmt.Sprintf(":%d\r\n", map[bool]int{true: 1}[there]))
		delete(s.have, key)
	case 9:
		v := s.value()
		say("ECHO", string(v))
		bulk(v, true)
	case 10:
		v := s.value()
		for _, words := range [][]string{{"MULTI"}, {"GET", key}, {"SET", key, string(v)}} {
			say(words...)
			answer(map[bool]string{true: "+OK\r\n", false: "+QUEUED\r\n"}[len(words) == 1])
			s.mark()
		}
		say("EXEC")
		answer("*2\r\n")
		bulk(old, there)
		answer("+OK\r\n")
		s.have[key] = v
	default:
		say("WAIT", "1", strconv.Itoa(1+s.random.IntN(20)))
		answer(":0\r\n")
	}
}

// batch makes anew what is sent and answered: some commands.
func (s *script) batch() {
	s.send, s.want, s.ends = s.send[:0], s.want[:0], append(s.ends[:0], mark{})
	for range [...]int{1, 3, 20, 100}[s.random.IntN(4)] {
		s.next()
	}
}

// at names the command of which the byte of the replies is.
func (s *script) at(answered int) string {
	for i := range s.ends {
		if m := s.ends[i]; m.answered > answered {
			from := s.ends[i-1]
			return fmt.Sprintf("at byte %d of %d of the reply to command %d of %d, %.60q of %d bytes", answered-from.answered, m.answered-from.answered, i, len(s.ends)-1, s.send[from.sent:m.sent], m.sent-from.sent)
		}
	}
	return "behind all replies"
}

// answered is how much is to be answered when so many bytes were sent.
func (s *script) answered(sent int) int {
	n := 0
	for _, m := range s.ends {
		if m.sent <= sent {
			n = m.answered
		}
	}
	return n
}

// play carries a script out on a connection of its own: in batches, each in pieces. Some batches stop anywhere: what came whole until
// there is to be answered before the rest is sent; at the last one some connections end their side, and are answered all the same.
func (s *script) play(dial func() net.Conn) error {
	s.batch() // before the connection is there: one that says nothing is closed
	c := dial()
	defer c.Close()
	for left := 1 + s.random.IntN(piecesMost); left > 0; left-- {
		stop := len(s.send)
		if s.random.IntN(2) == 0 {
			stop = s.random.IntN(len(s.send) + 1)
		}
		ends := left == 1 && s.random.IntN(2) == 0
		due := s.answered(stop)
		if n, err := s.part(c, s.send[:stop], s.want[:due], ends); err != nil {
			return fmt.Errorf("of %d bytes sent of %d, %d of replies expected of %d, the side ended %v, %s: %w", stop, len(s.send), due, len(s.want), ends, s.at(n), err)
		}
		if ends {
			return nil
		}
		if n, err := s.part(c, s.send[stop:], s.want[due:], false); err != nil {
			return fmt.Errorf("of the rest, from byte %d of %d on, %s: %w", stop, len(s.send), s.at(due+n), err)
		}
		s.batch()
	}
	return nil
}

// part sends bytes in pieces and reads replies meanwhile. It returns how many bytes of these it read that are right.
func (s *script) part(c net.Conn, send, want []byte, ends bool) (n int, err error) {
	sizes := rand.New(rand.NewPCG(s.random.Uint64(), 0))
	sent := make(chan error, 1)
	go func() {
		for len(send) > 0 {
			n := min(len(send), [...]int{1, 7, 1000, 16 << 10, 64 << 10, 100_000, 1 << 20, 1 << 30}[sizes.IntN(8)])
			if _, err := c.Write(send[:n]); err != nil {
				sent <- fmt.Errorf("sending: %w", err)
				return
			}
			send = send[n:]
		}
		if ends {
			sent <- c.(*net.TCPConn).CloseWrite()
			return
		}
		sent <- nil
	}()
	got := make([]byte, len(want))
	read, failed := io.ReadFull(c, got)
	if bytes.Equal(got[:read], want[:read]) { // the race detector looks at this once, and at each step of a loop
		n = read
	}
	for n < read && got[n] == want[n] {
		n++
	}
	switch {
	case n < read:
		from, end := max(n-40, 0), min(n+40, read)
		return n, fmt.Errorf("%q, want %q", got[from:end], want[from:end])
	case failed != nil:
		return n, failed
	}
	if err := <-sent; err != nil || !ends {
		return n, err
	}
	if more, err := c.Read(make([]byte, 1)); err != io.EOF {
		return n, fmt.Errorf("behind the replies %d bytes more, %v", more, err)
	}
	return n, nil
}

// However commands are cut to pieces, and wherever the client waits before it sends the rest, or ends its side: each that came whole is
// answered, in order, by what its connection wrote before.
func TestWhateverThePiecesEachCommandIsAnsweredInItsTurn(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t, freePort(t))
	cfg.MaxMemory = 4 << 30 // neither is anything evicted nor a connection closed for what it holds
	tn := startNode(t, cfg)
	eventually(t, "ready", tn.ready)
	seeds := make(chan uint64)
	var group sync.WaitGroup
	for range piecesConns {
		group.Go(func() {
			for seed := range seeds {
				random := rand.New(rand.NewPCG(seed, 0))
				s := &script{random: random, name: fmt.Sprintf("%d.", seed), frames: random.IntN(3) == 0, have: map[string][]byte{}}
				dial := dialRaw
				if random.IntN(4) == 0 {
					dial = dialNarrow
				}
				if err := s.play(func() net.Conn { return dial(t, tn.addr).Conn }); err != nil {
					t.Errorf("seed %d: %v", seed, err)
				}
			}
		})
	}
	least := uint64(4 * piecesConns)
	if harness.Race {
		least = piecesConns
	}
	seed := *piecesSeed
	for end := time.Now().Add(*piecesTime); seed < *piecesSeed+least || seed < *piecesSeed+piecesAll && time.Now().Before(end) && !t.Failed(); seed++ {
		seeds <- seed
	}
	close(seeds)
	group.Wait()
	if n := &tn.n.counters; n.overloads.Load()+n.idleClosed.Load()+n.badInput.Load()+n.panics.Load() > 0 {
		t.Errorf("closed: %d for what they held, %d idle, %d for bad input, %d by a fault", n.overloads.Load(), n.idleClosed.Load(), n.badInput.Load(), n.panics.Load())
	}
	t.Logf("%d connections", seed-*piecesSeed)
	eventually(t, "nothing of them is left", func() bool { return tn.n.counters.connections.Load() == 0 && tn.n.parked.Load() == 0 })
}
