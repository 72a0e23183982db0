// Package ifaces knows the machine's network cards and speaks Ethernet broadcasts on them.
//
// The flow:
//
//  1. [List] asks the system for every card: index, name, MAC address, flags and IPv4 addresses. On Linux it
//     dumps links and addresses over one netlink socket (list_linux.go) whose answers are parsed by pure code
//     (netlink_linux.go); elsewhere it asks package net (list_others.go).
//  2. [Choose] gives each card a verdict: usable, or skipped with a [Interface.Reason] the user can read. It is
//     pure. What the user asked for is a [Pattern], parsed by [ParsePattern].
//  3. [NodeMAC] picks the address that names the node: the MAC of the usable card with the lowest index, or of one that waits.
//  4. [Watch] tells that something about the cards may have changed. It is only a hint: the caller
//     runs List and Choose again and compares with [Equal].
//  5. [OpenBeacon] opens the layer-2 beacon of one usable card. It sends an announce as an Ethernet broadcast and
//     returns those it hears. If the process may not open such a socket the error is [ErrNotPermitted], and
//     announces go by UDP only.
//
// Only plain values and bytes go in and out, and nothing here knows what an announce means. List, Watch and the
// beacon touch the system; Choose, Equal, NodeMAC and the netlink parser are pure.
//
// The package gives R22 its "first usable card", and the node id its MAC address.
package ifaces
