package machine

import "golang.org/x/sys/unix"

// AvailableMemory returns the machine's memory: how much of it is free is not
// to be had without cgo, and macOS compresses and swaps readily.
func AvailableMemory() (n int64, ok bool) {
	u, err := unix.SysctlUint64("hw.memsize")
	return int64(u), err == nil
}

func totalMemory() (all, limit int64) {
	all, _ = AvailableMemory()
	return all, 0
}
