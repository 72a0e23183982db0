package command

import (
	"slices"
	"sync"
	"sync/atomic"
)

// How a message goes from PUBLISH to those who have subscribed:
//
//  1. On the node where it is published it is staged like a write (publish), so that every peer gets it, in order behind the writes that
//     came before it.
//  2. There, and on each node that it comes to, Audience.Publish puts it once into the mailbox of each loop that has listeners for it.
//  3. Each of these loops gives it to its own listeners (Turn.Deliver), a slice of time after the other.
//
// No message is kept for who is not there, and none comes twice.

// Audience is who of a node's clients listens to what. The loops share it. The zero value has no listeners, and a nil one never has any.
type Audience struct {
	busy atomic.Int64 // how many subscriptions there are: without one a message is not looked at

	mu       sync.RWMutex
	channels map[string]*topic
	patterns map[string]*topic
	bytes    int // of the names of all topics

	lost atomic.Uint64 // messages that a loop had no room for
}

// topic is a channel or a pattern that somebody listens to.
type topic struct {
	name  string
	glob  []byte // of a pattern: the same
	rooms []room
	heads int // listeners in all rooms
}

// room are the listeners of one loop to one topic.
type room struct {
	box     *Mailbox
	clients []*Client
}

// subscription is what a client listens to.
type subscription struct {
	name    string
	pattern bool
}

// topics are those of channels, or of patterns.
func (a *Audience) topics(pattern bool) map[string]*topic {
	if pattern {
		return a.patterns
	}
	return a.channels
}

// join has a client of the loop with this mailbox listen. It is false when the node has no room for another subscription.
func (a *Audience) join(box *Mailbox, c *Client, s subscription) bool {
	if a == nil {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.topics(s.pattern)[s.name]
	if a.busy.Load() >= maxSubscriptions {
		return false
	}
	if t == nil {
		if a.bytes+len(s.name) > maxTopicBytes || s.pattern && len(a.patterns) >= maxTopicPatterns {
			return false
		}
		if a.channels == nil {
			a.channels, a.patterns = make(map[string]*topic), make(map[string]*topic)
		}
		t = &topic{name: s.name}
		if s.pattern {
			t.glob = []byte(s.name)
		}
		a.topics(s.pattern)[s.name] = t
		a.bytes += len(s.name)
	}
	t.add(box, c)
	a.busy.Add(1)
	return true
}

func (t *topic) add(box *Mailbox, c *Client) {
	t.heads++
	for i := range t.rooms {
		if t.rooms[i].box == box {
			t.rooms[i].clients = append(t.rooms[i].clients, c)
			return
		}
	}
	t.rooms = append(t.rooms, room{box, []*Client{c}})
}

// leave undoes join.
func (a *Audience) leave(box *Mailbox, c *Client, s subscription) {
	a.mu.Lock()
	defer a.mu.Unlock()
	topics := a.topics(s.pattern)
	t := topics[s.name]
	t.drop(box, c)
	a.busy.Add(-1)
	if t.heads == 0 {
		delete(topics, s.name)
		a.bytes -= len(s.name)
	}
}

func (t *topic) drop(box *Mailbox, c *Client) {
	for i := range t.rooms {
		r := &t.rooms[i]
		if r.box != box {
			continue
		}
		for j := range r.clients {
			if r.clients[j] != c {
				continue
			}
			last := len(r.clients) - 1
			r.clients[j], r.clients[last] = r.clients[last], nil
			if r.clients = r.clients[:last]; last == 0 {
				t.rooms[i] = t.rooms[len(t.rooms)-1]
				t.rooms = t.rooms[:len(t.rooms)-1]
			}
			t.heads--
			return
		}
	}
}

// each calls f with every topic that a channel's messages go to. The caller holds a.mu.
func (a *Audience) each(channel []byte, f func(s subscription, t *topic)) {
	if t := a.channels[string(channel)]; t != nil {
		f(subscription{name: t.name}, t)
	}
	for name, t := range a.patterns {
		if match(t.glob, channel) {
			f(subscription{name, true}, t)
		}
	}
}

// hearers appends who of the listeners of one loop hear a message on a channel, and by which subscription.
func (a *Audience) hearers(dst []hearer, box *Mailbox, channel []byte) []hearer {
	a.mu.RLock()
	defer a.mu.RUnlock()
	a.each(channel, func(s subscription, t *topic) {
		for i := range t.rooms {
			if t.rooms[i].box != box {
				continue
			}
			for _, c := range t.rooms[i].clients {
				dst = append(dst, hearer{c, s})
			}
		}
	})
	return dst
}

// Publish gives a message to the loops that have listeners for it, and returns how many listeners there are; one that a channel and a
// pattern lead to counts twice. A loop that has no room for it goes without. Neither slice is kept.
func (a *Audience) Publish(channel, message []byte) (heard int) {
	if a == nil || a.busy.Load() == 0 {
		return 0
	}
	a.mu.RLock()
	defer a.mu.RUnlock()
	boxes := make([]*Mailbox, 0, 16) // on the stack: a loop gets it once, whatever leads to it
	a.each(channel, func(_ subscription, t *topic) {
		heard += t.heads
		for i := range t.rooms {
			if box := t.rooms[i].box; !slices.Contains(boxes, box) {
				boxes = append(boxes, box)
			}
		}
	})
	for _, box := range boxes {
		if !box.put(channel, message) {
			a.lost.Add(1)
		}
	}
	return heard
}

// crowded reports whether a loop that has listeners to a channel has no room for a message of so many bytes.
func (a *Audience) crowded(channel []byte, size int) (yes bool) {
	if a == nil || a.busy.Load() == 0 {
		return false
	}
	a.mu.RLock()
	defer a.mu.RUnlock()
	a.each(channel, func(_ subscription, t *topic) {
		for i := range t.rooms {
			yes = yes || !t.rooms[i].box.fits(size)
		}
	})
	return yes
}

// listeners returns how many listen to a channel by its name.
func (a *Audience) listeners(channel []byte) int {
	if a == nil {
		return 0
	}
	a.mu.RLock()
	defer a.mu.RUnlock()
	if t := a.channels[string(channel)]; t != nil {
		return t.heads
	}
	return 0
}

// Lost returns how many messages a loop had no room for.
func (a *Audience) Lost() uint64 {
	if a == nil {
		return 0
	}
	return a.lost.Load()
}

// Counts returns how many channels, and how many patterns, somebody listens to.
func (a *Audience) Counts() (channels, patterns int) {
	if a == nil {
		return 0, 0
	}
	a.mu.RLock()
	defer a.mu.RUnlock()
	return len(a.channels), len(a.patterns)
}

// names returns the channels that somebody listens to and that match a pattern, all without one. It is not whole if comparing them takes
// too long.
func (a *Audience) names(pattern []byte) (names []string, whole bool) {
	if a == nil {
		return nil, true
	}
	a.mu.RLock()
	defer a.mu.RUnlock()
	all := 0
	for name := range a.channels {
		ok, work := true, 0
		if pattern != nil {
			ok, work = try(pattern, []byte(name))
		}
		if ok {
			names = append(names, name)
		}
		if all += work; all > namesWork {
			return nil, false
		}
	}
	return names, true
}
