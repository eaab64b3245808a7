package disk

import (
	"os"
	"path/filepath"
	"time"
)

// Rename gives a file or folder that has reached the disk the name of the [Target] of
// to, which is in the same file system, and has that reach the disk too. A folder
// replaces nothing. What another program has open for a moment, where that is in the
// way, is tried again for about two seconds.
func Rename(from, to string) error {
	to, err := Target(to)
	if err != nil {
		return err
	}
	if err := patiently(func() error { return os.Rename(from, to) }, inUse); err != nil {
		return err
	}
	syncDir(filepath.Dir(to))
	return nil
}

// The pauses between tries double, from the first to the last: two seconds in all.
const (
	firstPause = time.Millisecond
	lastPause  = 1024 * firstPause
)

// patiently does f, and does it again while the error is one that may pass.
func patiently(f func() error, passes func(error) bool) error {
	for pause := firstPause; ; pause *= 2 {
		err := f()
		if err == nil || pause > lastPause || !passes(err) {
			return err
		}
		time.Sleep(pause)
	}
}
