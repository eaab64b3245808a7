package disk

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What is as long as it may be is read, and one byte more is refused.
func TestRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte("four"), 0o666); err != nil {
		t.Fatal(err)
	}
	if b, err := Read(path, 4); err != nil || string(b) != "four" {
		t.Errorf("%q, %v", b, err)
	}
	if _, err := Read(path, 3); err == nil || !strings.HasSuffix(err.Error(), "f is longer than 3 bytes") {
		t.Errorf("%v, want that it is longer", err)
	}
}
