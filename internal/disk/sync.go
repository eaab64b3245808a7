package disk

import (
	"os"
	"runtime"
)

// Sync makes a file or folder survive a power failure. A folder that cannot be synced
// is no error: Windows syncs none, and neither do the file systems that hosts share
// with virtual machines. What was renamed in it is whole all the same.
func Sync(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.IsDir() {
		syncDir(path)
		return nil
	}
	how := os.O_RDONLY
	if runtime.GOOS == "windows" { // which flushes only what could be written
		how = os.O_RDWR
	}
	f, err := os.OpenFile(path, how, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

func syncDir(dir string) {
	d, err := os.Open(dir)
	if err != nil {
		return
	}
	d.Sync()
	d.Close()
}
