package disk

import (
	"fmt"
	"io"
)

// Read returns the content of a regular file of at most most bytes. It waits for no
// pipe's writer, and takes no more memory than that of a file that grows.
func Read(path string, most int) ([]byte, error) {
	f, _, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, int64(most)+1))
	if err != nil {
		return nil, err
	}
	if len(b) > most {
		return nil, fmt.Errorf("%s is longer than %d bytes", path, most)
	}
	return b, nil
}
