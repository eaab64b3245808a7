package disk

import (
	"errors"
	"syscall"
)

// inUse tells whether an error may be that another program, as a virus scanner or an
// indexer, has a file open: one to rename, one in a folder to rename, or one to replace.
func inUse(err error) bool {
	// ERROR_ACCESS_DENIED and ERROR_SHARING_VIOLATION.
	const accessDenied, sharingViolation = syscall.Errno(5), syscall.Errno(32)
	return errors.Is(err, accessDenied) || errors.Is(err, sharingViolation)
}
