//go:build unix

package disk

import (
	"errors"
	"os"
)

// renamesOpen tells whether a file that is open can be renamed.
const renamesOpen = true

// claim marks a file as being written until it is closed, however the process
// ends. false: another process has it, to remove it. Where a file system has no
// locks, files are neither claimed nor swept.
func claim(f *os.File) bool {
	held, _ := Lock(f)
	return !held
}

// removeUnclaimed removes a file that no process is writing. One that is not ours to
// look into stays.
func removeUnclaimed(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0) // NFS locks only what is open for writing
	if errors.Is(err, os.ErrPermission) {
		f, err = os.Open(path) // which is enough elsewhere, for one that may only be read
	}
	if errors.Is(err, os.ErrPermission) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if held, err := Lock(f); held || err != nil {
		return nil
	}
	return os.Remove(path)
}

// removeLocked removes a file, and then gives up its lock: who opened it before, and
// locks it after, sees that it is gone.
func removeLocked(f *os.File) error {
	defer f.Close()
	return os.Remove(f.Name())
}
