package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"limbeck/recipe/run"
)

// A comparison into a folder that another process works in stops before it touches
// what that one goes on from.
func TestCompareInUse(t *testing.T) {
	dir := t.TempDir()
	writeModels(t, dir)
	rows, proof := filepath.Join(dir, "rows.jsonl"), filepath.Join(dir, "proof")
	kept := filepath.Join(proof, workFolder, "kept")
	if err := os.WriteFile(rows, []byte(`{"text": "on", "label": "a"}`+"\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	release, err := run.Claim(proof)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(kept, 0o777); err != nil {
		t.Fatal(err)
	}
	args := []string{"compare", filepath.Join(dir, "tiny.gguf"), filepath.Join(dir, "other.gguf"), "--data", rows, "--no-speed", "--out", proof}
	var out, errs bytes.Buffer
	if code := execute(args, strings.NewReader(""), &out, &errs); code != exitFailed || !strings.Contains(errs.String(), "proof is in use by process ") {
		t.Errorf("exit code %d, said %s", code, &errs)
	}
	if _, err := os.Stat(kept); err != nil {
		t.Errorf("what the other process keeps: %v", err)
	}
	release()
	if code := execute(args, strings.NewReader(""), &out, &errs); code != exitOK {
		t.Errorf("once it is free: exit code %d, said %s", code, &errs)
	}
}

// Names are short, and tell models apart.
func TestModelNames(t *testing.T) {
	for refs, want := range map[string]string{
		"a/m.gguf b/n.gguf":        "m n",
		"a/m.gguf b/m.gguf":        "a/m b/m",
		"m.gguf m":                 "m.gguf m",
		"m x/m.gguf":               "m m.gguf",
		"x/m.gguf y/m.gguf y/m":    "x/m y/m.gguf m",
		"m.gguf a/m.gguf":          "m.gguf a/m",
		"builtin:tiny ./tiny.gguf": "builtin:tiny tiny",
		"x/classical.gguf m.gguf":  "classical.gguf m",
	} {
		all := strings.Fields(refs)
		var names []string
		for _, ref := range all {
			names = append(names, modelName(ref, all))
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s: %s, want %s", refs, got, want)
		}
	}
}
