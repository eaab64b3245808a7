package disk

import "os"

// writebackEvery is how much of a file may be in memory alone before the disk is
// told to begin with it: much beside the cost of telling it, little beside what
// it writes in a moment.
const writebackEvery = 16 << 20

// An early writer writes a new file from its start. Where the system can, the
// disk begins with what is written while more comes, so that syncing the file
// finds little left to wait for.
type early struct {
	file      *os.File
	path      string // what it will be, for errors
	begun, at int64  // bytes that the disk was told of, and that are written
}

// Write implements [io.Writer].
func (e *early) Write(p []byte) (int, error) {
	n, err := e.file.Write(p)
	e.at += int64(n)
	if e.at-e.begun >= writebackEvery {
		writeback(e.file, e.begun, e.at-e.begun)
		e.begun = e.at
	}
	return n, named(e.path, err)
}
