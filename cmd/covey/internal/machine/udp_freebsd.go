package machine

import "golang.org/x/sys/unix"

// sharePort is the option of nodes: sockets with SO_REUSEPORT_LB share a port with those alone that have it too.
const sharePort = unix.SO_REUSEPORT_LB
