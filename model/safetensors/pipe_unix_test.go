//go:build unix

package safetensors

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A folder with a pipe for a file is refused; opening it would wait for a writer.
func TestOpenFolderPipe(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, configFile), 0o666); err != nil {
		t.Skip(err)
	}
	f, err := OpenFolder(dir)
	if err == nil {
		f.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "config.json is a pipe, want a file") {
		t.Errorf("%v, want that it is a pipe", err)
	}
}
