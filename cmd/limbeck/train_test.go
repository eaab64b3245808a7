package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"limbeck/recipe/run"
)

// A new model is not drawn where another process trains one for the same OUT, from a file
// of the same name.
func TestTrainInUse(t *testing.T) {
	dir := t.TempDir()
	out, rows := filepath.Join(dir, "new.gguf"), filepath.Join(dir, "rows.jsonl")
	drawn := out + ".scratch.gguf"
	for path, text := range map[string]string{rows: `{"text": "on", "label": "a"}` + "\n", drawn: "theirs"} {
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	release, err := run.Claim(out + ".work")
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"train", rows, "--scratch", "layers=1,hidden=32,heads=2,vocab=300", "--validation", "0%", "--steps", "1", "--quiet", "--out", out}
	var said, errs bytes.Buffer
	if code := execute(args, strings.NewReader(""), &said, &errs); code != exitFailed || !strings.Contains(errs.String(), "new.gguf.work is in use by process ") {
		t.Errorf("exit code %d, said %s", code, &errs)
	}
	if text, err := os.ReadFile(drawn); err != nil || string(text) != "theirs" {
		t.Errorf("what the other process trains from: %.20q, %v", text, err)
	}
	release()
	if code := execute(args, strings.NewReader(""), &said, &errs); code != exitOK {
		t.Errorf("once it is free: exit code %d, said %s", code, &errs)
	}
	for _, path := range []string{drawn, out + ".work"} {
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s is left", path)
		}
	}
}
