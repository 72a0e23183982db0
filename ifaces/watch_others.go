//go:build !linux

package ifaces

import (
	"context"
	"time"
)

// Watch calls changed whenever cards or their IPv4 addresses may have changed, until ctx is done; then it
// returns nil. It is a hint: list again and compare with Equal. It lists every 2 s. The first call comes at
// once, so that nothing that happened since an earlier List is missed. changed runs on the goroutine of Watch.
func Watch(ctx context.Context, changed func()) error {
	last, lastErr := List()
	changed()
	ticker := time.NewTicker(watchPoll)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		now, err := List()
		if (err != nil) != (lastErr != nil) || !Equal(now, last) {
			changed()
		}
		last, lastErr = now, err
	}
}
