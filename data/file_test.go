package data

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
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

// Keys of steps depend on the order.
func TestPaths(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a/2.csv", "a/1.csv", "a-b/1.csv", "c[1]"} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, nil, 0o666)); err != nil {
			t.Fatal(err)
		}
	}
	for ref, want := range map[string]string{
		"*/?.csv#train": "a/1.csv a/2.csv a-b/1.csv", "a/*.csv": "a/1.csv a/2.csv", "none.csv": "none.csv", "c[1]": "c[1]", "none*": "",
	} {
		paths, err := Paths(filepath.Join(dir, ref))
		var got []string
		for _, p := range paths {
			rel, _ := filepath.Rel(dir, p)
			got = append(got, filepath.ToSlash(rel))
		}
		if strings.Join(got, " ") != want || (err != nil) != (want == "") {
			t.Errorf("%s: %q, %v, want %q", ref, got, err, want)
		}
	}
}

// What names say of rows and texts is what Read takes them for.
func TestEndings(t *testing.T) {
	for _, end := range append(slices.Clone(endings), ".JSONL", ".TXT", ".raw", "") {
		_, err := Read(strings.NewReader(""), "x"+end, Options{})
		known := !strings.Contains(err.Error(), "is not known")
		if HasRows("x"+end) != (known && !IsText("x"+end, "")) {
			t.Errorf("%q: has rows: %v; Read says %v", end, HasRows("x"+end), err)
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
