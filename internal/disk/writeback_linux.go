package disk

import (
	"os"
	"syscall"
)

// writeback has the disk begin to write a part of a file. It is advice: an error
// changes nothing, and what matters to anyone is reported by Sync. [Abandon] may close the
// file meanwhile, so its number is asked for in a way that keeps it open.
func writeback(f *os.File, offset, n int64) {
	const syncFileRangeWrite = 2 // SYNC_FILE_RANGE_WRITE of sync_file_range(2): does not wait
	raw, err := f.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) { _ = syscall.SyncFileRange(int(fd), offset, n, syncFileRangeWrite) })
}
