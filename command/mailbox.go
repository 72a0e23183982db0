package command

import (
	"encoding/binary"
	"sync"
	"sync/atomic"

	"covey/codec"
)

// Mailbox holds the messages that the listeners of one loop are still to hear. Any goroutine may put one in.
type Mailbox struct {
	Ring func() // wakes the loop; set before the first message can come

	some atomic.Bool // something is held: it is looked at whenever the loop's bell rings, mostly for something else

	mu   sync.Mutex
	held []byte // one behind the other: the lengths of channel and message, 4 bytes each, and both
}

const letterHead = 8

// put adds a message and wakes the loop; false: there is no room.
func (b *Mailbox) put(channel, message []byte) bool {
	b.mu.Lock()
	if len(b.held)+letterHead+len(channel)+len(message) > maxMailbox {
		b.mu.Unlock()
		return false
	}
	b.held = binary.LittleEndian.AppendUint32(b.held, uint32(len(channel)))
	b.held = binary.LittleEndian.AppendUint32(b.held, uint32(len(message)))
	b.held = append(append(b.held, channel...), message...)
	b.some.Store(true)
	b.mu.Unlock()
	b.Ring()
	return true
}

// fits reports whether there is room for a message that has so many bytes with the name of its channel.
func (b *Mailbox) fits(size int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.held)+letterHead+size <= maxMailbox
}

// take swaps what is held for an empty buffer.
func (b *Mailbox) take(empty []byte) []byte {
	if cap(empty) > keptScratch {
		empty = nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	taken := b.held
	b.held = empty[:0]
	b.some.Store(false)
	return taken
}

// Ear is where a client's messages go: its connection. What it hears is whole replies, to be written when no other is under way.
type Ear interface{ Hear(reply []byte) }

// deliveries are the messages that a loop is giving to its listeners. They belong to the loop.
type deliveries struct {
	taken   []byte // from the mailbox
	at      int    // how much of it is done, the message that hearers are to hear included
	channel []byte // of that message
	message []byte
	hearers []hearer
	next    int // the first of them who has not heard it

	frame []byte // the reply that was made last, for
	by    subscription
	proto int
}

// hearer is one who is to hear a message, and why.
type hearer struct {
	client *Client // nil: it has left meanwhile
	by     subscription
}

// Hears reports whether Deliver may have anything to do.
func (t *Turn) Hears() bool {
	return t.Audience != nil && (len(t.post.hearers) > 0 || len(t.post.taken) > 0 || t.Mail.some.Load())
}

// Hush drops the messages that are being delivered.
func (t *Turn) Hush() { t.post = deliveries{} }

// Deliver gives the messages in the mailbox to the loop's listeners for as long as more says so, which it asks now and then. left: some
// are not done.
func (t *Turn) Deliver(more func() bool) (left bool) {
	if t.Audience == nil {
		return false
	}
	d := &t.post
	for said := 0; d.nextMessage(t); {
		for d.next < len(d.hearers) {
			h := d.hearers[d.next]
			d.next++
			if h.client == nil {
				continue
			}
			h.client.Ear.Hear(d.reply(h))
			if said++; said%deliverAtOnce == 0 && !more() {
				return true
			}
		}
		if !more() {
			return true
		}
	}
	return false
}

// nextMessage reports whether there is a message to deliver, and opens the next one if that before it is done.
func (d *deliveries) nextMessage(t *Turn) bool {
	if d.next < len(d.hearers) {
		return true
	}
	clear(d.hearers)
	d.hearers, d.next, d.frame = d.hearers[:0], 0, d.frame[:0]
	if cap(d.hearers) > keptHearers {
		d.hearers = nil
	}
	if cap(d.frame) > keptScratch {
		d.frame = nil
	}
	if d.at == len(d.taken) {
		if d.taken, d.at = t.Mail.take(d.taken), 0; len(d.taken) == 0 {
			return false
		}
	}
	letter := d.taken[d.at:]
	channel, message := binary.LittleEndian.Uint32(letter), binary.LittleEndian.Uint32(letter[4:])
	letter = letter[letterHead:]
	d.channel, d.message = letter[:channel], letter[channel:channel+message]
	d.at += letterHead + int(channel) + int(message)
	d.hearers = t.Audience.hearers(d.hearers, t.Mail, d.channel)
	return true
}

// reply returns the message as one who hears it gets it. It is made once for all who get the same.
func (d *deliveries) reply(h hearer) []byte {
	if len(d.frame) > 0 && d.by == h.by && d.proto == h.client.Proto {
		return d.frame
	}
	d.by, d.proto = h.by, h.client.Proto
	if h.by.pattern {
		d.frame = codec.AppendBulkString(codec.AppendPush(d.frame[:0], d.proto, 4), "pmessage")
		d.frame = codec.AppendBulkString(d.frame, h.by.name)
	} else {
		d.frame = codec.AppendBulkString(codec.AppendPush(d.frame[:0], d.proto, 3), "message")
	}
	d.frame = codec.AppendBulk(codec.AppendBulk(d.frame, d.channel), d.message)
	return d.frame
}

// forget takes one who has left off the list of a message that is being delivered.
func (d *deliveries) forget(c *Client, s subscription) {
	if d.next == len(d.hearers) || !s.pattern && s.name != string(d.channel) {
		return // no message is open, or it is of another channel: who leaves may have thousands of others
	}
	for i := d.next; i < len(d.hearers); i++ {
		if d.hearers[i] == (hearer{c, s}) {
			d.hearers[i].client = nil
		}
	}
}
