package disk

import (
	"errors"
	"syscall"
)

// Full tells whether an error is that a disk has no space left.
func Full(err error) bool {
	// ERROR_HANDLE_DISK_FULL and ERROR_DISK_FULL.
	const handleDiskFull, diskFull = syscall.Errno(39), syscall.Errno(112)
	return errors.Is(err, handleDiskFull) || errors.Is(err, diskFull)
}
