package data

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"limbeck/internal/disk"
)

// ReadText returns a file that is one text, whatever its name. One that is empty or
// not UTF-8 is an error.
func ReadText(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("data: %w", err)
	}
	if len(text) == 0 {
		return "", fmt.Errorf("data: %s is empty", path)
	}
	if err := CheckText(path, text); err != nil {
		return "", fmt.Errorf("data: %w", err)
	}
	return string(text), nil
}

// CheckText returns an error if bytes of that name are no text in UTF-8.
func CheckText(name string, text []byte) error {
	if i := badByte(text); i >= 0 {
		return fmt.Errorf("%s: the byte at offset %d is %#02x, which is not UTF-8; want a text", name, i, text[i])
	}
	return nil
}

// badByte returns the offset of the first byte that is not UTF-8, or -1.
func badByte(b []byte) int {
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
}

// FileDigest returns the SHA-256, in hexadecimal, of the file that a reference
// names, whole, even if only a part of its rows is asked for. Of several files it is
// the digest of their digests, a line each in the order in which they are read.
func FileDigest(ref string) (string, error) {
	paths, _, err := files(ref, Options{})
	if err != nil {
		return "", err
	}
	var sums []string
	for _, path := range paths {
		sum, err := disk.Digest(path, nil)
		if err != nil {
			return "", fmt.Errorf("data: %w", err)
		}
		sums = append(sums, sum)
	}
	if len(sums) == 1 {
		return sums[0], nil
	}
	all := sha256.Sum256([]byte(strings.Join(sums, "\n") + "\n"))
	return hex.EncodeToString(all[:]), nil
}

// files returns the files that a reference names, and o with the part of them.
func files(ref string, o Options) ([]string, Options, error) {
	ref, o = cutPart(ref, o)
	if _, err := os.Stat(ref); err == nil || !strings.ContainsAny(ref, "*?[") {
		return []string{ref}, o, nil
	}
	paths, err := filepath.Glob(ref)
	if err != nil {
		return nil, o, fmt.Errorf("data: pattern %q: %w", ref, err)
	}
	if len(paths) == 0 {
		return nil, o, fmt.Errorf("data: no file matches %q", ref)
	}
	slices.Sort(paths)
	return paths, o, nil
}
