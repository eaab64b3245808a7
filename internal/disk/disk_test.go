package disk

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var n []string
	for _, e := range entries {
		n = append(n, e.Name())
	}
	return n
}

func TestWriteThenMap(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	want := bytes.Repeat([]byte("0123456789"), 100_000) // many pages
	for range 2 {                                       // creates, then replaces
		err := Write(path, func(w io.Writer) error { _, err := w.Write(want); return err })
		if err != nil {
			t.Fatal(err)
		}
	}
	m, err := Map(path)
	if err != nil {
		t.Fatal(err)
	}
	m.Release(m.Data[5000:700_001])
	m.Release(m.Data[7:9])
	m.Release([]byte("elsewhere"))
	if !bytes.Equal(m.Data, want) {
		t.Error("mapped bytes differ from those written")
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if err := m.Close(); err != nil {
		t.Error("second Close:", err)
	}
}

func TestFailedWriteLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	if err := os.WriteFile(path, []byte("old"), 0o666); err != nil {
		t.Fatal(err)
	}
	failure := errors.New("disk full")
	if err := Write(path, func(w io.Writer) error { w.Write([]byte("new")); return failure }); err != failure {
		t.Errorf("got %v, want the callback's error", err)
	}
	func() {
		defer func() { _ = recover() }()
		_ = Write(path, func(w io.Writer) error { panic("boom") })
	}()
	if got, _ := os.ReadFile(path); string(got) != "old" {
		t.Errorf("content is %q, want the old one", got)
	}
	if n := names(t, dir); len(n) != 1 {
		t.Errorf("left behind: %q", n)
	}
}

func TestWriteToImpossiblePlace(t *testing.T) {
	dir := t.TempDir()
	fill := func(w io.Writer) error { return nil }
	if err := Write(filepath.Join(dir, "absent", "f"), fill); err == nil {
		t.Error("no error for a folder that does not exist")
	}
	sub := filepath.Join(dir, "sub")
	if err := os.MkdirAll(filepath.Join(sub, "x"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := Write(sub, fill); err == nil {
		t.Error("no error for replacing a folder")
	}
	if n := names(t, dir); len(n) != 1 {
		t.Errorf("left behind: %q", n)
	}
}

func TestMapEmptyAndFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	m, err := Map(path)
	if err != nil || len(m.Data) != 0 {
		t.Fatalf("empty file: %v, %v", m, err)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if _, err := Map(filepath.Dir(path)); err == nil {
		t.Error("a folder was mapped")
	}
}
