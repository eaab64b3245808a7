package gguf

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"limbeck/internal/disk"
	"limbeck/tensor"
)

// Write creates or replaces the file at path. It appears whole or not at all.
// The tensors may be of a File mapped from the same path, but not on Windows, which
// replaces no file that is mapped.
func Write(path string, meta *Meta, tensors []*tensor.Tensor) error {
	err := disk.Write(path, func(w io.Writer) error { return WriteTo(w, meta, tensors) })
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

// WriteTo writes a file, version 3, to w: the same arguments give the same
// bytes. A nil meta is an empty one.
func WriteTo(w io.Writer, meta *Meta, tensors []*tensor.Tensor) error {
	return WriteEach(w, meta, tensors, func(w io.Writer, i int) error {
		_, err := w.Write(tensors[i].Data)
		return err
	})
}

// WriteEach is [WriteTo] for tensors that are made as they are written: it asks
// for the bytes of one after the other, by its index, and does not look at their
// Data.
func WriteEach(w io.Writer, meta *Meta, tensors []*tensor.Tensor, data func(w io.Writer, i int) error) error {
	if meta == nil {
		meta = &Meta{}
	}
	align, err := alignment(*meta)
	if err != nil {
		return fmt.Errorf("gguf: %w", err)
	}
	header, err := encodeHeader(meta, tensors, align)
	if err != nil {
		return fmt.Errorf("gguf: %w", err)
	}
	b := &counter{Writer: bufio.NewWriter(w)}
	zeros := make([]byte, align)
	b.Write(header)
	b.Write(zeros[:padding(len(header), align)])
	for i, t := range tensors {
		b.n = 0
		if err := data(b, i); err != nil {
			return err
		}
		if want, _ := check(t); b.n != want { // no error: the header was written
			return fmt.Errorf("gguf: tensor %q: %d bytes, want %d for shape %v in %s", t.Name, b.n, want, t.Shape, t.Type)
		}
		b.Write(zeros[:padding(b.n, align)])
	}
	return b.Flush() // the first error of all writes
}

// FileBytes returns the size of the file that [WriteTo] writes, without looking at
// the tensors' Data.
func FileBytes(meta *Meta, tensors []*tensor.Tensor) (int64, error) {
	if meta == nil {
		meta = &Meta{}
	}
	align, err := alignment(*meta)
	if err != nil {
		return 0, fmt.Errorf("gguf: %w", err)
	}
	header, err := encodeHeader(meta, tensors, align)
	if err != nil {
		return 0, fmt.Errorf("gguf: %w", err)
	}
	sum := int64(len(header) + padding(len(header), align))
	for _, t := range tensors {
		size, _ := check(t) // no error: the header was written
		sum += int64(size + padding(size, align))
	}
	return sum, nil
}

// A counter counts the bytes that it is given.
type counter struct {
	*bufio.Writer
	n int
}

// Write implements [io.Writer].
func (c *counter) Write(p []byte) (int, error) {
	c.n += len(p)
	return c.Writer.Write(p)
}

// padding is the number of zeros after n bytes.
func padding(n, align int) int { return (align - n%align) % align }

func encodeHeader(meta *Meta, tensors []*tensor.Tensor, align int) ([]byte, error) {
	var b bytes.Buffer
	u32 := func(v uint32) { b.Write(binary.LittleEndian.AppendUint32(nil, v)) }
	u64 := func(v uint64) { b.Write(binary.LittleEndian.AppendUint64(nil, v)) }
	b.WriteString(magic)
	u32(version)
	u64(uint64(len(tensors)))
	u64(uint64(len(meta.keys)))
	for _, key := range meta.keys {
		appendString(&b, key)
		if err := appendValue(&b, meta.values[key]); err != nil {
			return nil, fmt.Errorf("key %q: %w", key, err)
		}
	}
	seen := make(map[string]bool, len(tensors))
	var offset uint64
	for _, t := range tensors {
		size, err := check(t)
		if err != nil {
			return nil, fmt.Errorf("tensor %q: %w", t.Name, err)
		}
		if seen[t.Name] {
			return nil, fmt.Errorf("two tensors are named %q", t.Name)
		}
		seen[t.Name] = true
		appendString(&b, t.Name)
		u32(uint32(len(t.Shape)))
		for _, d := range slices.Backward(t.Shape) {
			u64(uint64(d))
		}
		u32(t.Type.GGUF)
		u64(offset)
		offset += uint64(size + padding(size, align))
	}
	return b.Bytes(), nil
}

// check refuses what parse would refuse, and returns the tensor's bytes.
func check(t *tensor.Tensor) (size int, err error) {
	if len(t.Name) > maxName {
		return 0, fmt.Errorf("a name of %d bytes, want at most %d", len(t.Name), maxName)
	}
	if len(t.Shape) < 1 || len(t.Shape) > maxDims {
		return 0, fmt.Errorf("%d dimensions, want 1 to %d", len(t.Shape), maxDims)
	}
	for _, d := range t.Shape {
		if d < 1 {
			return 0, fmt.Errorf("shape %v, want positive dimensions", t.Shape)
		}
	}
	n, err := byteSize(t.Type, t.Shape)
	return int(n), err
}
