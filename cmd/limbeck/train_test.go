package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"limbeck/internal/machine"
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

// A new model of more weights than memory holds is refused before anything is made.
func TestTrainTooLarge(t *testing.T) {
	if _, known := machine.AvailableMemory(); !known {
		t.Skip("this system does not tell how much memory there is")
	}
	dir := t.TempDir()
	out, rows := filepath.Join(dir, "new.gguf"), filepath.Join(dir, "rows.jsonl")
	if err := os.WriteFile(rows, []byte(`{"text": "on", "label": "a"}`+"\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	// The first takes 4 bytes a parameter, and what the collector lets grow; of the second,
	// an int does not hold the bytes.
	for shape, take := range map[string]string{
		"layers=4096,hidden=1048576,heads=4":                 `237789 TB`,
		"layers=4096,hidden=16777216,heads=8,ffn=16777216":   `[0-9]+ TB`,
		"layers=1,hidden=1048576,heads=4,ffn=1048576":        `[0-9.]+ TB`,
		"layers=1,hidden=1048576,heads=4,kv_heads=1,ffn=32k": `[0-9.]+ TB`,
	} {
		args := []string{"train", rows, "--scratch", shape, "--validation", "0%", "--steps", "1", "--quiet", "--out", out}
		var said, errs bytes.Buffer
		code := execute(args, strings.NewReader(""), &said, &errs)
		want := regexp.MustCompile(`^limbeck: --scratch: the weights of .* take at least ` + take + ` of memory, [0-9.]+ [MGT]B are available: they do not fit this machine \(allowed: .*\)\n$`)
		if code != exitFailed || !want.Match(errs.Bytes()) {
			t.Errorf("%s: exit code %d, said %q, want %s", shape, code, &errs, want)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("left %v, %v, want the rows alone", left, err)
	}
}
