//go:build unix

package data

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// What examples are read from more than once is no pipe, whose writer would be waited for.
func TestPipesAreRefused(t *testing.T) {
	dir := t.TempDir()
	path, file := filepath.Join(dir, "b.jsonl"), filepath.Join(dir, "a.jsonl")
	if err := syscall.Mkfifo(path, 0o666); err != nil {
		t.Skip(err)
	}
	if err := os.WriteFile(file, []byte(`{"text": "x"}`), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, ref := range []string{path, path + "#train", filepath.Join(dir, "*.jsonl")} {
		if err := CheckFiles(ref); err == nil || !strings.HasSuffix(err.Error(), path+" is a pipe, want a file") {
			t.Errorf("%s: %v, want that it is a pipe", ref, err)
		}
		if got, err := Find(ref, ""); err != nil || got != (Files{Train: ref}) {
			t.Errorf("%s: found %+v, %v", ref, got, err)
		}
	}
	for _, ref := range []string{file, file + "#train", dir, filepath.Join(dir, "none.jsonl"), filepath.Join(dir, "none*")} {
		if err := CheckFiles(ref); err != nil {
			t.Errorf("%s: %v", ref, err)
		}
	}
}
