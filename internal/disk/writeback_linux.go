package disk

import (
	"os"
	"syscall"
)

// writeback has the disk begin to write a part of a file. It is advice: an error
// changes nothing, and what matters to anyone is reported by Sync.
func writeback(f *os.File, offset, n int64) {
	const syncFileRangeWrite = 2 // SYNC_FILE_RANGE_WRITE of sync_file_range(2): does not wait
	_ = syscall.SyncFileRange(int(f.Fd()), offset, n, syncFileRangeWrite)
}
