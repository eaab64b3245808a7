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
	files     map[string]bool
	abandoned bool
}{files: map[string]bool{}}

// Abandon removes the files that are being written, and has writing fail from then on.
// Those that [CommitAll] is naming it waits for.
// It is for a process that is about to end, and may be called on any goroutine.
func Abandon() {
	unnamed.Lock()
	defer unnamed.Unlock()
	unnamed.abandoned = true
	for name := range unnamed.files {
		os.Remove(name)
	}
}

// enlist has Abandon remove a file, until delist.
func enlist(name string) error {
	unnamed.Lock()
	defer unnamed.Unlock()
	if unnamed.abandoned {
		return &fs.PathError{Op: "create", Path: name, Err: errAbandoned}
	}
	unnamed.files[name] = true
	return nil
}

func delist(name string) {
	unnamed.Lock()
	defer unnamed.Unlock()
	delete(unnamed.files, name)
}

func abandoned() bool {
	unnamed.Lock()
	defer unnamed.Unlock()
	return unnamed.abandoned
}
