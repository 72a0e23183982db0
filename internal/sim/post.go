package sim

import (
	"fmt"
	"strings"
	"time"
)

// post is what was published and who has heard it. Each life of a host is a publisher of its own, and a listener: one that hears a message
// twice, or behind a later one of the same publisher, or that nobody has sent, is wrong. That one is not heard is not, while things fail;
// when all is healed each has to come.
type post struct {
	sent  map[lived]int              // how many messages a life has published
	heard map[[2]lived]int           // number of the last that one has heard of another
	last  map[string]map[string]bool // of the messages that have to come: which hosts have heard them
}

// lived is one life of a host.
type lived struct{ host, life int }

func (l lived) String() string { return fmt.Sprintf("%s.%d", hostName(l.host), l.life) }

// messages has clients publish beside everything else that they do.
func (d *draft) messages() {
	for at := time.Duration(0); at < d.Length; at += d.pause(20 * time.Millisecond) {
		d.step(Step{At: at, Host: d.r.IntN(len(d.Machines)), Args: []string{"PUBLISH", "news", "it is at " + at.String()}})
	}
}

// published counts a message of a host, and returns it with what tells it from all others.
func (b *ledger) published(h *Host, text string) string {
	b.post.begin()
	by := lived{h.index, h.life}
	b.post.sent[by]++
	b.seen.Published++
	return fmt.Sprintf("%d %d %d %s", by.host, by.life, b.post.sent[by], text)
}

func (p *post) begin() {
	if p.sent == nil {
		p.sent, p.heard, p.last = make(map[lived]int), make(map[[2]lived]int), make(map[string]map[string]bool)
	}
}

// hears takes a message that a host was given.
func (b *ledger) hears(h *Host, message string) {
	b.post.begin()
	b.seen.Heard++
	var by lived
	var n int
	if _, err := fmt.Sscan(message, &by.host, &by.life, &n); err != nil || n < 1 || n > b.post.sent[by] {
		b.complain("message", -1, "%s hears %q, which nobody has sent", h.name, message)
		return
	}
	way := [2]lived{{h.index, h.life}, by}
	if last := b.post.heard[way]; n <= last {
		b.complain("message", -1, "%v hears message %d of %v behind %d", way[0], n, by, last)
	}
	b.post.heard[way] = n
	if to := b.post.last[message[strings.LastIndexByte(message, ' ')+1:]]; to != nil {
		to[h.name] = true
	}
}

// checkMessages has each node of the healed mesh publish a message, which all others have to hear.
func (w *World) checkMessages() (wrong []Wrong) {
	b := w.book
	if b.post.sent == nil {
		return nil
	}
	for _, h := range w.running() {
		b.post.last["last."+h.name] = map[string]bool{h.name: true}
		h.Do("PUBLISH", "news", "last."+h.name)
	}
	w.Run(quietStep)
	for _, h := range w.running() {
		for _, other := range w.running() {
			if !b.post.last["last."+h.name][other.name] {
				wrong = append(wrong, Wrong{Check: "messages", Text: fmt.Sprintf("%s does not hear what %s publishes after all is healed", other.name, h.name)})
			}
		}
	}
	return wrong
}
