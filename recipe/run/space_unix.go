//go:build unix

package run

import "golang.org/x/sys/unix"

// freeDisk returns the bytes that a user may still write to dir's disk.
func freeDisk(dir string) (int64, bool) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, false
	}
	return int64(s.Bavail) * int64(s.Bsize), true
}
