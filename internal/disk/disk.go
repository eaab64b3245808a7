// Package disk maps, reads and locks regular files, tells what they hold by digests,
// and writes files that appear whole or not at all, and of which nothing stays that a
// process has abandoned. It locks folders, and removes what it has locked. Readers and
// writers of every file format share it.
package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
)

// Write creates or replaces path with what fill writes. The content goes to a
// hidden file beside path, reaches the disk, and takes path's name in one
// step; on an error, or a panic of fill, path is as it was. What is there and is
// no regular file is not replaced; see [Target].
func Write(path string, fill func(w io.Writer) error) error {
	p, err := Create(path)
	if err != nil {
		return err
	}
	defer p.Discard()
	if err := fill(p); err != nil {
		return err
	}
	return p.Commit()
}

// WriteBytes is [Write] of a file that is in memory.
func WriteBytes(path string, content []byte) error {
	return Write(path, func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
}

// A Pending is a file that does not have its name yet: [Pending.Commit] gives
// it, [Pending.Discard] drops the file. It writes while its caller goes on; an
// error shows in a later call, in Commit at the latest.
type Pending struct {
	path   string
	file   *os.File // nil once committed or discarded
	synced bool
	*behind
}

// Create starts a file that will be the [Target] of path, with the permissions of the
// file that it replaces, if there is one. It is hidden and named ".BASE.NUMBER.tmp"
// until then, in that folder, which must exist. What a killed process leaves of it,
// [Sweep] finds.
func Create(path string) (*Pending, error) {
	path, err := Target(path)
	if err != nil {
		return nil, err
	}
	dir, base := filepath.Split(path)
	for range mostTries {
		name := fmt.Sprintf("%s.%s.%d.tmp", dir, base, rand.Uint32())
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if errors.Is(err, os.ErrExist) {
			continue
		}
		if err != nil {
			return nil, named(path, err)
		}
		if !claim(f) || !stands(f) {
			f.Close()
			continue
		}
		err = enlist(f)
		if err == nil {
			err = inherit(f, path)
		}
		if err != nil {
			f.Close()
			delist(f)
			os.Remove(name)
			return nil, named(path, err)
		}
		return &Pending{path: path, file: f, behind: &behind{to: &early{file: f, path: path}}}, nil
	}
	return nil, &fs.PathError{Op: "create", Path: path, Err: errors.New("cannot keep a temporary file beside it: does another program clean this folder, or does its disk not support file locks?")}
}

// mostTries bounds the names that [Create] tries: a sweep can take a file between its
// making and its claim, but not each time.
const mostTries = 100

// inherit gives a file the permissions of the one whose place it will take, if there is
// one. Windows has none to give.
func inherit(f *os.File, path string) error {
	old, err := os.Stat(path)
	if err != nil || runtime.GOOS == "windows" {
		return nil
	}
	return f.Chmod(old.Mode().Perm())
}

// stands reports whether a file is still what its name says: before it was claimed,
// a sweep may have removed it.
func stands(f *os.File) bool {
	there, err := os.Stat(f.Name())
	if err != nil {
		return false
	}
	ours, err := f.Stat()
	return err == nil && os.SameFile(there, ours)
}

// named returns an error about a hidden file as one about what it will be: nobody
// looks for the other. [Abandon] has closed it without its writer's knowing.
func named(path string, err error) error {
	var p *fs.PathError
	if !errors.As(err, &p) {
		return err
	}
	why := p.Err
	if errors.Is(err, os.ErrClosed) && abandoned() {
		why = errAbandoned
	}
	return &fs.PathError{Op: p.Op, Path: path, Err: why}
}

// Chmod changes who may read and write the file.
func (p *Pending) Chmod(mode fs.FileMode) error { return named(p.path, p.file.Chmod(mode)) }

// Tee has w get, too, what is written to the file, all of it by the time that
// Sync or Commit return. It comes before the first byte.
func (p *Pending) Tee(w io.Writer) { p.to = io.MultiWriter(p.to, w) }

// Commit flushes the file to the disk and renames it. On an error it is
// discarded.
func (p *Pending) Commit() error {
	defer p.Discard()
	return CommitAll([]*Pending{p})
}

// CommitAll flushes files to the disk and renames them, in order. It is for files that
// belong together: [Abandon] comes before the first has its name, or waits until the
// last has. On an error, those that have none are left to be discarded.
func CommitAll(files []*Pending) error {
	for _, p := range files {
		if err := p.Sync(); err != nil {
			return err
		}
	}
	unnamed.Lock()
	defer unnamed.Unlock()
	for _, p := range files {
		if unnamed.abandoned {
			return &fs.PathError{Op: "rename", Path: p.path, Err: errAbandoned}
		}
		if err := Rename(p.file.Name(), p.path); err != nil {
			return err
		}
		p.file.Close()
		delete(unnamed.files, p.file)
		p.file = nil
	}
	return nil
}

// Sync flushes what was written to the disk, so that Commit has only the renaming
// left. Writing after it fails.
func (p *Pending) Sync() error {
	if p.synced {
		return nil
	}
	if err := p.Flush(); err != nil {
		return err
	}
	p.end()
	if err := p.file.Sync(); err != nil {
		return named(p.path, err)
	}
	p.synced = true
	if renamesOpen { // a file that is open is claimed
		return nil
	}
	return p.file.Close()
}

// Discard removes a file that was not committed; else it does nothing.
func (p *Pending) Discard() {
	if p.file == nil {
		return
	}
	p.end()
	p.file.Close()
	os.Remove(p.file.Name())
	delist(p.file)
	p.file = nil
}

// Size returns the bytes of a file, or of a folder's files, for display: what
// cannot be read is not counted. Links to files are followed, and so is path itself.
func Size(path string) int64 {
	path, err := followed(path)
	if err != nil {
		return 0
	}
	var sum int64
	_ = filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil
		}
		if info, err := os.Stat(p); err == nil {
			sum += info.Size()
		}
		return nil
	})
	return sum
}
