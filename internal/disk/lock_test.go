package disk

import (
	"os"
	"path/filepath"
	"testing"
)

// A lock keeps others from the lock, not from what the file holds.
func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte("text"), 0o666); err != nil {
		t.Fatal(err)
	}
	lock := func(want bool) *os.File {
		t.Helper()
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		if held, err := Lock(f); held != want || err != nil {
			t.Errorf("held %v, error %v, want held %v", held, err, want)
		}
		return f
	}
	first := lock(false)
	lock(true)
	if text, err := os.ReadFile(path); string(text) != "text" {
		t.Errorf("a locked file reads as %q, error %v", text, err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	lock(false)
}
