package disk

import (
	"errors"
	"io/fs"
	"os"
	"sync"
)

// errAbandoned is why nothing is written after [Abandon].
var errAbandoned = errors.New("stopped")

// unnamed are the hidden files that have not got their names yet.
var unnamed = struct {
	sync.Mutex
	files     map[*os.File]bool
	abandoned bool
}{files: map[*os.File]bool{}}

// Abandon closes and removes the files that are being written, so that writing fails from
// then on. Those that [CommitAll] is naming it waits for.
// It is for a process that is about to end, and may be called on any goroutine.
func Abandon() {
	unnamed.Lock()
	defer unnamed.Unlock()
	unnamed.abandoned = true
	for f := range unnamed.files {
		f.Close() // Windows removes no file that is open
		os.Remove(f.Name())
	}
}

// enlist has Abandon remove a file, until delist.
func enlist(f *os.File) error {
	unnamed.Lock()
	defer unnamed.Unlock()
	if unnamed.abandoned {
		return &fs.PathError{Op: "create", Path: f.Name(), Err: errAbandoned}
	}
	unnamed.files[f] = true
	return nil
}

func delist(f *os.File) {
	unnamed.Lock()
	defer unnamed.Unlock()
	delete(unnamed.files, f)
}

func abandoned() bool {
	unnamed.Lock()
	defer unnamed.Unlock()
	return unnamed.abandoned
}
