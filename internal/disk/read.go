package disk

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
)

// Read returns the content of a regular file of at most most bytes. It waits for no
// pipe's writer, and takes no more memory than that of a file that grows.
func Read(path string, most int) ([]byte, error) {
	f, _, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := ReadAll(f, most)
	if err == ErrLong {
		err = fmt.Errorf("%s is longer than %d bytes", path, most)
	}
	return b, err
}

// ErrLong is that there is more to read than was asked for at most.
var ErrLong = errors.New("too long")

// ReadAll returns all of r, into one buffer if it is a regular file; [ErrLong] if that
// is more than most bytes.
func ReadAll(r io.Reader, most int) ([]byte, error) {
	var b bytes.Buffer
	if f, ok := r.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			b.Grow(int(min(info.Size(), int64(most))) + bytes.MinRead)
		}
	}
	if _, err := b.ReadFrom(io.LimitReader(r, int64(most)+1)); err != nil {
		return nil, err
	}
	if b.Len() > most {
		return nil, ErrLong
	}
	return b.Bytes(), nil
}
