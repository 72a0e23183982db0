package machine

import "os"

// ReadMemory tells how much memory this process may use.
func ReadMemory() (Memory, error) { return LinuxMemory(os.DirFS("/")) }
