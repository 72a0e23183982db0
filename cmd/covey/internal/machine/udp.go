package machine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
)

// InUse tells an address that is taken from every other failure to listen.
func InUse(err error) bool { return errors.Is(err, syscall.EADDRINUSE) }

// TrySharedUDP opens a UDP port the way nodes of one machine share it, and closes it again.
func TrySharedUDP(ctx context.Context, port uint16) error {
	conn, err := ListenSharedUDP(ctx, port)
	if err != nil {
		return err
	}
	return conn.Close()
}

// ListenSharedUDP opens a UDP port the way nodes of one machine share it.
func ListenSharedUDP(ctx context.Context, port uint16) (net.PacketConn, error) {
	lc := net.ListenConfig{Control: shareAddress}
	return lc.ListenPacket(ctx, "udp4", fmt.Sprintf("0.0.0.0:%d", port))
}
