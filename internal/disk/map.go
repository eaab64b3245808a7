package disk

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"math"
	"os"
	"unsafe"

	"limbeck/internal/pages"
)

// A Mapping is a read-only view of a whole file. Another program that
// shortens the file meanwhile makes reading the lost pages fatal.
type Mapping struct {
	Data []byte

	// Stamp tells the file, as it was when it was mapped, from others and from
	// what it becomes by a change.
	Stamp string
}

// Map opens path and maps it. An empty file gives empty Data.
func Map(path string) (*Mapping, error) {
	f, info, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size := info.Size()
	if size == 0 {
		return &Mapping{Stamp: stamp(info)}, nil
	}
	if size > math.MaxInt {
		return nil, fmt.Errorf("%s: %d bytes do not fit the address space", path, size)
	}
	data, err := mapFile(f, int(size))
	if err != nil {
		return nil, fmt.Errorf("%s: mapping into memory: %w", path, err)
	}
	pages.Large(data) // reads from the disk then come sooner, and are mapped sooner, now and later
	return &Mapping{data, stamp(info)}, nil
}

// Open opens a regular file, and tells what it is. Others are refused before they are
// opened: a pipe would wait for its writer.
func Open(path string) (*os.File, fs.FileInfo, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("%s is a %s, want a file", path, kindOf(info.Mode()))
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	if info, err = f.Stat(); err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// Close unmaps the file: no slice of Data may be touched after it.
func (m *Mapping) Close() error {
	if len(m.Data) == 0 {
		return nil
	}
	data := m.Data
	m.Data = nil
	return unmap(data)
}

// Digest returns the SHA-256 of Data, in hexadecimal. What it has read is released as it
// goes.
func (m *Mapping) Digest() string {
	const part = 16 << 20
	sum := sha256.New()
	for rest := m.Data; len(rest) > 0; {
		b := rest[:min(part, len(rest))]
		sum.Write(b)
		m.Release(b)
		rest = rest[len(b):]
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// Release tells the system that b, a part of Data, is not needed for now.
// Reading b again is correct, but fetches it from the file. It reports false, and does
// nothing, if b is none.
func (m *Mapping) Release(b []byte) bool {
	if len(b) == 0 || len(m.Data) == 0 {
		return false
	}
	page := uintptr(os.Getpagesize())
	base := uintptr(unsafe.Pointer(&m.Data[0])) // of a page
	lo := uintptr(unsafe.Pointer(&b[0]))
	if lo < base || lo-base+uintptr(len(b)) > uintptr(len(m.Data)) {
		return false
	}
	lo -= base
	hi := lo + uintptr(len(b))
	if lo, hi = (lo+page-1)/page*page, hi/page*page; lo < hi { // the outer pages are shared
		dontNeed(m.Data[lo:hi])
	}
	return true
}
