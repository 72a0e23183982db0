// Package sim runs whole nodes, the real state machine on the real store, in one goroutine under virtual time and a seed.
//
//  1. A World holds hosts, a queue of events by time, and a network that delays, loses and doubles what it carries.
//  2. A Host is what package loop is to the state machine: it carries out wishes, ticks, hands over frames, flushes links.
//  3. A connection is two pipes that keep their order, as TCP does. A cut holds back what is in them; a crash ends them.
//  4. A History writes at random hosts while links are cut, hosts crash and come back empty, and clocks differ.
//  5. At the end everything is healed, and after a quiet time all hosts must hold the same, entry by entry.
//
// The same seed gives the same run, event by event.
package sim
