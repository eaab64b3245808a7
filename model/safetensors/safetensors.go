// Package safetensors reads and writes Hugging Face model folders: safetensors
// files, whole or in shards, and config.json. To its callers a folder looks
// like a GGUF file: keys, tensor names and row order are GGUF's.
//
// A safetensors file is little endian:
//
//	OFFSET  SIZE  FIELD
//	     0     8  n, u64, the size of the header
//	     8     n  header, JSON: by a tensor's name its "dtype", "shape" (row
//	              major) and "data_offsets" (begin and end in the data); also
//	              "__metadata__", strings by strings
//	   8+n        data: the tensors, none over another
package safetensors

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strings"

	"limbeck/internal/disk"
	"limbeck/internal/fields"
	"limbeck/tensor"
	"limbeck/tensor/dtype"
)

// maxHeader bounds the header, as the reference implementation does.
const maxHeader = 100_000_000

const metadataKey = "__metadata__"

// A format is one of the two worlds, by its names in safetensors and in PyTorch.
type format struct {
	name, torch string
	typ         *dtype.Type
}

// formats are all that a file may hold here. Safetensors names more.
var formats = []format{{"F32", "float32", dtype.F32}, {"F16", "float16", dtype.F16}, {"BF16", "bfloat16", dtype.BF16}}

// formatNames lists them.
func formatNames() string {
	var names []string
	for _, f := range formats {
		names = append(names, f.name)
	}
	return strings.Join(names, ", ")
}

func formatOf(t *dtype.Type) (format, error) {
	for _, f := range formats {
		if f.typ == t {
			return f, nil
		}
	}
	return format{}, fmt.Errorf("format %s cannot be stored in safetensors; these can: %s", t, formatNames())
}

// Stores reports whether a file can hold tensors of format t.
func Stores(t *dtype.Type) bool {
	_, err := formatOf(t)
	return err == nil
}

// A File is an open safetensors file.
type File struct {
	tensors []*tensor.Tensor
	mapping *disk.Mapping // nil if parsed from memory
}

// Open maps the file at path and reads its header.
func Open(path string) (*File, error) {
	m, err := disk.Map(path)
	if err != nil {
		return nil, fmt.Errorf("safetensors: %w", err)
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
// slices of data, but for an f32 tensor that is not aligned: it is copied.
func Parse(data []byte, name string) (*File, error) {
	tensors, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("safetensors: %s: %w", name, err)
	}
	return &File{tensors: tensors}, nil
}

// Release tells the system that t's bytes are not needed for now, so that they no
// longer count as this process's memory. Reading them again is correct. It reports
// whether t lies in the file.
func (f *File) Release(t *tensor.Tensor) bool { return f.mapping != nil && f.mapping.Release(t.Data) }

// Close unmaps the file: no tensor's Data may be touched after it.
func (f *File) Close() error {
	if f.mapping == nil {
		return nil
	}
	return f.mapping.Close()
}

// Tensors returns the tensors in the order of their data. A scalar has the
// shape [1].
func (f *File) Tensors() []*tensor.Tensor { return f.tensors }

// An entry is what the header says of a tensor.
type entry struct {
	name    string
	DType   string   `json:"dtype"`
	Shape   []int    `json:"shape"`
	Offsets []uint64 `json:"data_offsets"`
}

func parse(data []byte) ([]*tensor.Tensor, error) {
	if len(data) < 8 {
		return nil, fmt.Errorf("%d bytes, want at least 8", len(data))
	}
	n := binary.LittleEndian.Uint64(data)
	if n > maxHeader || n > uint64(len(data)-8) {
		return nil, fmt.Errorf("header of %d bytes, but the file has %d and headers at most %d",
			n, len(data), maxHeader)
	}
	entries, err := parseHeader(data[8 : 8+n])
	if err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	slices.SortStableFunc(entries, func(a, b entry) int { return cmp.Compare(a.Offsets[0], b.Offsets[0]) })
	body, end, last := data[8+n:], uint64(0), entry{}
	var tensors []*tensor.Tensor
	for _, e := range entries {
		t, err := e.tensor(body)
		if err != nil {
			return nil, fmt.Errorf("tensor %q: %w", e.name, err)
		}
		switch {
		case e.Offsets[0] < end:
			return nil, fmt.Errorf("tensors %q and %q overlap: bytes %d to %d and %d to %d of the data",
				last.name, e.name, last.Offsets[0], end, e.Offsets[0], e.Offsets[1])
		case e.Offsets[0] > end:
			return nil, fmt.Errorf("bytes %d to %d, before tensor %q, are no tensor's", end, e.Offsets[0], e.name)
		}
		end, last = e.Offsets[1], e
		tensors = append(tensors, t)
	}
	if end != uint64(len(body)) {
		return nil, fmt.Errorf("the tensors end at byte %d of %d", end, len(body))
	}
	return tensors, nil
}

// parseHeader goes through it member by member: a map would hide a name that occurs twice.
func parseHeader(header []byte) ([]entry, error) {
	members, err := fields.Members(header)
	if err != nil {
		return nil, err
	}
	var entries []entry
	seen := map[string]bool{}
	for name, raw := range members {
		if seen[name] {
			return nil, fmt.Errorf("%q occurs twice, want each name once", name)
		}
		seen[name] = true
		if name == metadataKey {
			var metadata map[string]string
			if err := fields.Read(raw, &metadata); err != nil {
				return nil, fmt.Errorf("%q: %w", name, err)
			}
			continue
		}
		e := entry{name: name}
		if err := fields.Read(raw, &e); err != nil {
			return nil, fmt.Errorf("tensor %q: %w", name, err)
		}
		if len(e.Offsets) != 2 {
			return nil, fmt.Errorf("tensor %q: %d data_offsets, want 2", name, len(e.Offsets))
		}
		entries = append(entries, e)
	}
	return entries, nil
}

func (e *entry) tensor(body []byte) (*tensor.Tensor, error) {
	t := &tensor.Tensor{Name: e.name, Shape: e.Shape}
	for _, f := range formats {
		if f.name == e.DType {
			t.Type = f.typ
		}
	}
	if t.Type == nil {
		return nil, fmt.Errorf("dtype %q is not known; known are: %s", e.DType, formatNames())
	}
	size, err := byteSize(t.Type, e.Shape)
	if err != nil {
		return nil, err
	}
	if len(t.Shape) == 0 {
		t.Shape = []int{1}
	}
	lo, hi := e.Offsets[0], e.Offsets[1]
	if hi > uint64(len(body)) || lo > hi {
		return nil, fmt.Errorf("bytes %d to %d of the data, which has %d", lo, hi, len(body))
	}
	if hi-lo != size {
		return nil, fmt.Errorf("%d bytes, want %d for shape %v in %s", hi-lo, size, e.Shape, e.DType)
	}
	t.Data = body[lo:hi:hi]
	if t.Type == dtype.F32 && !aligned(t.Data) {
		t.Data = append(make([]byte, 0, size), t.Data...) // the allocator aligns
	}
	return t, nil
}

func byteSize(t *dtype.Type, shape []int) (uint64, error) {
	size := uint64(t.Size)
	for _, d := range shape {
		if d < 1 {
			return 0, fmt.Errorf("shape %v, want positive dimensions", shape)
		}
		hi, lo := bits.Mul64(size, uint64(d))
		if hi != 0 || lo > math.MaxInt {
			return 0, fmt.Errorf("shape %v is too large", shape)
		}
		size = lo
	}
	return size, nil
}
