//go:build unix

package disk

import (
	"errors"
	"syscall"
)

// Full tells whether an error is that a disk has no space left, or none for this user.
func Full(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
