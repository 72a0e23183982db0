package seal

import "time"

// Every bound of this package, with its unit and the reason for it.
const (
	// MaxSecrets is how many secrets may count at a time: the one that is used and, while it is replaced, another.
	MaxSecrets = 2

	// MaxText is the longest text that Parse looks at, in bytes: two secrets, and a remark or two.
	MaxText = 4 << 10

	// MaxPassword is the longest password that a Door compares, in bytes.
	MaxPassword = 512

	// MaxPlain is the most that one record carries, in bytes. A record is of use only when it is whole: this is what a
	// receiver keeps at most of one that is not, and the tag of 16 bytes and the fixed cost of a record are 1 % of it.
	MaxPlain = 16 << 10

	// rekeyAfter is how many records are sealed with one key: 64 GiB of full ones, 2^32 blocks. What tells AES-GCM from
	// perfect encryption stays within a margin of 2^-57 up to 2^24.5 full records, whatever the length of the key (RFC 8446, 5.5).
	rekeyAfter = 1 << 22

	// maxRecords is how many records one direction of a link carries before it is closed; a nonce never comes twice.
	maxRecords = 1 << 60

	// maxStarts bounds the nodes whose newest announce is remembered.
	maxStarts = 4096

	// maxSources bounds the addresses from which one announce counts: as many as peers remember of a node. A copy counts within
	// copyAge, in ns, of the first: cards differ by milliseconds, and a repeat from a made-up address costs a dial that ends in the handshake.
	maxSources = 4
	copyAge    = int64(time.Second)

	// startAge is for how long the announces of a younger start keep those of an older one out. A node whose clock was set
	// back has an older start for good, and is to be found all the same once the younger has fallen silent.
	startAge = int64(time.Minute)

	// maxTries is how many wrong passwords one address has in a tryPeriod; past it none is looked at, right or wrong.
	// Loopback is not counted: the programs of one machine share its address, and one of them must not lock out the others.
	maxTries  = 10
	tryPeriod = int64(time.Minute)

	// maxTriers bounds the addresses whose tries are counted.
	maxTriers = 1024
)
