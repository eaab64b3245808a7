package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"limbeck/recipe"
)

// A recipe that was changed is kept, and that is told; changed data are not.
func TestUnpackDemo(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "demo")
	for range 2 {
		if kept, err := unpackDemo(dir); kept || err != nil {
			t.Fatalf("a new folder, or the same again: kept %v, %v", kept, err)
		}
	}
	theirs, err := os.ReadFile(filepath.Join(dir, demoRecipe))
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

// Where a training is slow, the demo's is shorter.
func TestSlowDemo(t *testing.T) {
	dir := t.TempDir()
	if _, err := unpackDemo(dir); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, demoRecipe)
	fast, err := recipe.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	slow, err := recipe.Load(path, slowDemo)
	if err != nil {
		t.Fatal(err)
	}
	if f, s := fast.Distill.Epochs, slow.Distill.Epochs; s >= f/2 {
		t.Errorf("%v passes instead of %v, want less than half as many", s, f)
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
