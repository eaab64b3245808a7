package disk

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// LockFolder makes a folder the caller's own, and makes it first if need be: of all who
// ask for the same name in it, one has that file, which is made too. It is locked, as by
// [Lock], until it is closed or [RemoveFolder] is called. held: somebody has it.
func LockFolder(dir, name string) (lock *os.File, held bool, err error) {
	once := func() (err error) {
		lock, held, err = lockFolderOnce(dir, name)
		return err
	}
	goes := func(err error) bool { // for now, as who had the folder is removing it
		return errors.Is(err, errGone) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) || inUse(err)
	}
	err = patiently(once, goes)
	return lock, held, err
}

func lockFolderOnce(dir, name string) (lock *os.File, held bool, err error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, false, err
	}
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, false, err
	}
	if held, err = lockStanding(f); held || err != nil {
		f.Close()
		return nil, held, err
	}
	return f, false, nil
}

// errGone is that a file was removed between its opening and its lock.
var errGone = errors.New("was removed")

// lockStanding is [Lock] of a file that must still be what its name says: with the lock
// of another one, two could believe that they have the folder.
func lockStanding(f *os.File) (held bool, err error) {
	held, err = Lock(f)
	if err == nil && !held && !stands(f) {
		err = errGone
	}
	if err != nil {
		err = &fs.PathError{Op: "lock", Path: f.Name(), Err: err}
	}
	return held, err
}

// RemoveFolder removes the folder of a lock that [LockFolder] gave, with all that is in
// it, and gives up the lock. Nobody else gets the folder before that is gone, and what
// they then put there stays.
func RemoveFolder(lock *os.File) error {
	dir, name := filepath.Split(lock.Name())
	dir = filepath.Clean(dir)
	if info, err := os.Lstat(dir); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		defer lock.Close()
		return os.Remove(dir) // the link alone, as [os.RemoveAll] does
	}
	if err := empty(dir, name); err != nil {
		lock.Close()
		return err
	}
	if err := removeLocked(lock); err != nil {
		return err
	}
	err := os.Remove(dir)
	if errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) || inUse(err) {
		return nil // somebody has come, and may have gone
	}
	return err
}

// empty removes all that is in a folder but the file of a name.
func empty(dir, but string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if e.Name() != but {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	return err
}
