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
	return fmt.Sprintf(", number %d, changed at %d.%09d", s.Ino, s.Ctimespec.Sec, s.Ctimespec.Nsec)
}
