package disk

import (
	"errors"
	"os"
	"syscall"
)

const renamesOpen = false

// claim does nothing: here nobody can remove a file that is open.
func claim(*os.File) bool { return true }

// removeUnclaimed removes a file that no process is writing.
func removeUnclaimed(path string) error {
	const sharingViolation = syscall.Errno(32) // ERROR_SHARING_VIOLATION: it is open
	if err := os.Remove(path); !errors.Is(err, sharingViolation) {
		return err
	}
	return nil
}

// removeLocked gives up the lock of a file, and then removes it unless somebody has it
// open: here that is in the way, of its own process too.
func removeLocked(f *os.File) error {
	f.Close()
	if err := os.Remove(f.Name()); !inUse(err) && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
