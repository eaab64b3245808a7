package disk

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// tree writes a folder, and returns it and the digest that it must have.
func tree(t *testing.T) (dir, digest string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "model")
	for _, name := range []string{"b.bin", "a/é.bin", "a.bin", ".hidden", ".git/config"} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, []byte(name), 0o666)); err != nil {
			t.Fatal(err)
		}
	}
	sum := func(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text))) }
	return dir, sum(sum("a/é.bin") + ` "a/é.bin"` + "\n" + sum("a.bin") + ` "a.bin"` + "\n" + sum("b.bin") + ` "b.bin"` + "\n")
}

// Keys of steps depend on these digests.
func TestDigest(t *testing.T) {
	dir, want := tree(t)
	if got, err := Digest(dir, nil); err != nil || got != want {
		t.Errorf("folder: %s, %v, want %s", got, err, want)
	}
	file := filepath.Join(dir, "a.bin")
	if got, err := Digest(file, nil); err != nil || got != fmt.Sprintf("%x", sha256.Sum256([]byte("a.bin"))) {
		t.Errorf("file: %s, %v", got, err)
	}
	known := func(string) (string, error) { return "known", nil }
	if got, err := Digest(file, known); err != nil || got != "known" {
		t.Errorf("of a file that is known: %s, %v", got, err)
	}
	if _, err := Digest(filepath.Join(dir, "none"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("of nothing: %v", err)
	}
}

// A link is what it leads to, but a folder is not that of its folder as well.
func TestDigestOfLinks(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("links need a privilege")
	}
	dir, want := tree(t)
	link := dir + ".link"
	if err := errors.Join(os.Symlink("model", link), os.Rename(filepath.Join(dir, "b.bin"), dir+".b"), os.Symlink("../model.b", filepath.Join(dir, "b.bin"))); err != nil {
		t.Fatal(err)
	}
	if got, err := Digest(link, nil); err != nil || got != want {
		t.Errorf("%s, %v, want %s", got, err, want)
	}
	if got, want := Size(link), Size(dir); got != want || got < int64(len("a/é.bin")) {
		t.Errorf("size %d, want the folder's, %d", got, want)
	}
	if err := os.Symlink("a", filepath.Join(dir, "c")); err != nil {
		t.Fatal(err)
	}
	if _, err := Digest(link, nil); err == nil || !strings.HasSuffix(err.Error(), filepath.Join("model", "c")+" is a folder, want a file") {
		t.Errorf("a link to a folder: %v", err)
	}
}
