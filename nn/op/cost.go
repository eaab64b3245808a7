package op

import (
	"limbeck/tensor/dtype"
	"limbeck/tensor/kernel"
)

// Arithmetic counts multiplications and additions by the format of their factors:
// one of each is two.
type Arithmetic struct {
	Int8 float64 `json:"int8,omitempty"`
	BF16 float64 `json:"bf16,omitempty"`
	F32  float64 `json:"f32,omitempty"`
}

// Times returns n times a.
func (a Arithmetic) Times(n float64) Arithmetic {
	return Arithmetic{a.Int8 * n, a.BF16 * n, a.F32 * n}
}

// Plus returns the sum of both.
func (a Arithmetic) Plus(b Arithmetic) Arithmetic {
	return Arithmetic{a.Int8 + b.Int8, a.BF16 + b.BF16, a.F32 + b.F32}
}

// All returns the count whatever the factors are.
func (a Arithmetic) All() float64 { return a.Int8 + a.BF16 + a.F32 }

// ReadBytes returns the bytes of w's elements as products read them: packed, if
// the format has a layout for that.
func (w *Weight) ReadBytes() int64 {
	if l := w.Fast(); l != nil {
		return int64(l.Bytes(w.Rows, w.Cols))
	}
	t := w.Type()
	return int64(w.Rows) * int64((w.Cols+t.Len-1)/t.Len) * int64(t.Size)
}

// Arithmetic returns that of w's product, packed, with one row, on a tape that is
// exact or not.
func (w *Weight) Arithmetic(exact bool) Arithmetic {
	n := 2 * float64(w.Rows) * float64(w.Cols)
	switch l := w.Fast(); {
	case l == nil || exact || !l.Rounds():
		return Arithmetic{F32: n}
	case l.Int8():
		return Arithmetic{Int8: n}
	}
	return Arithmetic{BF16: n}
}

// AttentionArithmetic returns that of the attention of one token to one other, or
// to itself, in one layer, with a cache in format t.
func AttentionArithmetic(t *dtype.Type, h Heads) Arithmetic {
	s := shapeKV(t, h.KV, h.Dim)
	return s.arithmetic(h)
}

func (s *kvShape) arithmetic(h Heads) Arithmetic {
	half := 2 * float64(h.Query*h.Dim) // the scores, and as much again for the sums
	switch s.layout.form() {
	case nil:
		return Arithmetic{F32: 2 * half}
	case kernel.Pairs:
		return Arithmetic{BF16: 2 * half}
	}
	return Arithmetic{Int8: half, F32: half}
}

// A Cost is what operations have to do by their shapes, forward. Those on
// activations alone count nothing.
type Cost struct {
	Bytes      float64    `json:"bytes,omitempty"` // of weights and caches, each read once a pass
	Arithmetic Arithmetic `json:"arithmetic,omitzero"`
}

// Plus returns the sum of both.
func (c Cost) Plus(d Cost) Cost { return Cost{c.Bytes + d.Bytes, c.Arithmetic.Plus(d.Arithmetic)} }

// Times returns n times c.
func (c Cost) Times(n float64) Cost { return Cost{n * c.Bytes, c.Arithmetic.Times(n)} }

// A costly node multiplies by weights, or by what a cache holds.
type costly interface {
	// work returns the weights, if there are any, and the cost of the forward pass.
	work() ([]*Weight, Cost)
}
