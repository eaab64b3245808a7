package main

import (
	"os"
	"path/filepath"
	"testing"
)

// What a recipe names is found from its folder, wherever that is.
func TestFromFolder(t *testing.T) {
	top := t.TempDir()
	here := filepath.Join(top, "here")
	if err := os.Mkdir(here, 0o777); err != nil {
		t.Fatal(err)
	}
	t.Chdir(here)
	away := filepath.Join(top, "a", "b")
	for _, c := range []struct{ dir, path, want string }{
		{".", "log.jsonl", "log.jsonl"},
		{"r", "log.jsonl", "../log.jsonl"},
		{".", "data/*.csv#train", "data/*.csv#train"},
		{"../a", "log.jsonl", "../here/log.jsonl"},
		{away, "log.jsonl", "../../here/log.jsonl"},
		{here, "log.jsonl", "log.jsonl"},
		{".", away, away},
		{away, filepath.Join(away, "t.gguf"), filepath.Join(away, "t.gguf")},
	} {
		if got := fromFolder(c.dir, c.path); got != c.want {
			t.Errorf("%s from %s is %s, want %s", c.path, c.dir, got, c.want)
		}
	}
}
