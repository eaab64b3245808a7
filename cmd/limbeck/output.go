package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"limbeck/eval/report"
	"limbeck/internal/disk"
	"limbeck/model/gguf"
	"limbeck/model/safetensors"
)

// An output is where a command puts a file, or a model as a folder in Hugging Face's
// layout. What is there and of the same kind is replaced; what is of another kind,
// and what the command reads, only by force.
type output struct {
	name  string // what the command line calls it, as --out
	path  string
	force bool
}

// headSize is how much of a file is read to tell what it is: a line of a log of
// samples, which holds a prompt and a reply.
const headSize = 64 << 10

// A fileKind is what a file is, told by how it begins.
type fileKind struct {
	name   string
	begins func(head []byte) bool
}

var (
	ggufFile   = fileKind{"GGUF file", gguf.Begins}
	reportPage = fileKind{"report of Limbeck's", report.BeginsHTML}
	reportJSON = fileKind{"report of Limbeck's", report.BeginsJSON}
)

// checkFile refuses, before any work, a file that cannot be written or is not to be
// overwritten by one of that kind. inputs are the paths that the command reads; what
// is no path, as the name of a built-in, is none. A file that is not asked for, of
// no path, is not refused.
func (o *output) checkFile(kind fileKind, inputs ...string) error {
	if o.path == "" {
		return nil
	}
	if err := o.checkTarget(); err != nil {
		return err
	}
	info, err := os.Stat(o.path)
	switch {
	case err != nil || o.force: // nothing is there, or it may go
		return nil
	case slices.ContainsFunc(inputs, o.is):
		return usageErrorf("%s %s is what the command reads: --force writes over it", o.name, o.path)
	case info.Size() > 0 && !kind.is(o.path):
		return usageErrorf("%s %s is there and is no %s: --force writes over it", o.name, o.path, kind.name)
	}
	return nil
}

// checkTarget refuses a path at which no file can be made, or where something is that
// is none, as a folder or a device: that is not for force to replace.
func (o *output) checkTarget() error {
	if err := checkParent(o.name, o.path); err != nil {
		return err
	}
	trial, err := disk.Create(o.path)
	var system *fs.PathError
	switch {
	case errors.As(err, &system): // not of how the command was called
		return fmt.Errorf("%s: %w", o.name, err)
	case err != nil:
		return usageErrorf("%s %w", o.name, err)
	}
	trial.Discard()
	if target, err := disk.Target(o.path); err == nil {
		ours := func(name string) bool { return name == filepath.Base(target) }
		_ = disk.Sweep(filepath.Dir(target), ours) // what cannot be removed is in nobody's way
	}
	return nil
}

// checkFolder is checkFile for a folder, which must be new, empty, or a model.
func (o *output) checkFolder(inputs ...string) error {
	if err := checkParent(o.name, filepath.Clean(o.path)); err != nil { // out/ lies beside out
		return err
	}
	info, err := os.Stat(o.path)
	if err != nil {
		return nil
	}
	if !info.IsDir() {
		return usageErrorf("%s %s is a file, want a folder, or a name that ends in .gguf", o.name, o.path)
	}
	_ = safetensors.Sweep(o.path) // what cannot be removed is in nobody's way
	entries, err := os.ReadDir(o.path)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", o.name, err)
	case o.force || len(entries) == 0:
		return nil
	case slices.ContainsFunc(inputs, o.is):
		return usageErrorf("%s %s is what the command reads: --force writes over it", o.name, o.path)
	}
	for _, pattern := range []string{"config.json", "*.safetensors"} {
		fits := func(e fs.DirEntry) bool {
			ok, _ := filepath.Match(pattern, e.Name())
			return ok
		}
		if !slices.ContainsFunc(entries, fits) {
			return usageErrorf("%s %s is there and is no Hugging Face model (no %s): --force writes into it", o.name, o.path, pattern)
		}
	}
	return nil
}

// is tells whether o is the file or folder at a path.
func (o *output) is(path string) bool {
	a, err1 := os.Stat(o.path)
	b, err2 := os.Stat(path)
	return err1 == nil && err2 == nil && os.SameFile(a, b)
}

// is tells whether a file begins as one of the kind does.
func (k fileKind) is(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, headSize)
	n, _ := io.ReadFull(f, head)
	return k.begins(head[:n])
}

// forceDoc explains the flag --force of commands that write a model.
const forceDoc = "write over what is no model, or is what the command reads"

// forceReportDoc is forceDoc for commands that write a report.
const forceReportDoc = "write over what is no report, or is what the command reads"

// forceSamplesDoc is forceDoc for eval's log.
const forceSamplesDoc = "write over what is no log of samples, or is what the command reads"

// checkParent refuses a path in a folder that is not there: an error of the file
// system would not say which of both is missing.
func checkParent(name, path string) error {
	dir := filepath.Dir(path)
	switch info, err := os.Stat(dir); {
	case errors.Is(err, fs.ErrNotExist):
		return usageErrorf("%s %s: there is no folder %s", name, path, dir)
	case err != nil:
		return fmt.Errorf("%s %s: %w", name, path, err)
	case !info.IsDir():
		return usageErrorf("%s %s: %s is no folder", name, path, dir)
	}
	return nil
}
