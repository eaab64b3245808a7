package disk

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Digest returns the SHA-256, in hexadecimal, of what a path holds: of a file, that
// of its bytes; of a folder, that of the list of its files, hidden ones left out,
// which has a line of each:
//
//	DIGEST "PATH"
//
// PATH is as Go quotes it, from the folder, with slashes, and lines are in the order
// of [filepath.WalkDir]. Links to files are followed, and so is path itself.
//
// of returns the digest of one file, for those who remember some, and refuses what is no
// regular file, as [Open] does; nil: by reading it.
func Digest(path string, of func(file string) (string, error)) (string, error) {
	if of == nil {
		of = digestFile
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !info.IsDir() {
		return of(path)
	}
	if path, err = followed(path); err != nil {
		return "", err
	}
	list := sha256.New()
	err = filepath.WalkDir(path, func(p string, e fs.DirEntry, err error) error {
		switch hidden := p != path && strings.HasPrefix(e.Name(), "."); {
		case err != nil:
			return err
		case hidden && e.IsDir():
			return filepath.SkipDir
		case hidden || e.IsDir():
			return nil
		}
		digest, err := of(p)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(path, p)
		fmt.Fprintf(list, "%s %q\n", digest, filepath.ToSlash(rel))
		return err
	})
	return hex.EncodeToString(list.Sum(nil)), err
}

func digestFile(path string) (string, error) {
	f, _, err := Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return DigestOf(f)
}

// DigestOf returns the SHA-256, in hexadecimal, of all that is left to read.
func DigestOf(r io.Reader) (string, error) {
	sum := sha256.New()
	_, err := copyAhead(sum, r)
	return hex.EncodeToString(sum.Sum(nil)), err
}
