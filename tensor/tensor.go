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
	out, err := t.Blank(to, importance)
	if err != nil {
		return nil, err
	}
	rows, _ := t.Matrix()
	t.ConvertRows(out, 0, rows, importance)
	return out, nil
}

// Blank returns what [Tensor.ConvertRows] is to fill: a zeroed tensor of t's
// shape in another format, or an error if it cannot hold t.
func (t *Tensor) Blank(to *dtype.Type, importance []float32) (*Tensor, error) {
	_, cols := t.Matrix()
	if to.Encode == nil {
		return nil, fmt.Errorf("tensor %q: format %s can be read but not written", t.Name, to)
	}
	if cols%to.Len != 0 {
		return nil, fmt.Errorf("tensor %q: rows of %d do not fill blocks of %d (%s)", t.Name, cols, to.Len, to)
	}
	if importance != nil && len(importance) != cols {
		return nil, fmt.Errorf("tensor %q: importance of %d columns, want %d", t.Name, len(importance), cols)
	}
	return New(t.Name, to, t.Shape...), nil
}

// ConvertRows writes rows [lo, hi) of t to out, which [Tensor.Blank] made for
// the same importance.
func (t *Tensor) ConvertRows(out *Tensor, lo, hi int, importance []float32) {
	_, cols := t.Matrix()
	row := make([]float32, cols)
	for i := lo; i < hi; i++ {
		t.Type.Decode(row, t.Row(i))
		if importance != nil && out.Type.EncodeWeighted != nil {
			out.Type.EncodeWeighted(out.Row(i), row, importance)
		} else {
			out.Type.Encode(out.Row(i), row)
		}
	}
}
