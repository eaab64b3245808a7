package disk

import (
	"errors"
	"os"
	"syscall"
	"unsafe"
)

var lockFileEx = syscall.NewLazyDLL("kernel32.dll").NewProc("LockFileEx") // which syscall lacks

// Lock takes an exclusive lock on a file, which ends when the file is closed, or with
// the process, however it ends. held: it is locked already, by this process or another.
// The locked byte lies far behind the content, so that others can read that.
func Lock(f *os.File) (held bool, err error) {
	// LOCKFILE_FAIL_IMMEDIATELY and LOCKFILE_EXCLUSIVE_LOCK.
	const failImmediately, exclusive = 1, 2
	const lockViolation = syscall.Errno(33)        // ERROR_LOCK_VIOLATION
	at := &syscall.Overlapped{OffsetHigh: 1 << 20} // of one byte
	ok, _, err := lockFileEx.Call(f.Fd(), exclusive|failImmediately, 0, 1, 0, uintptr(unsafe.Pointer(at)))
	switch {
	case ok != 0:
		return false, nil
	case errors.Is(err, lockViolation), errors.Is(err, syscall.ERROR_IO_PENDING):
		return true, nil
	}
	return false, err
}
