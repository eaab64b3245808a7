package gguf

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"

	"limbeck/internal/pages"
)

// The types of values, by their numbers in a file.
const (
	typeUint8 = iota
	typeInt8
	typeUint16
	typeInt16
	typeUint32
	typeInt32
	typeFloat32
	typeBool
	typeString
	typeArray
	typeUint64
	typeInt64
	typeFloat64
	typeCount
)

// A codec reads and writes the values of one type.
type codec struct {
	size  int // of a value; of a string, the least
	read  func(r *reader) (any, error)
	array func(r *reader, n int) (any, error) // n elements are known to fit
}

var codecs = [typeCount]codec{
	typeUint8:   number[uint8](1),
	typeInt8:    number[int8](1),
	typeUint16:  number[uint16](2),
	typeInt16:   number[int16](2),
	typeUint32:  number[uint32](4),
	typeInt32:   number[int32](4),
	typeFloat32: number[float32](4),
	typeBool: {1,
		func(r *reader) (any, error) { return one(readBools(r, 1)) },
		func(r *reader, n int) (any, error) { return readBools(r, n) }},
	typeString: {8,
		func(r *reader) (any, error) { return r.string() },
		func(r *reader, n int) (any, error) { return readStrings(r, n) }},
	typeUint64:  number[uint64](8),
	typeInt64:   number[int64](8),
	typeFloat64: number[float64](8),
}

func number[T any](size int) codec {
	read := func(r *reader, n int) ([]T, error) {
		b, err := r.bytes(n * size)
		if err != nil {
			return nil, err
		}
		v := make([]T, n)
		_, err = binary.Decode(b, binary.LittleEndian, v)
		return v, err
	}
	return codec{size,
		func(r *reader) (any, error) { return one(read(r, 1)) },
		func(r *reader, n int) (any, error) { return read(r, n) }}
}

func one[T any](v []T, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return v[0], nil
}

func readBools(r *reader, n int) ([]bool, error) {
	b, err := r.bytes(n)
	if err != nil {
		return nil, err
	}
	v := make([]bool, n)
	for i, x := range b {
		if x > 1 {
			return nil, fmt.Errorf("a boolean is %d, want 0 or 1", x)
		}
		v[i] = x == 1
	}
	return v, nil
}

// readStrings makes one allocation for all bytes: vocabularies are long.
func readStrings(r *reader, n int) ([]string, error) {
	start, total := r.off, 0
	for range n {
		b, err := r.stringBytes()
		if err != nil {
			return nil, err
		}
		total += len(b)
	}
	r.off = start
	var all strings.Builder
	all.Grow(total)
	v := pages.Make[string](n)
	for i := range v {
		b, _ := r.stringBytes() // walked above
		at := all.Len()
		all.Write(b)
		v[i] = all.String()[at:]
	}
	return v, nil
}

// value reads a value of a type.
func (r *reader) value(typ uint32) (any, error) {
	if typ == typeArray {
		return r.arrayValue()
	}
	if typ >= typeCount {
		return nil, fmt.Errorf("type of value %d is not known; known are: 0 to %d", typ, typeCount-1)
	}
	return codecs[typ].read(r)
}

func (r *reader) arrayValue() (any, error) {
	typ, err := r.uint32()
	if err != nil {
		return nil, err
	}
	n, err := r.uint64()
	if err != nil {
		return nil, err
	}
	switch {
	case typ == typeArray:
		return nil, fmt.Errorf("arrays of arrays are not supported")
	case typ > typeCount-1:
		return nil, fmt.Errorf("type of elements %d is not known; known are: 0 to %d", typ, typeCount-1)
	case n > uint64(r.left()/codecs[typ].size):
		return nil, fmt.Errorf("array of %d elements: %w", n, r.short(times(n, codecs[typ].size)))
	}
	return codecs[typ].array(r, int(n))
}

// appendValue appends v's type and v.
func appendValue(b *bytes.Buffer, v any) error {
	typ, array := typeOf(v)
	if typ < 0 {
		return fmt.Errorf("a value of type %T cannot be written; see gguf.Meta for those that can", v)
	}
	u32, u64 := binary.LittleEndian.AppendUint32, binary.LittleEndian.AppendUint64
	if array >= 0 {
		b.Write(u32(nil, typeArray))
		b.Write(u64(u32(nil, uint32(typ)), uint64(array)))
	} else {
		b.Write(u32(nil, uint32(typ)))
	}
	switch v := v.(type) {
	case string:
		appendString(b, v)
	case []string:
		for _, s := range v {
			appendString(b, s)
		}
	default: // numbers and booleans, alone or in slices
		return binary.Write(b, binary.LittleEndian, v)
	}
	return nil
}

func appendString(b *bytes.Buffer, s string) {
	b.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(s))))
	b.WriteString(s)
}

// typeOf returns the type number of v or of its elements, -1 if it has none,
// and the length of an array, -1 if it is none.
func typeOf(v any) (typ, array int) {
	switch v := v.(type) {
	case uint8:
		return typeUint8, -1
	case int8:
		return typeInt8, -1
	case uint16:
		return typeUint16, -1
	case int16:
		return typeInt16, -1
	case uint32:
		return typeUint32, -1
	case int32:
		return typeInt32, -1
	case float32:
		return typeFloat32, -1
	case bool:
		return typeBool, -1
	case string:
		return typeString, -1
	case uint64:
		return typeUint64, -1
	case int64:
		return typeInt64, -1
	case float64:
		return typeFloat64, -1
	case []uint8:
		return typeUint8, len(v)
	case []int8:
		return typeInt8, len(v)
	case []uint16:
		return typeUint16, len(v)
	case []int16:
		return typeInt16, len(v)
	case []uint32:
		return typeUint32, len(v)
	case []int32:
		return typeInt32, len(v)
	case []float32:
		return typeFloat32, len(v)
	case []bool:
		return typeBool, len(v)
	case []string:
		return typeString, len(v)
	case []uint64:
		return typeUint64, len(v)
	case []int64:
		return typeInt64, len(v)
	case []float64:
		return typeFloat64, len(v)
	}
	return -1, -1
}
