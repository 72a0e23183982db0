package lab

import "time"

const (
	// maxHosts bounds the hosts of one network: they share a /24, and .254 is the switch.
	maxHosts = 100
	// maxLines bounds the lines kept of one node's output.
	maxLines = 4096
	// maxLineBytes bounds one line of a node's output; a longer one ends the capture, which the lines say.
	maxLineBytes = 64 << 10
	// shownLines are the last lines of a node that a failed test prints.
	shownLines = 40

	// buildLimit bounds the build of the binary in Main.
	buildLimit = 5 * time.Minute
	// execLimit bounds one program run on a host.
	execLimit = 20 * time.Second
	// dialLimit bounds one connection attempt from the test into a host.
	dialLimit = 5 * time.Second
	// lookLimit bounds one look at a node by the Go client.
	lookLimit = time.Second
	// endLimit bounds the wait for a process that was sent SIGKILL. Each of its threads has to get a processor once more, and its layer-2
	// socket waits for the kernel (synchronize_rcu in packet_release): beside a lot else 5 s are not enough.
	endLimit = time.Minute
	// limitBurst and limitQueue are what a cable that carries a rate lets through at once, and queues, in bytes.
	limitBurst, limitQueue = "128kb", "1mb"
	// maxFrame bounds a frame on a TAP device, in bytes: the MTU is 1500, and a tag has its room.
	maxFrame = 1600
	// maxFlying bounds the frames that a switch of NewChaos holds; more are lost, as on any switch whose queue is full.
	maxFlying = 8192
	// maxStations bounds the addresses that it learns.
	maxStations = 1024
	// clockTicks is the unit of processor times in /proc, a second's part (USER_HZ).
	clockTicks = 100
	// loadFactor is how many times its limit a figure may be where the machine does other things beside: two processors with three
	// tests of several nodes on them, at half of their speed, have made 0.8 s 2.2.
	loadFactor = 3
	// pollPause is the pause between two looks at a condition.
	pollPause = 10 * time.Millisecond
	// trafficPace is how often a client of startTraffic writes and reads at most; loadPace is how often one with a rate looks whether more is due.
	trafficPace = 2 * time.Millisecond
	loadPace    = time.Millisecond
)
