package data

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"limbeck/internal/disk"
)

// ReadText returns a file that is one text, whatever its name. One that is empty or
// not UTF-8 is an error.
func ReadText(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("data: %w", err)
	}
	defer f.Close()
	text, err := readBounded(f)
	if err != nil {
		return "", fmt.Errorf("data: %s: %w", path, err)
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
// the digest of their digests, a line each in the order in which they are read. What
// can be read but once, as a pipe, has none: it is "".
func FileDigest(ref string) (string, error) {
	paths, err := Paths(ref)
	if err != nil {
		return "", err
	}
	var sums []string
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
			return "", nil
		}
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

// CheckFiles refuses a reference to what can be read but once, as a pipe: whoever reads
// examples again would find none, or wait for more.
func CheckFiles(ref string) error {
	paths, err := Paths(ref)
	if err != nil {
		return nil // whoever reads the examples says why
	}
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil || info.Mode().IsRegular() || info.IsDir() {
			continue
		}
		if _, err := disk.Read(path, 0); err != nil { // which names what it is
			return fmt.Errorf("data: %w", err)
		}
	}
	return nil
}

// Paths returns the files that a reference names: one, or those that fit a pattern, by
// the names of their folders and then their own. It is the order in which [Load] reads
// them, and the keys of a recipe's steps depend on it.
func Paths(ref string) ([]string, error) {
	path, _ := CutPart(ref)
	if _, err := os.Stat(path); err == nil || !strings.ContainsAny(path, "*?[") {
		return []string{path}, nil
	}
	paths, err := filepath.Glob(path)
	if err != nil {
		return nil, fmt.Errorf("data: pattern %q: %w", path, err)
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("data: no file matches %q", path)
	}
	return paths, nil
}
