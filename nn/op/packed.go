package op

import (
	"bytes"
	"fmt"
	"math/rand/v2"

	"limbeck/tensor"
	"limbeck/tensor/kernel"
)

// PackedBytes returns the memory that [PackAll] makes of weights, each of which is
// there once.
func PackedBytes(weights []*Weight) int {
	size := 0
	for _, w := range weights {
		size += w.packedBytes()
	}
	return size
}

// SetPacked gives weights the memory that [PackAll] made of the same weights once.
// It is held against them first: of each, one group of rows, another every time,
// is packed anew. On an error all weights are as they were. Otherwise their
// elements in file order are let go, and free, if not nil, is told of them; vectors
// then get memory of their own. mem is only read.
func SetPacked(mem []byte, weights []*Weight, free func(*tensor.Tensor)) error {
	if want := PackedBytes(weights); len(mem) != want {
		return fmt.Errorf("%d bytes of packed weights, want %d", len(mem), want)
	}
	rest := mem
	for _, w := range weights {
		n := w.packedBytes()
		if err := w.checkPacked(rest[:n]); err != nil {
			return err
		}
		rest = rest[n:]
	}
	if free != nil {
		ownVectors(weights)
	}
	for _, w := range weights {
		n := w.packedBytes()
		if w.packs() {
			w.layout, w.packed = w.Fast(), mem[:n:n]
			if t := w.letGo(); free != nil {
				free(t)
			}
		}
		mem = mem[n:]
	}
	return nil
}

// checkPacked packs one group of rows and holds it against packed.
func (w *Weight) checkPacked(packed []byte) error {
	if !w.packs() {
		return nil
	}
	group := rand.IntN(w.groups())
	first := group * kernel.GroupRows
	rows := min(kernel.GroupRows, w.Rows-first)
	want := make([]byte, w.Fast().Bytes(rows, w.Cols))
	w.Fast().Pack(want, w.t.Data[first*w.t.Type.Bytes(w.Cols):], rows, w.Cols, 0, 1)
	if !bytes.Equal(packed[group*len(want):][:len(want)], want) {
		return fmt.Errorf("tensor %q: rows %d to %d are packed otherwise than the model's", w.Name, first, first+rows-1)
	}
	return nil
}
