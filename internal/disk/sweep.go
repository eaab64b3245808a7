package disk

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
)

// unfinished is how [Create] names a file.
var unfinished = regexp.MustCompile(`^\.(.+)\.[0-9]+\.tmp$`)

// Sweep removes from a folder the files that processes were writing when they were
// killed: of tells which names of files to be are meant; nil: all. What a process
// is writing stays.
func Sweep(dir string, of func(name string) bool) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := unfinished.FindStringSubmatch(e.Name())
		if name == nil || !e.Type().IsRegular() || of != nil && !of(name[1]) {
			continue
		}
		if err := removeUnclaimed(filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
