package disk

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// A folder that its file system does not sync, as those of /proc, is none the worse. A
// file that is not there is.
func TestSync(t *testing.T) {
	const refuses = "/proc/self"
	d, err := os.Open(refuses)
	if err != nil {
		t.Skip(err)
	}
	defer d.Close()
	if err := d.Sync(); !errors.Is(err, syscall.EINVAL) {
		t.Skipf("syncing %s: %v, want that it is refused", refuses, err)
	}
	if err := Sync(refuses); err != nil {
		t.Error(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := Sync(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v, want that it does not exist", err)
	}
	if err := errors.Join(os.WriteFile(file, []byte("x"), 0o400), Sync(file), Sync(dir)); err != nil {
		t.Error(err)
	}
}
