//go:build unix

package run

import (
	"io/fs"
	"syscall"
)

// inode returns the number that a file keeps when it is renamed and loses when
// it is replaced.
func inode(info fs.FileInfo) uint64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(s.Ino)
	}
	return 0
}
