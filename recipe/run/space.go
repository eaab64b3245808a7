package run

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"limbeck/internal/machine"
)

// ErrNoFit is returned if the predicted memory or disk is not there.
var ErrNoFit = errors.New("does not fit this machine")

// spare is the disk space that a run leaves free.
const spare = 64 << 20

// Fits tells whether what is to do fits the memory and the disk, where this
// system tells how much there is.
func (f *Folder) Fits(p *Plan) error {
	var all int64
	memory, knowMemory := machine.AvailableMemory()
	for _, s := range p.Steps {
		if s.Done {
			continue
		}
		all += s.Cost.Disk
		if knowMemory && s.Cost.Memory > memory {
			return fmt.Errorf("step %s needs %s of memory, %s are available: it %w", s.Name, Bytes(s.Cost.Memory), Bytes(memory), ErrNoFit)
		}
	}
	free, ok := freeDisk(existing(f.Dir))
	if ok && all > 0 && all+spare > free {
		return fmt.Errorf("the run needs %s on the disk of %s, %s are free: it %w", Bytes(all+spare), f.Dir, Bytes(free), ErrNoFit)
	}
	return nil
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

// Bytes writes a number of bytes for people: 12.3 MB.
func Bytes(n int64) string {
	v, unit := float64(n), "B"
	for _, u := range []string{"kB", "MB", "GB", "TB"} {
		if v < 1000 {
			break
		}
		v, unit = v/1000, u
	}
	if v >= 100 || unit == "B" {
		return fmt.Sprintf("%.0f %s", v, unit)
	}
	return fmt.Sprintf("%.1f %s", v, unit)
}
