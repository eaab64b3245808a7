package run

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// The manifest says of each file what is in it, whether its digest was taken as it
// was written, or it was changed, replaced, or renamed after that.
func TestWrittenDigests(t *testing.T) {
	text := bytes.Repeat([]byte("a line of text\n"), 200_000) // several buffers
	fill := func(out io.Writer) error { _, err := out.Write(text); return err }
	s := &Step{Kind: "x", Name: "x", Run: func(ctx context.Context, w *Work) error {
		at := func(name string) string { return filepath.Join(w.Dir, filepath.FromSlash(name)) }
		err := os.Mkdir(at("sub"), 0o777)
		for _, name := range []string{"kept", "sub/kept", "twice", "renamed", "replaced", "longer"} {
			err = errors.Join(err, w.Write(name, fill))
		}
		return errors.Join(err,
			w.Write("empty", func(io.Writer) error { return nil }),
			w.Write("twice", func(out io.Writer) error { _, err := io.WriteString(out, "other"); return err }),
			os.Rename(at("renamed"), at("new")),
			os.Remove(at("replaced")), os.WriteFile(at("replaced"), []byte("by other means"), 0o666),
			os.WriteFile(at("longer"), append(text, '\n'), 0o666))
	}}
	dir := t.TempDir()
	p := mustMake(t, dir, []*Step{s}, options)
	if n := len(p.Steps[0].output.Files); n != 7 {
		t.Errorf("%d files, want 7", n)
	}
	for _, f := range p.Steps[0].output.Files {
		content, err := os.ReadFile(filepath.Join(Open(dir, "test").StepDir("x", p.Steps[0].Key), filepath.FromSlash(f.Path)))
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(content); f.Size != int64(len(content)) || f.Digest != hex.EncodeToString(sum[:]) {
			t.Errorf("%s: %d bytes with digest %s, want %d with %x", f.Path, f.Size, f.Digest, len(content), sum)
		}
	}
	if p := mustPlan(t, dir, []*Step{s}); !p.Steps[0].Done {
		t.Errorf("planned again: %s", p.Steps[0].Why)
	}
}

// A digest that was taken on the way is not taken again.
func TestWrittenIsNotRead(t *testing.T) {
	s := &Step{Kind: "x", Name: "x", Run: func(ctx context.Context, w *Work) error {
		err := w.Write("f", func(out io.Writer) error { _, err := io.WriteString(out, "text"); return err })
		k := w.written["f"]
		k.Digest = "taken on the way"
		w.written["f"] = k
		return err
	}}
	p := mustMake(t, t.TempDir(), []*Step{s}, options)
	if f := p.Steps[0].output.Files[0]; f.Digest != "taken on the way" {
		t.Errorf("%s has digest %s", f.Path, f.Digest)
	}
}

// A write that fails names the file, and leaves what was there.
func TestFailedWrite(t *testing.T) {
	w := NewWork(t.TempDir(), "", nil, nil, io.Discard)
	failure := errors.New("no such weights")
	err := w.Write("f", func(out io.Writer) error { _, _ = out.Write(make([]byte, 5<<20)); return failure })
	if !errors.Is(err, failure) || err.Error() != "writing f: no such weights" {
		t.Errorf("got %v", err)
	}
	func() {
		defer func() { _ = recover() }()
		_ = w.Write("f", func(out io.Writer) error { _, _ = out.Write(make([]byte, 5<<20)); panic("boom") })
	}()
	if left, err := os.ReadDir(w.Dir); err != nil || len(left) > 0 || len(w.written) > 0 {
		t.Errorf("left %v, %v, %v", left, w.written, err)
	}
}
