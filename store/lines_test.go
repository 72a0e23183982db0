package store

import (
	"testing"
	"unsafe"
)

// The lock of a shard is written by every reader: nothing of the shard before it may be on its cache line.
func TestShardsShareNoCacheLine(t *testing.T) {
	var s shard
	last := unsafe.Offsetof(s.forgotten) + unsafe.Sizeof(s.forgotten)
	if apart := unsafe.Sizeof(s) - last + unsafe.Offsetof(s.mu); apart < 64 {
		t.Errorf("the lock of a shard is %d bytes behind the end of the one before", apart)
	}
}
