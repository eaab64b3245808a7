//go:build !unix

package disk

import "io/fs"

// Inode is not known here: size and time must do.
func Inode(fs.FileInfo) uint64 { return 0 }
