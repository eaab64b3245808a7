package disk

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"
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
		err := WriteBytes(path, want)
		if err != nil {
			t.Fatal(err)
		}
	}
	m, err := Map(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		part []byte
		want bool
	}{{m.Data[5000:700_001], true}, {m.Data[7:9], true}, {[]byte("elsewhere"), false}} {
		if got := m.Release(c.part); got != c.want {
			t.Errorf("Release of %d bytes: %v, want %v", len(c.part), got, c.want)
		}
	}
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

// A file's stamp stays while the file does, and changes with it.
func TestStamp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	stamp := func() string {
		t.Helper()
		m, err := Map(path)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		return m.Stamp
	}
	then := time.Unix(1e9, 5000)
	write := func(text string) {
		t.Helper()
		if err := Write(path, func(w io.Writer) error { _, err := io.WriteString(w, text); return err }); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, then, then); err != nil {
			t.Fatal(err)
		}
	}
	write("old")
	old := stamp()
	if again := stamp(); again != old {
		t.Errorf("%q, then %q of the same file", old, again)
	}
	write("longer")
	if s := stamp(); s == old {
		t.Errorf("%q of a longer file", s)
	}
	write("new") // as long, at the same time
	if s := stamp(); (runtime.GOOS == "linux" || runtime.GOOS == "darwin") && s == old {
		t.Errorf("%q of a file that replaced the first", s)
	}
}

// The files of a private folder can be made private before they are written.
func TestChmod(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	p, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Discard()
	if err := p.Chmod(0o600); err != nil {
		t.Fatal(err)
	}
	if err := p.Commit(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 && runtime.GOOS != "windows" {
		t.Errorf("%v, %v; want a file of mode 600", info, err)
	}
}

// What a killed process was writing is removed; what is being written, and what is
// not asked for or no file of ours, stays.
func TestSweep(t *testing.T) {
	dir := t.TempDir()
	live, err := Create(filepath.Join(dir, "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer live.Discard()
	for _, name := range []string{".f.1.tmp", ".g.2.tmp", ".f.tmp", "f.3.tmp"} {
		// Read-only, as those are that replace such a file.
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o444); err != nil {
			t.Fatal(err)
		}
	}
	if err := Sweep(dir, func(name string) bool { return name == "f" }); err != nil {
		t.Fatal(err)
	}
	if got := names(t, dir); slices.Contains(got, ".f.1.tmp") || len(got) != 4 {
		t.Errorf("left %q, want all but .f.1.tmp", got)
	}
	if err := Sweep(dir, nil); err != nil {
		t.Fatal(err)
	}
	if err := live.Commit(); err != nil {
		t.Error(err)
	}
	if got, want := names(t, dir), []string{".f.tmp", "f", "f.3.tmp"}; !slices.Equal(got, want) {
		t.Errorf("left %q, want %q", got, want)
	}
	if err := Sweep(filepath.Join(dir, "absent"), nil); err == nil {
		t.Error("no error for a folder that does not exist")
	}
}

// Files that are being written are safe from sweeps at any moment.
func TestSweepBesideWriters(t *testing.T) {
	dir := t.TempDir()
	var all sync.WaitGroup
	for w := range 4 {
		all.Go(func() {
			for i := range 100 {
				if err := Sweep(dir, nil); err != nil {
					t.Errorf("sweep: %v", err)
				}
				path := filepath.Join(dir, fmt.Sprintf("%d-%d", w, i%3))
				p, err := Create(path)
				if err != nil {
					t.Error(err)
					continue
				}
				fmt.Fprintf(p, "%d", i)
				if err := p.Commit(); err != nil {
					t.Errorf("file %s: %v", path, err)
				}
			}
		})
	}
	all.Wait()
	if left, err := os.ReadDir(dir); err != nil || len(left) != 12 {
		t.Errorf("%d files, error %v, want 12", len(left), err)
	}
}

// A file that takes another's place is for the same readers.
func TestReplacingKeepsPermissions(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("has other permissions")
	}
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := WriteBytes(path, []byte("new")); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v, want 0600", info.Mode(), err)
	}
}

// What is abandoned leaves no file, and cannot be gone on with; what has its name stays.
func TestAbandon(t *testing.T) {
	defer func() { unnamed.abandoned = false }()
	dir := t.TempDir()
	create := func(name string) (*Pending, error) { return Create(filepath.Join(dir, name)) }
	var begun [3]*Pending
	for i, name := range []string{"named", "dropped", "half"} {
		var err error
		if begun[i], err = create(name); err != nil {
			t.Fatal(err)
		}
	}
	if err := begun[0].Commit(); err != nil {
		t.Fatal(err)
	}
	begun[1].Discard()
	Abandon()
	if err := begun[2].file.Sync(); !errors.Is(err, os.ErrClosed) { // Windows would have kept it
		t.Errorf("the file that was half written: %v, want that it is closed", err)
	}
	if n := names(t, dir); !slices.Equal(n, []string{"named"}) {
		t.Errorf("left behind: %q", n)
	}
	if _, err := begun[2].Write(make([]byte, 2*writeBuffer)); err == nil {
		err = begun[2].Commit()
		if !errors.Is(err, errAbandoned) {
			t.Errorf("the rest of it: %v", err)
		}
	}
	begun[2].Discard()
	if _, err := create("new"); !errors.Is(err, errAbandoned) {
		t.Errorf("a new one: %v", err)
	}
	if n := names(t, dir); !slices.Equal(n, []string{"named"}) || len(unnamed.files) > 0 {
		t.Errorf("left behind: %q, known %v", n, unnamed.files)
	}
}

// Files that belong together are all named or none, whenever they are abandoned.
func TestAbandonTogether(t *testing.T) {
	dir := t.TempDir()
	const n = 20
	name := func(i int) string { return filepath.Join(dir, fmt.Sprintf("%02d", i)) }
	stage := func() (files []*Pending) {
		for i := range n {
			p, err := Create(name(i))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(p.Discard)
			files = append(files, p)
		}
		return files
	}
	defer func() { unnamed.abandoned = false }()
	var ended sync.WaitGroup
	committed := make(chan struct{})
	ended.Go(func() { // a process ends as soon as the first has its name
		for {
			select {
			case <-committed: // with or without it
			case <-time.After(50 * time.Microsecond):
				if _, err := os.Stat(name(0)); err != nil {
					continue
				}
			}
			Abandon()
			if left, err := os.ReadDir(dir); err != nil || len(left) != n || left[0].Name() != "00" {
				t.Errorf("left when abandoned: %v, %v", left, err)
			}
			return
		}
	})
	if err := CommitAll(stage()); err != nil {
		t.Errorf("abandoned after the first was named: %v", err)
	}
	close(committed)
	ended.Wait()

	unnamed.abandoned = false
	for i := range n {
		os.Remove(name(i))
	}
	files := stage()
	Abandon()
	if err := CommitAll(files); !errors.Is(err, errAbandoned) {
		t.Errorf("abandoned before the first was named: %v", err)
	}
	if left := names(t, dir); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}
