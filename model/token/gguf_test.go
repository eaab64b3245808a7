package token

import (
	"bufio"
	"encoding/binary"
	"io"
)

// readKeys reads the metadata of a GGUF file, trusting it: tests of this package
// need no more, and it may not import package gguf.
func readKeys(file io.Reader) (kv map[string]any, err error) {
	defer func() {
		if e, ok := recover().(error); ok {
			err = e
		}
	}()
	r := ggufReader{bufio.NewReaderSize(file, 1<<20)}
	r.uint(8) // magic, version
	r.uint(8) // tensors
	kv = map[string]any{}
	for n := r.uint(8); n > 0; n-- {
		key := r.string()
		kv[key] = r.value(r.uint(4))
	}
	return kv, nil
}

type ggufReader struct{ r io.Reader }

func (r ggufReader) uint(size int) uint64 {
	var b [8]byte
	if _, err := io.ReadFull(r.r, b[:size]); err != nil {
		panic(err)
	}
	return binary.LittleEndian.Uint64(b[:])
}

func (r ggufReader) string() string {
	b := make([]byte, r.uint(8))
	if _, err := io.ReadFull(r.r, b); err != nil {
		panic(err)
	}
	return string(b)
}

func (r ggufReader) value(kind uint64) any {
	switch kind {
	case 4:
		return uint32(r.uint(4))
	case 5:
		return int32(r.uint(4))
	case 7:
		return r.uint(1) != 0
	case 8:
		return r.string()
	case 9:
		return r.array(r.uint(4))
	}
	return r.uint([]int{1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8}[kind])
}

func (r ggufReader) array(kind uint64) any {
	n := r.uint(8)
	switch kind {
	case 5:
		out := make([]int32, n)
		for i := range out {
			out[i] = int32(r.uint(4))
		}
		return out
	case 8:
		out := make([]string, n)
		for i := range out {
			out[i] = r.string()
		}
		return out
	}
	for ; n > 0; n-- {
		r.value(kind)
	}
	return nil
}
