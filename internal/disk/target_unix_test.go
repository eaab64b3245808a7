//go:build unix

package disk

import (
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// What is no regular file stays, whether it is named or a link leads to it.
func TestNoRegularFileIsReplaced(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := syscall.Mkfifo(at("pipe"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(at("folder"), 0o777); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir) // a socket's name is short
	socket, err := net.Listen("unix", "socket")
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	for _, name := range []string{"pipe", "folder", "socket", "nowhere"} {
		if err := os.Symlink(name, at("to-"+name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(at("new"), []byte("new"), 0o666); err != nil {
		t.Fatal(err)
	}
	before := names(t, dir)
	for name, want := range map[string]string{
		"pipe": "is a pipe", "to-pipe": "is a pipe", "folder": "is a folder", "to-folder": "is a folder",
		"socket": "is a socket", "to-socket": "is a socket", "to-nowhere": "is a link that leads nowhere",
	} {
		was, err := os.Lstat(at(name))
		if err != nil {
			t.Fatal(err)
		}
		for how, write := range map[string]func(path string) error{
			"Write":  func(path string) error { return Write(path, func(io.Writer) error { return nil }) },
			"Rename": func(path string) error { return Rename(at("new"), path) },
		} {
			if err := write(at(name)); err == nil || !strings.Contains(err.Error(), at(name)+" "+want+", want the name of a file") {
				t.Errorf("%s to %s: %v, want that it %s", how, name, err, want)
			}
		}
		if is, err := os.Lstat(at(name)); err != nil || is.Mode() != was.Mode() {
			t.Errorf("%s is %v now, was %v; %v", name, is, was, err)
		}
	}
	if after := names(t, dir); !slices.Equal(after, before) {
		t.Errorf("left %q, want %q", after, before)
	}
}

// What comes to be a pipe while a file is written is not replaced either.
func TestPipeBeforeCommit(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	p, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Discard()
	if err := syscall.Mkfifo(path, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := p.Commit(); err == nil {
		t.Error("a pipe was replaced")
	}
	if n := names(t, dir); !slices.Equal(n, []string{"f"}) {
		t.Errorf("left %q, want the pipe alone", n)
	}
}

// A link stays a link: the file that it leads to is the one that is replaced, and
// beside that lies what is not finished.
func TestLinkIsFollowed(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"sub/file", "a"} {
		if err := os.MkdirAll(filepath.Dir(at(name)), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at(name), []byte(name), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"link": "chain", "chain": "sub/file"} {
		if err := os.Symlink(to, at(link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, write := range []func() error{
		func() error { return Rename(at("a"), at("link")) },
		func() error {
			return Write(at("link"), func(w io.Writer) error {
				if n := names(t, dir); !slices.Equal(n, []string{"chain", "link", "sub"}) {
					t.Errorf("while it is written, beside the link: %q", n)
				}
				_, err := io.WriteString(w, "a")
				return err
			})
		},
	} {
		if err := write(); err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(at("sub/file")); err != nil || string(text) != "a" {
			t.Errorf("the file holds %q, %v", text, err)
		}
		if info, err := os.Lstat(at("link")); err != nil || info.Mode()&fs.ModeSymlink == 0 {
			t.Errorf("the link is %v, %v", info, err)
		}
	}
}
