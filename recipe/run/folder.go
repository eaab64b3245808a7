package run

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"limbeck/internal/disk"
)

// A Folder is a run's folder.
type Folder struct {
	Dir     string
	Machine string // the class of machine: steps that are not portable depend on it

	digests *digester
	held    *os.File
}

const (
	inUseFile = "in-use"
	stepsDir  = "steps"
	logsDir   = "logs"
	temporary = ".tmp"
	trash     = ".trash-"

	// Inside the folder of a step that is under way.
	outDir        = "out"
	checkpointDir = "checkpoint"
	keyFile       = "key"
)

// Open returns the run's folder at dir, which need not exist yet. Nothing is
// written before [Folder.Lock].
func Open(dir, machine string) *Folder {
	return &Folder{Dir: dir, Machine: machine, digests: newDigester(dir)}
}

// Lock makes the folder this process's own until Unlock or Remove, and creates it first
// if need be. It is an error if another process has it.
func (f *Folder) Lock() (err error) {
	if f.held, err = claim(f.Dir); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(f.Dir, stepsDir), 0o777); err != nil {
		f.Unlock()
		return fmt.Errorf("run: %w", err)
	}
	return nil
}

// Claim makes a folder this process's own until release, as [Folder.Lock] does a
// run's, and creates it first if need be. It is an error if another process has it.
func Claim(dir string) (release func(), err error) {
	f := &Folder{Dir: dir}
	f.held, err = claim(dir)
	return f.Unlock, err
}

// claim returns the file that stays locked as long as it is open; nil with an error.
func claim(dir string) (*os.File, error) {
	file, held, err := disk.LockFolder(dir, inUseFile)
	if held {
		return nil, fmt.Errorf("run: folder %s is in use%s", dir, holder(filepath.Join(dir, inUseFile)))
	}
	if err != nil {
		return nil, fmt.Errorf("run: %w", err)
	}
	// The number is for people; the lock itself is the operating system's.
	if err = file.Truncate(0); err == nil {
		_, err = file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// holder names the process that holds the lock, if it says so.
func holder(path string) string {
	text, err := os.ReadFile(path)
	pid, numErr := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || numErr != nil {
		return ""
	}
	return fmt.Sprintf(" by process %d", pid)
}

// Unlock gives the folder back. The file that is locked stays.
func (f *Folder) Unlock() {
	if f.held != nil {
		f.held.Close() // which releases the lock
		f.held = nil
	}
}

// Remove removes the folder, which is locked, with all that it holds, and gives it back.
// No other process gets it before all that is gone.
func (f *Folder) Remove() error {
	held := f.held
	f.held = nil
	return disk.RemoveFolder(held)
}

// StepDir returns where the output of a step with that key is, or will be.
func (f *Folder) StepDir(kind, key string) string {
	return filepath.Join(f.Dir, stepsDir, folderName(kind, key))
}

func (f *Folder) tempDir(kind, key string) string { return f.StepDir(kind, key) + temporary }

// abandoned is how long an interrupted step that the recipe no longer asks for
// keeps its checkpoint: whoever tries another setting may come back to it.
const abandoned = 7 * 24 * time.Hour

var ours = regexp.MustCompile(`^[a-z][a-z0-9-]*-[0-9a-f]{12}\.tmp$`)

// sweep removes what interrupted runs left: half-removed folders, temporary
// folders of steps that are done, and those of steps that the plan does not
// have, once they are old. Nothing that does not look like ours is touched.
func (f *Folder) sweep(p *Plan) error {
	written := map[string]bool{digestsFile: true, LineageFile: true}
	wanted := map[string]bool{} // temporary folder → its step is still to do
	for _, s := range p.Steps {
		for _, name := range s.Exports {
			written[name] = true
		}
		wanted[filepath.Base(f.tempDir(s.Kind, s.Key))] = !s.Done
	}
	if err := disk.Sweep(f.Dir, func(name string) bool { return written[name] }); err != nil {
		return fmt.Errorf("run: %w", err)
	}
	dir := filepath.Join(f.Dir, stepsDir)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("run: %w", err)
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		switch toDo, known := wanted[e.Name()]; {
		case strings.HasPrefix(e.Name(), trash) && e.IsDir():
		case !ours.MatchString(e.Name()) || !e.IsDir() || known && toDo:
			continue
		case !known && !old(path):
			continue
		}
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("run: removing what an interrupted run left: %w", err)
		}
	}
	return nil
}

// old tells whether nothing in a temporary folder has changed for long.
func old(dir string) bool {
	for _, part := range []string{"", outDir, checkpointDir} {
		info, err := os.Stat(filepath.Join(dir, part))
		if err == nil && time.Since(info.ModTime()) < abandoned {
			return false
		}
	}
	return true
}

// discard removes a finished output so that it is never seen in part.
func (f *Folder) discard(dir string) error {
	if _, err := os.Lstat(dir); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	away := filepath.Join(filepath.Dir(dir), trash+filepath.Base(dir))
	if err := os.RemoveAll(away); err != nil {
		return err
	}
	if err := disk.Rename(dir, away); err != nil {
		return err
	}
	return os.RemoveAll(away)
}
