package disk

import (
	"errors"
	"syscall"
)

// Full tells whether an error is that a disk has no space left.
func Full(err error) bool {
	const handleDiskFull, diskFull = syscall.Errno(39), syscall.Errno(112) // ERROR_HANDLE_DISK_FULL, ERROR_DISK_FULL
	return errors.Is(err, handleDiskFull) || errors.Is(err, diskFull)
}
