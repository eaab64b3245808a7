// Package gguf reads GGUF files, versions 2 and 3, from a memory mapping, and
// writes version 3. Everything is little endian.
//
//	SIZE  FIELD
//	   4  magic, "GGUF"
//	   4  version, u32
//	   8  number of tensors, u64
//	   8  number of key-values, u64
//	      key-values: key (string), type of value (u32), value
//	      tensors: name (string), number of dimensions (u32), the dimensions
//	        (u64 each, the contiguous one first), type (u32), offset in the data
//	        section (u64, a multiple of the alignment)
//	      zeros up to the alignment (general.alignment, else 32)
//	      data section: each tensor, then zeros up to the alignment
//
// A string is its length (u64) and its bytes; an array is the type of its
// elements (u32), their number (u64) and the elements.
//
// A file is hostile until shown otherwise: each count and length is held
// against the bytes that are left before anything is allocated for it.
package gguf

import (
	"bytes"
	"fmt"
	"unsafe"

	"limbeck/internal/disk"
	"limbeck/tensor"
)

const (
	magic   = "GGUF"
	version = 3 // written; version 2 has the same layout

	alignmentKey     = "general.alignment"
	defaultAlignment = 32
	minAlignment     = 8       // the specification's; floats may then be viewed in place
	maxAlignment     = 1 << 16 // beyond a page it serves nobody

	maxDims = 4  // ggml's GGML_MAX_DIMS
	maxName = 63 // bytes: ggml's GGML_MAX_NAME less its final zero
)

// Begins tells whether data begins as a GGUF file does.
func Begins(data []byte) bool { return bytes.HasPrefix(data, []byte(magic)) }

// A File is an open GGUF file.
type File struct {
	meta    Meta
	tensors []*tensor.Tensor
	byName  map[string]*tensor.Tensor
	table   []byte        // the header's part that lists the tensors
	bytes   int64         // of the whole file
	mapping *disk.Mapping // nil if parsed from memory
}

// Open maps the file at path and reads its header.
func Open(path string) (*File, error) {
	m, err := disk.Map(path)
	if err != nil {
		return nil, fmt.Errorf("gguf: %w", err)
	}
	f, err := Parse(m.Data, path)
	if err != nil {
		m.Close()
		return nil, err
	}
	f.mapping = m
	return f, nil
}

// Parse reads a file that lies in memory; errors call it name. Tensors are
// slices of data, or of a copy if data is not aligned for floats.
func Parse(data []byte, name string) (*File, error) {
	if len(data) > 0 && uintptr(unsafe.Pointer(&data[0]))%minAlignment != 0 {
		data = append(make([]byte, 0, len(data)), data...) // the allocator aligns
	}
	f, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("gguf: %s: %w", name, err)
	}
	f.bytes = int64(len(data))
	return f, nil
}

// Close unmaps the file: no tensor's Data may be touched after it.
func (f *File) Close() error {
	if f.mapping == nil {
		return nil
	}
	return f.mapping.Close()
}

// Bytes returns the size of the file.
func (f *File) Bytes() int64 { return f.bytes }

// Meta returns a copy of the key-values; arrays are shared with f.
func (f *File) Meta() Meta { return f.meta.clone() }

// Tensors returns the tensors in the order of the file.
func (f *File) Tensors() []*tensor.Tensor { return f.tensors }

// Tensor returns the tensor of that name, or nil.
func (f *File) Tensor(name string) *tensor.Tensor { return f.byName[name] }

// Table returns the part of the header that lists the tensors: names, shapes,
// formats, places. It is not a copy.
func (f *File) Table() []byte { return f.table }

// Stamp tells the file, as it was when it was opened, from others and from what it
// becomes by a change; it is empty for a file that was parsed from memory.
func (f *File) Stamp() string {
	if f.mapping == nil {
		return ""
	}
	return f.mapping.Stamp
}

// Digest returns the SHA-256 of the file, in hexadecimal: as [disk.Digest] does, but of
// what is mapped, whatever lies at its path now. It is empty for a file that was parsed
// from memory.
func (f *File) Digest() string {
	if f.mapping == nil {
		return ""
	}
	return f.mapping.Digest()
}

// Release tells the system that t's bytes are not needed for now, so that they
// no longer count as this process's memory. Reading them again is correct.
func (f *File) Release(t *tensor.Tensor) {
	if f.mapping != nil {
		f.mapping.Release(t.Data)
	}
}
