//go:build unix

package disk

import (
	"errors"
	"os"
	"syscall"
)

// Lock takes an exclusive lock on a file, which ends when the file is closed, or with
// the process, however it ends. held: it is locked already, by this process or another.
func Lock(f *os.File) (held bool, err error) {
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return true, nil
	}
	return false, err
}
