package run

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"limbeck/internal/disk"
)

// Write creates or replaces a file of the output (a slash-separated path) with
// what fill writes: whole or not at all, as [disk.Write] does. The manifest then
// has the digest of what passed through, and the file is not read for it, unless
// it was changed by other means since.
func (w *Work) Write(path string, fill func(w io.Writer) error) error {
	digest, err := writeDigested(filepath.Join(w.Dir, filepath.FromSlash(path)), fill)
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	w.written[path] = digest
	return nil
}

func writeDigested(path string, fill func(w io.Writer) error) (known, error) {
	p, err := disk.Create(path)
	if err != nil {
		return known{}, err
	}
	defer p.Discard()
	sum := sha256.New()
	p.Tee(sum)
	if err := fill(p); err != nil {
		return known{}, err
	}
	if err := p.Commit(); err != nil {
		return known{}, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return known{}, err
	}
	k := stateOf(info)
	k.Digest = hex.EncodeToString(sum.Sum(nil))
	return k, nil
}
