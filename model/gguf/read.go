package gguf

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strings"

	"limbeck/tensor"
	"limbeck/tensor/dtype"
)

// The least bytes of a key-value (key's length, type, a byte) and of a tensor's
// entry (name's length, dimensions, type, offset): they bound the counts.
const (
	minPair  = 8 + 4 + 1
	minEntry = 8 + 4 + 8 + 4 + 8
)

const (
	headerSize = 4 + 4 + 8 + 8 // up to the first key-value

	// mostBytes is more than any model's file has: a length beyond it is wrong, and
	// says nothing of what a file lacks.
	mostBytes = 1 << 40
)

// A reader walks data; every read is checked against what is left.
type reader struct {
	data []byte
	off  int
}

func (r *reader) left() int { return len(r.data) - r.off }

// short is the error of a file that has no n bytes more: mostly of a download that was
// broken off.
func (r *reader) short(n uint64) error {
	if n > mostBytes-min(uint64(r.off), mostBytes) {
		return fmt.Errorf("the file is damaged: %d bytes are to follow byte %d, and it has %d; fetch it again", n, r.off, len(r.data))
	}
	return cutShort(len(r.data), uint64(r.off)+n)
}

func cutShort(has int, needs uint64) error {
	return fmt.Errorf("the file is cut short: it has %d bytes and needs at least %d; fetch it again", has, needs)
}

func (r *reader) bytes(n int) ([]byte, error) {
	if n > r.left() {
		return nil, r.short(uint64(n))
	}
	r.off += n
	return r.data[r.off-n : r.off : r.off], nil
}

func (r *reader) uint32() (uint32, error) {
	b, err := r.bytes(4)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint32(b), nil
}

func (r *reader) uint64() (uint64, error) {
	b, err := r.bytes(8)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(b), nil
}

func (r *reader) stringBytes() ([]byte, error) {
	n, err := r.uint64()
	if err != nil {
		return nil, err
	}
	if n > uint64(r.left()) {
		return nil, r.short(n)
	}
	return r.bytes(int(n))
}

func (r *reader) string() (string, error) {
	b, err := r.stringBytes()
	return string(b), err
}

func parse(data []byte) (*File, error) {
	r := &reader{data: data}
	tensors, pairs, err := r.header()
	if err != nil {
		return nil, err
	}
	f := &File{byName: make(map[string]*tensor.Tensor, tensors)}
	for i := range pairs {
		if err := r.pair(&f.meta); err != nil {
			return nil, fmt.Errorf("key-value %d of %d: %w", i+1, pairs, err)
		}
	}
	align, err := alignment(f.meta)
	if err != nil {
		return nil, err
	}
	entries, start := make([]entry, tensors), r.off
	for i := range entries {
		e := &entries[i]
		if err := r.entry(e, align); err != nil {
			return nil, fmt.Errorf("tensor %d of %d: %w", i+1, tensors, err)
		}
		if f.byName[e.Name] != nil {
			return nil, fmt.Errorf("two tensors are named %q", e.Name)
		}
		f.byName[e.Name] = e.Tensor
		f.tensors = append(f.tensors, e.Tensor)
	}
	f.table = data[start:r.off:r.off]
	return f, place(r, entries, align)
}

// header reads up to the first key-value.
func (r *reader) header() (tensors, pairs int, err error) {
	if begins := r.data[:min(len(magic), len(r.data))]; !strings.HasPrefix(magic, string(begins)) {
		return 0, 0, fmt.Errorf("not a GGUF file: starts with %q, want %q", begins, magic)
	}
	if len(r.data) < headerSize {
		return 0, 0, r.short(headerSize)
	}
	r.off = len(magic)
	v, err := r.uint32()
	if err != nil {
		return 0, 0, err
	}
	if v != 2 && v != 3 {
		if swapped := bits.ReverseBytes32(v); swapped == 2 || swapped == 3 {
			return 0, 0, fmt.Errorf("the file is big endian; only little endian is read")
		}
		return 0, 0, fmt.Errorf("version %d is not known; known are: 2, 3", v)
	}
	if tensors, err = r.count("tensors", minEntry); err != nil {
		return 0, 0, err
	}
	pairs, err = r.count("key-values", minPair)
	return tensors, pairs, err
}

// count reads a number of things that take at least size bytes each.
func (r *reader) count(what string, size int) (int, error) {
	n, err := r.uint64()
	if err != nil {
		return 0, err
	}
	if n > uint64(r.left()/size) {
		return 0, fmt.Errorf("%d %s: %w", n, what, r.short(times(n, size)))
	}
	return int(n), nil
}

// times returns n·size, or the largest number if that is less.
func times(n uint64, size int) uint64 {
	hi, lo := bits.Mul64(n, uint64(size))
	if hi != 0 {
		return math.MaxUint64
	}
	return lo
}

