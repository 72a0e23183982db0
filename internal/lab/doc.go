// Package lab is a LAN on one machine: hosts that are network namespaces, a switch of
// its own, and the real binary running on the hosts. The machine's own network is never touched.
//
//  1. TestMain calls Main: it removes what dead test processes left behind, posts a warden, builds the binary once and runs the tests.
//  2. New makes the switch, a bridge of the kernel, which loses nothing; NewChaos makes one in this process, which does to the
//     frames between TAP devices what Faults says, by a seed: loss, delay, jitter, order, repetition, corruption, one way only.
//     Host plugs a host into it: a card, an address 10.77.x.y/24, loopback, a default route unless it is told not to.
//     Namespaces are called covey-PID.START-N-HOST: pid and start time say whose they are.
//  3. Host.Start runs the binary on the host. It is forked by a thread that stays in the namespace, and dies with it.
//  4. Exec, Covey and RedisCLI run a program on the host; Dial connects the test itself from inside of it.
//  5. CableDown, CardDown and Rules break the network; Kill, Term, Stop break a node.
//  6. Poll waits for a condition and says how long that took; a Figure gathers such times and holds their median to a limit,
//     exactly with -strict, which wants a machine that does nothing else.
//  7. The test's cleanup ends the nodes by their pid and deletes the namespaces, whether the test passed or not. Of one that is killed, however,
//     the nodes die with their threads, and a warden, a process that Main has posted, deletes the namespaces and the folder of the binary.
//
// It needs root and Linux; Need skips a test with the reason, or fails it where CI=true.
package lab
