//go:build unix

package disk

import (
	"path/filepath"
	"syscall"
	"testing"
)

// A pipe is refused; opening it would wait for a writer.
func TestMapPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o666); err != nil {
		t.Skip(err)
	}
	if _, err := Map(path); err == nil {
		t.Error("a pipe was mapped")
	}
}
