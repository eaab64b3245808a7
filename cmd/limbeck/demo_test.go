package main

import (
	"os"
	"path/filepath"
	"testing"
)

// A recipe that was changed is kept, and that is told; changed data are not.
func TestUnpackDemo(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "demo")
	for range 2 {
		if kept, err := unpackDemo(dir); kept || err != nil {
			t.Fatalf("a new folder, or the same again: kept %v, %v", kept, err)
		}
	}
	for _, name := range []string{demoRecipe, "test.jsonl"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("mine"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if kept, err := unpackDemo(dir); !kept || err != nil {
		t.Errorf("kept %v, %v, want it told that the recipe is another one", kept, err)
	}
	for name, want := range map[string]bool{demoRecipe: true, "test.jsonl": false} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if mine := string(text) == "mine"; err != nil || mine != want {
			t.Errorf("%s: as it was changed: %v, %v", name, mine, err)
		}
	}
}
