// Package tensor describes stored arrays: name, shape, number format, bytes. It
// does no arithmetic; see packages kernel and op.
package tensor

import (
	"fmt"

	"limbeck/tensor/dtype"
)

// A Tensor is a row-major array as a model file stores it. The last dimension
// of Shape is contiguous (GGUF lists dimensions in the opposite order).
type Tensor struct {
	Name  string
	Type  *dtype.Type
	Shape []int
	Data  []byte // Type.Bytes(product of Shape); may be a read-only mapping
}

// New returns a zeroed tensor.
func New(name string, t *dtype.Type, shape ...int) *Tensor {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return &Tensor{Name: name, Type: t, Shape: shape, Data: make([]byte, t.Bytes(n))}
}

// FromF32 returns an f32 tensor over v, not a copy.
func FromF32(name string, v []float32, shape ...int) *Tensor {
	return &Tensor{Name: name, Type: dtype.F32, Shape: shape, Data: dtype.FloatBytes(v)}
}

// Matrix returns the product of all dimensions but the last, and the last. A
// vector is one row.
func (t *Tensor) Matrix() (rows, cols int) {
	rows, cols = 1, t.Shape[len(t.Shape)-1]
	for _, d := range t.Shape[:len(t.Shape)-1] {
		rows *= d
	}
	return rows, cols
}

// Row returns the bytes of row i.
func (t *Tensor) Row(i int) []byte {
	_, cols := t.Matrix()
	n := t.Type.Bytes(cols)
	return t.Data[i*n : (i+1)*n]
}

// Decode returns all elements as f32, in a new slice.
func (t *Tensor) Decode() []float32 {
	rows, cols := t.Matrix()
	v := make([]float32, rows*cols)
	t.Type.Decode(v, t.Data)
	return v
}

// Convert returns t in another format: t itself if it has it, else a new
// tensor. importance, which may be nil, weighs the columns.
func (t *Tensor) Convert(to *dtype.Type, importance []float32) (*Tensor, error) {
	if t.Type == to {
		return t, nil
	}
	if err := t.Converts(to, importance); err != nil {
		return nil, err
	}
	out := New(t.Name, to, t.Shape...)
	rows, cols := t.Matrix()
	t.ConvertRows(out.Data, to, 0, rows, importance, make([]float32, cols))
	return out, nil
}

// Converts returns an error if t cannot be stored in another format.
func (t *Tensor) Converts(to *dtype.Type, importance []float32) error {
	_, cols := t.Matrix()
	if to.Encode == nil {
		return fmt.Errorf("tensor %q: format %s can be read but not written", t.Name, to)
	}
	if cols%to.Len != 0 {
		return fmt.Errorf("tensor %q: rows of %d do not fill blocks of %d (%s)", t.Name, cols, to.Len, to)
	}
	if importance != nil && len(importance) != cols {
		return fmt.Errorf("tensor %q: importance of %d columns, want %d", t.Name, len(importance), cols)
	}
	return nil
}

// ConvertRows writes rows [lo, hi) of t to dst in another format, which t
// [Tensor.Converts] to. scratch has room for a row.
func (t *Tensor) ConvertRows(dst []byte, to *dtype.Type, lo, hi int, importance, scratch []float32) {
	_, cols := t.Matrix()
	row, n := scratch[:cols], to.Bytes(cols)
	for i := lo; i < hi; i++ {
		t.Type.Decode(row, t.Row(i))
		if out := dst[(i-lo)*n : (i-lo+1)*n]; importance != nil && to.Weighs() {
			to.EncodeWeighted(out, row, importance)
		} else {
			to.Encode(out, row)
		}
	}
}
