package disk

import (
	"fmt"
	"math"
	"os"
	"unsafe"
)

// A Mapping is a read-only view of a whole file. Another program that
// shortens the file meanwhile makes reading the lost pages fatal.
type Mapping struct {
	Data []byte
}

// Map opens path and maps it. An empty file gives empty Data.
func Map(path string) (*Mapping, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file", path)
	}
	size := info.Size()
	if size == 0 {
		return &Mapping{}, nil
	}
	if size > math.MaxInt {
		return nil, fmt.Errorf("%s: %d bytes do not fit the address space", path, size)
	}
	data, err := mapFile(f, int(size))
	if err != nil {
		return nil, fmt.Errorf("%s: mapping into memory: %w", path, err)
	}
	return &Mapping{data}, nil
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

// Release tells the system that b, a part of Data, is not needed for now.
// Reading b again is correct, but fetches it from the file.
func (m *Mapping) Release(b []byte) {
	if len(b) == 0 || len(m.Data) == 0 {
		return
	}
	page := uintptr(os.Getpagesize())
	base := uintptr(unsafe.Pointer(&m.Data[0])) // of a page
	lo := uintptr(unsafe.Pointer(&b[0]))
	if lo < base || lo-base > uintptr(len(m.Data)) {
		return
	}
	lo -= base
	hi := lo + uintptr(len(b))
	lo, hi = (lo+page-1)/page*page, hi/page*page // the outer pages are shared with neighbors
	if lo < hi && hi <= uintptr(len(m.Data)) {
		dontNeed(m.Data[lo:hi])
	}
}
