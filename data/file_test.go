package data

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFileDigest(t *testing.T) {
	dir := t.TempDir()
	sum := func(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text))) }
	for name, text := range map[string]string{"a.jsonl": "one", "b.jsonl": "two"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for ref, want := range map[string]string{
		"a.jsonl":      sum("one"),
		"a.jsonl#test": sum("one"), // of the file: that is what sha256sum shows
		"?.jsonl":      sum(sum("one") + "\n" + sum("two") + "\n"),
	} {
		if got, err := FileDigest(filepath.Join(dir, ref)); err != nil || got != want {
			t.Errorf("%s: %s, %v, want %s", ref, got, err, want)
		}
	}
	for _, ref := range []string{"c.jsonl", "?.csv"} {
		if _, err := FileDigest(filepath.Join(dir, ref)); err == nil || !strings.Contains(err.Error(), ref) {
			t.Errorf("%s: %v, want an error that names it", ref, err)
		}
	}
}

func TestReadText(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.bin")
	for text, want := range map[string]string{
		"caf\u00e9\n": "", "": "is empty", "\xe9": "offset 0 is 0xe9", "caf\u00e9 \xc3": "offset 6 is 0xc3",
	} {
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		got, err := ReadText(path)
		if want == "" && (err != nil || got != text) {
			t.Errorf("%q: %q, %v", text, got, err)
		}
		if want != "" && (err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path)) {
			t.Errorf("%q: %v, want an error with %q and the file", text, err, want)
		}
	}
}
