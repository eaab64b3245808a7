package run

import (
	"fmt"
	"os"
	"path/filepath"

	"limbeck/internal/disk"
	"limbeck/internal/machine"
	"limbeck/internal/typeset"
)

// A NoFit is the error of a need, as predicted, that is more than there is.
type NoFit struct {
	Step       string // what needs so much memory; "": the run lacks disk
	Dir        string // on the disk of which it lacks
	Need, Free int64  // bytes
	Spare      int64  // bytes of the disk that are to stay free beside Need
}

// Lacking returns the bytes that are missing.
func (e *NoFit) Lacking() int64 { return e.Need + e.Spare - e.Free }

func (e *NoFit) Error() string {
	if e.Step != "" {
		return fmt.Sprintf("step %s needs %s of memory, %s are available: it does not fit this machine", e.Step, typeset.Bytes(e.Need), typeset.Bytes(e.Free))
	}
	return fmt.Sprintf("the run takes %s on the disk of %s and is to leave %s free, but %s are: it does not fit",
		typeset.Bytes(e.Need), e.Dir, typeset.Bytes(e.Spare), typeset.Bytes(e.Free))
}

// mostSpare is the most disk space that a run leaves free, for what is not predicted and
// for other programs. A run that takes less leaves as much as it takes: a small one need
// not find a disk many times its size.
const mostSpare = 64 << 20

// Fits tells whether what is to do fits the memory and the disk, where this
// system tells how much there is. The error is a [NoFit].
func (f *Folder) Fits(p *Plan) error {
	memory, ok := machine.AvailableMemory()
	for _, s := range p.Steps {
		if ok && !s.Done && s.Cost.Memory > memory {
			return &NoFit{Step: s.Name, Need: s.Cost.Memory, Free: memory}
		}
	}
	need := f.toWrite(p)
	free, ok := freeDisk(existing(f.Dir))
	if !ok {
		return nil
	}
	return fitsDisk(f.Dir, need, free)
}

// fitsDisk checks need bytes of dir's disk, which has some free.
func fitsDisk(dir string, need, free int64) error {
	if spare := min(mostSpare, need); need > 0 && need > free-spare {
		return &NoFit{Dir: dir, Need: need, Spare: spare, Free: free}
	}
	return nil
}

// toWrite returns the bytes that the steps to do will take of the disk, at most at one
// time, beside what interrupted attempts hold already: these go on from it, or remove it.
func (f *Folder) toWrite(p *Plan) int64 {
	var all Cost
	for _, s := range p.Steps {
		if c := s.Cost; !s.Done && c.Disk > 0 {
			c.Disk -= disk.Size(f.tempDir(s.Kind, s.Key))
			all = all.Then(c)
		}
	}
	return all.Disk
}

// existing returns dir, or the nearest folder above it that exists.
func existing(dir string) string {
	for {
		if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}
