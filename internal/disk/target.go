package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Target returns the path of the file that writing to path makes or replaces: path
// itself, or where it leads as a symbolic link, which thus stays one. Writing ends
// with a rename, which would put a file in the place of whatever is there. So what
// is there must be a regular file: a folder, a device, a pipe or a socket is an
// error, and so is a link that leads nowhere.
func Target(path string) (string, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(path); err == nil {
			return "", fmt.Errorf("%s is a link that leads nowhere, want the name of a file", path)
		}
		return path, nil
	}
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is a %s, want the name of a file", path, kindOf(info.Mode()))
	}
	return followed(path)
}

// followed returns where a path leads that is a symbolic link, which a walk does not
// follow; any other is returned as it is.
func followed(path string) (string, error) {
	here, err := os.Lstat(path)
	if err != nil || here.Mode()&fs.ModeSymlink == 0 {
		return path, err
	}
	return filepath.EvalSymlinks(path)
}

// kindOf names what is no regular file.
func kindOf(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "folder"
	case mode&fs.ModeDevice != 0:
		return "device"
	case mode&fs.ModeNamedPipe != 0:
		return "pipe"
	case mode&fs.ModeSocket != 0:
		return "socket"
	}
	return "special file"
}
