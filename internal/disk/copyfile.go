package disk

import (
	"errors"
	"io"
	"os"
)

// CopyFile makes to a copy of the file from, whole or not at all.
func CopyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	return Write(to, func(w io.Writer) error {
		_, err := copyAhead(w, in)
		return err
	})
}