func (r *reader) pair(m *Meta) error {
	key, err := r.string()
	if err != nil {
		return fmt.Errorf("key: %w", err)
	}
	if _, ok := m.Get(key); ok {
		return fmt.Errorf("key %q occurs twice", key)
	}
	typ, err := r.uint32()
	if err != nil {
		return fmt.Errorf("key %q: %w", key, err)
	}
	v, err := r.value(typ)
	if err != nil {
		return fmt.Errorf("key %q: %w", key, err)
	}
	m.Set(key, v)
	return nil
}

func alignment(m Meta) (int, error) {
	v, ok := m.Get(alignmentKey)
	if !ok {
		return defaultAlignment, nil
	}
	n, ok := v.(uint32)
	if !ok {
		return 0, mismatch(alignmentKey, v, "a uint32")
	}
	if n < minAlignment || n > maxAlignment || n&(n-1) != 0 {
		return 0, fmt.Errorf("key %q is %d, want a power of two from %d to %d",
			alignmentKey, n, minAlignment, maxAlignment)
	}
	return int(n), nil
}

// An entry is a tensor whose Data is not known yet.
type entry struct {
	*tensor.Tensor
	offset uint64 // in the data section
	size   uint64
}

func (r *reader) entry(e *entry, align int) error {
	name, err := r.string()
	if err != nil {
		return fmt.Errorf("name: %w", err)
	}
	e.Tensor = &tensor.Tensor{Name: name}
	if len(name) > maxName {
		return fmt.Errorf("a name of %d bytes, want at most %d", len(name), maxName)
	}
	if e.Shape, err = r.shape(); err != nil {
		return fmt.Errorf("%q: %w", name, err)
	}
	typ, err := r.uint32()
	if err != nil {
		return fmt.Errorf("%q: %w", name, err)
	}
	if e.Type = dtype.ByGGUF(typ); e.Type == nil {
		return fmt.Errorf("%q: %w", name, unknownType(typ))
	}
	if e.size, err = byteSize(e.Type, e.Shape); err != nil {
		return fmt.Errorf("%q: %w", name, err)
	}
	if e.offset, err = r.uint64(); err != nil {
		return fmt.Errorf("%q: %w", name, err)
	}
	if e.offset%uint64(align) != 0 {
		return fmt.Errorf("%q: offset %d is not a multiple of the alignment, %d", name, e.offset, align)
	}
	return nil
}

// shape reads dimensions and reverses them to row-major order.
func (r *reader) shape() ([]int, error) {
	n, err := r.uint32()
	if err != nil {
		return nil, err
	}
	if n < 1 || n > maxDims {
		return nil, fmt.Errorf("%d dimensions, want 1 to %d", n, maxDims)
	}
	shape := make([]int, n)
	for i := range shape {
		d, err := r.uint64()
		if err != nil {
			return nil, err
		}
		if d < 1 || d > math.MaxInt {
			return nil, fmt.Errorf("dimension %d of %d is %d, want 1 to %d", i+1, n, d, math.MaxInt)
		}
		shape[i] = int(d)
	}
	slices.Reverse(shape)
	return shape, nil
}

// byteSize is Type.Bytes for a shape that may be wrong or overflow.
func byteSize(t *dtype.Type, shape []int) (uint64, error) {
	cols := shape[len(shape)-1]
	if cols%t.Len != 0 {
		return 0, fmt.Errorf("rows of %d do not fill blocks of %d (%s)", cols, t.Len, t)
	}
	size := uint64(t.Size)
	for i, d := range shape {
		if i == len(shape)-1 {
			d /= t.Len
		}
		hi, lo := bits.Mul64(size, uint64(d))
		if hi != 0 || lo > math.MaxInt {
			return 0, fmt.Errorf("shape %v is too large", shape)
		}
		size = lo
	}
	return size, nil
}

// place finds the entries' bytes in the data section, which begins at the next
// multiple of align, and checks that they lie inside and apart.
func place(r *reader, entries []entry, align int) error {
	start := (r.off + align - 1) / align * align
	needs := uint64(len(r.data))
	for _, e := range entries {
		if e.size > mostBytes || e.offset > mostBytes {
			return fmt.Errorf("tensor %q: %d bytes at offset %d of the data section, more than any file has: it is damaged; fetch it again",
				e.Name, e.size, e.offset)
		}
		needs = max(needs, uint64(start)+e.offset+e.size)
	}
	if needs > uint64(len(r.data)) {
		return cutShort(len(r.data), needs)
	}
	section := r.data[min(start, len(r.data)):]
	for _, e := range entries {
		e.Data = section[e.offset : e.offset+e.size : e.offset+e.size]
	}
	slices.SortFunc(entries, func(a, b entry) int {
		if a.offset != b.offset {
			if a.offset < b.offset {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Name, b.Name)
	})
	for i := 1; i < len(entries); i++ {
		if a, b := entries[i-1], entries[i]; b.offset < a.offset+a.size {
			return fmt.Errorf("tensors %q and %q overlap: bytes %d to %d and %d to %d of the data section",
				a.Name, b.Name, a.offset, a.offset+a.size, b.offset, b.offset+b.size)
		}
	}
	return nil
}
