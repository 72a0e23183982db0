package machine

const (
	// MaxProcFile is how much of a file under /proc or /sys is read, bytes.
	MaxProcFile = 16 << 20
	// MaxGroups is how many control groups above one another are asked for their limit.
	MaxGroups = 64
	// MaxProcesses is how many processes are looked at to find the holder of a port.
	MaxProcesses = 100_000
	// MaxDescriptors is how many descriptors of one process are looked at for it.
	MaxDescriptors = 100_000
	// noLimit is the control group's way to say none: version 1 shows 2^63 less a page, version 2 the word max.
	noLimit = 1 << 62
)
