package command

import (
	"net"
	"strings"
	"testing"
	"time"

	"covey/codec"
)

// subscriptionTalk is what two clients send, S who subscribes and P who publishes. Unsubscribing from all comes in no order, so at most one
// is left by then.
const subscriptionTalk = `
S SUBSCRIBE a b
S SUBSCRIBE a
P PUBLISH a hello
P PUBLISH c nobody
S PSUBSCRIBE [ab]* h?llo
P PUBLISH a twice
P PUBLISH hxllo once
P PUBSUB NUMSUB a b c
P PUBSUB NUMSUB
P PUBSUB NUMPAT
P PUBSUB CHANNELS a*
P PUBSUB CHANNELS nosuch
P PUBSUB CHANNELS a b
P PUBSUB NOSUCH
P PUBSUB
P PUBLISH a
P PUBLISH
S PING
S PING hello
S PING a b
S GET a
S NOSUCH
S SUBSCRIBE
S PSUBSCRIBE
S CLIENT ID a
S PUBLISH a own
S UNSUBSCRIBE b none
S UNSUBSCRIBE
S UNSUBSCRIBE
P PUBLISH a pattern
S PUNSUBSCRIBE h?llo
S PUNSUBSCRIBE
S PUNSUBSCRIBE
P PUBLISH a none
S GET a
S SUBSCRIBE a
P MULTI
P PUBLISH a queued
P SET a 1
P EXEC
S RESET
P PUBLISH a gone
S GET a
`

func TestOracleSubscribe(t *testing.T) {
	forBothProtocols(t, func(t *testing.T, p *pair) {
		conn, err := net.Dial("unix", p.conn.RemoteAddr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		other := &pair{t: t, conn: conn, mine: p.mine}
		listens, publishes := p.mine.client, &Client{ID: 8, Proto: codec.RESP2, Ear: new(ear)}
		for _, line := range strings.Split(strings.TrimSpace(subscriptionTalk), "\n") {
			args := words(line)
			who := p
			if p.mine.client = listens; args[0] == "P" {
				who, p.mine.client = other, publishes
			}
			mine := p.mine.do(args[1:]...)
			p.mine.client = listens
			p.mine.Deliver(func() bool { return true })
			heard := strings.Join(listens.Ear.(*ear).said, "")
			listens.Ear.(*ear).said = nil
			who.conn.SetDeadline(time.Now().Add(20 * time.Second))
			if _, err := who.conn.Write(codec.AppendCommand(nil, args[1:]...)); err != nil {
				t.Fatal(err)
			}
			if who == p { // Redis says what a client tells itself before its reply
				mine, heard = heard+mine, ""
			}
			who.expect(line, mine)
			p.expect(line+", heard", heard)
		}
	})
}

// expect reads as many replies of the oracle as mine has, and compares them.
func (p *pair) expect(what, mine string) {
	p.t.Helper()
	for len(mine) > 0 {
		_, n, err := codec.ParseReply([]byte(mine))
		if err != nil {
			p.t.Fatalf("%s: %q: %v", what, mine, err)
		}
		if theirs := p.reply(); theirs != mine[:n] {
			p.t.Errorf("%s:\n redis %q\n covey %q", what, theirs, mine[:n])
		}
		mine = mine[n:]
	}
}
