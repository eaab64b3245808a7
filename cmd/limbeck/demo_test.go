package main

import (
	"os"
	"path/filepath"
	"strings"
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
	recipe := filepath.Join(dir, demoRecipe)
	theirs, err := os.ReadFile(recipe)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{demoRecipe: string(theirs) + "# mine", "test.jsonl": "mine"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if kept, err := unpackDemo(dir); !kept || err != nil {
		t.Errorf("kept %v, %v, want it told that the recipe is another one", kept, err)
	}
	for name, want := range map[string]bool{demoRecipe: true, "test.jsonl": false} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if mine := strings.HasSuffix(string(text), "mine"); err != nil || mine != want {
			t.Errorf("%s: as it was changed: %v, %v", name, mine, err)
		}
	}
}

// What lies in a folder that is none of the demo's is left alone, and named.
func TestUnpackDemoAmongOthers(t *testing.T) {
	for _, recipe := range []string{"", "name: mine\n"} {
		dir := t.TempDir()
		path := filepath.Join(dir, "train.jsonl")
		if err := os.WriteFile(path, []byte("mine"), 0o666); err != nil {
			t.Fatal(err)
		}
		want := 1
		if recipe != "" {
			want++
			if err := os.WriteFile(filepath.Join(dir, demoRecipe), []byte(recipe), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := unpackDemo(dir); err == nil || !strings.HasPrefix(err.Error(), path+" is there") {
			t.Errorf("beside %q: %v, want an error that names %s", recipe, err, path)
		}
		text, err := os.ReadFile(path)
		if entries, _ := os.ReadDir(dir); err != nil || string(text) != "mine" || len(entries) != want {
			t.Errorf("beside %q: %q, %v, %d files, want mine and %d", recipe, text, err, len(entries), want)
		}
	}
}
