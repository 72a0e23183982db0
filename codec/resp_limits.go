package codec

// Limits of the RESP side. A breach is a ProtocolError: it costs the connection.
const (
	// MaxInline is the longest inline command line, in bytes without its end.
	MaxInline = 4 << 10

	// MaxArgs is the highest count of arguments of one command, its name included.
	MaxArgs = 1 << 20

	// MaxBulk is the longest argument of a command, in bytes: the longest value.
	MaxBulk = MaxValue

	// MaxCommand is the longest command, in bytes with its framing: what one
	// connection can make a node hold while it assembles a command.
	MaxCommand = 32 << 20

	// MaxReplyLine is the longest status, error or number in a reply, in bytes.
	MaxReplyLine = 64 << 10

	// MaxReplyElements is the highest count of elements an aggregate in a reply says
	// it has.
	MaxReplyElements = 1 << 24

	// MaxReplyDepth is how deep the arrays of a parsed reply may nest.
	MaxReplyDepth = 16

	// keptArgs is the count of arguments a parser keeps room for between
	// commands. Room that a longer command took is given back.
	keptArgs = 1 << 10
)
