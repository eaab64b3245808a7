//go:build unix

package disk

import (
	"io/fs"
	"syscall"
)

// Inode returns the number that a file keeps when it is renamed and loses when
// it is replaced; 0 where it is not known.
func Inode(info fs.FileInfo) uint64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(s.Ino)
	}
	return 0
}
