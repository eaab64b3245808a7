package disk

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
)

// One at a time has a folder that each removes as it leaves, and finds there what it
// made itself.
func TestLockFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sub", "work")
	var inside atomic.Int32
	once := func() (had bool) {
		lock, held, err := LockFolder(dir, "in-use")
		if held || err != nil {
			if err != nil {
				t.Error(err)
			}
			return !held
		}
		if n := inside.Add(1); n != 1 {
			t.Errorf("%d have the folder", n)
		}
		if err := os.MkdirAll(filepath.Join(dir, "mine", "deep"), 0o777); err != nil {
			t.Error(err)
		}
		if n := names(t, dir); !slices.Equal(n, []string{"in-use", "mine"}) {
			t.Errorf("the folder holds %q", n)
		}
		inside.Add(-1)
		if err := RemoveFolder(lock); err != nil {
			t.Error(err)
		}
		return true
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for had := 0; had < 20 && !t.Failed(); {
				if once() {
					had++
				}
			}
		})
	}
	all.Wait()
	if n := names(t, filepath.Dir(dir)); len(n) > 0 {
		t.Errorf("left behind: %q", n)
	}
}

// Who opened the file while another had the folder, and locks it when that one is gone,
// has not got the folder if the file went too.
func TestLateLock(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "work")
	lock := func() *os.File {
		t.Helper()
		f, held, err := LockFolder(dir, "in-use")
		if held || err != nil {
			t.Fatalf("held %v, error %v", held, err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	first := lock()
	late, err := os.OpenFile(first.Name(), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer late.Close()
	if held, err := lockStanding(late); !held || err != nil {
		t.Errorf("while another has it: held %v, error %v", held, err)
	}
	if err := RemoveFolder(first); err != nil {
		t.Fatal(err)
	}
	switch held, err := lockStanding(late); {
	case runtime.GOOS == "windows": // where the file stays for whoever has it open
		if held || err != nil {
			t.Errorf("late: held %v, error %v", held, err)
		}
		late.Close()
	case held || !errors.Is(err, errGone):
		t.Errorf("late: held %v, error %v, want that the file is gone", held, err)
	}
	second := lock()
	if !stands(second) {
		t.Error("the second has the lock of a file that is gone")
	}
	if _, held, err := LockFolder(dir, "in-use"); !held || err != nil {
		t.Errorf("beside the second: held %v, error %v", held, err)
	}
}

// Of a folder that a link leads to, the link goes, and what it leads to stays.
func TestRemoveLinkedFolder(t *testing.T) {
	dir := t.TempDir()
	folder, link := filepath.Join(dir, "folder"), filepath.Join(dir, "link")
	if err := os.MkdirAll(filepath.Join(folder, "theirs"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("folder", link); err != nil {
		t.Skip(err)
	}
	lock, held, err := LockFolder(link, "in-use")
	if held || err != nil {
		t.Fatalf("held %v, error %v", held, err)
	}
	if err := RemoveFolder(lock); err != nil {
		t.Error(err)
	}
	if n := names(t, dir); !slices.Equal(n, []string{"folder"}) {
		t.Errorf("left %q, want the folder alone", n)
	}
	if n := names(t, folder); !slices.Contains(n, "theirs") {
		t.Errorf("the folder holds %q", n)
	}
}
