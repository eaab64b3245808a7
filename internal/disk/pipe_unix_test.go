//go:build unix

package disk

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A pipe is refused; opening it would wait for a writer.
func TestPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o666); err != nil {
		t.Skip(err)
	}
	const want = "pipe is a pipe, want a file"
	if _, err := Map(path); err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("Map: %v, want %s", err, want)
	}
	if _, err := Read(path, 1); err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("Read: %v, want %s", err, want)
	}
	if _, err := Digest(path, nil); err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("Digest: %v, want %s", err, want)
	}
}
