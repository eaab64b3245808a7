//go:build linux || darwin

package disk

import (
	"fmt"
	"io/fs"
	"syscall"
)

func changed(info fs.FileInfo) string {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	at := changeTime(s)
	return fmt.Sprintf(", number %d, changed at %d.%09d", Inode(info), at.Sec, at.Nsec)
}
