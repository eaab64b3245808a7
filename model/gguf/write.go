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
// The tensors may be of a File mapped from the same path.
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
	b := bufio.NewWriter(w)
	zeros := make([]byte, align)
	b.Write(header)
	b.Write(zeros[:padding(len(header), align)])
	for _, t := range tensors {
		b.Write(t.Data)
		b.Write(zeros[:padding(len(t.Data), align)])
	}
	return b.Flush() // the first error of all writes
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
		if err := check(t); err != nil {
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
		offset += uint64(len(t.Data) + padding(len(t.Data), align))
	}
	return b.Bytes(), nil
}

// check refuses what parse would refuse.
func check(t *tensor.Tensor) error {
	if len(t.Name) > maxName {
		return fmt.Errorf("a name of %d bytes, want at most %d", len(t.Name), maxName)
	}
	if len(t.Shape) < 1 || len(t.Shape) > maxDims {
		return fmt.Errorf("%d dimensions, want 1 to %d", len(t.Shape), maxDims)
	}
	for _, d := range t.Shape {
		if d < 1 {
			return fmt.Errorf("shape %v, want positive dimensions", t.Shape)
		}
	}
	size, err := byteSize(t.Type, t.Shape)
	if err != nil {
		return err
	}
	if uint64(len(t.Data)) != size {
		return fmt.Errorf("%d bytes, want %d for shape %v in %s", len(t.Data), size, t.Shape, t.Type)
	}
	return nil
}
