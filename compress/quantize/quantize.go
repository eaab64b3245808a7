// Package quantize stores a model's weights in fewer bits: which tensors get
// which format, and how the rounding is chosen; one file a method.
package quantize

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"limbeck/internal/par"
	"limbeck/model"
	"limbeck/model/arch"
	"limbeck/model/gguf"
	"limbeck/nn/op"
	"limbeck/tensor"
	"limbeck/tensor/dtype"
)

// Options say how a model is quantized.
type Options struct {
	Format *dtype.Type

	// Embedding is the format of the embedding table and the output
	// projection, whose rounding costs the most; nil: Q8_0 where Format is
	// smaller, else Format.
	Embedding *dtype.Type

	// Importance weighs the columns of weights by what calibration made of
	// their inputs; nil: round to nearest.
	Importance *Importance
}

// Weighs reports whether the importance changes anything: formats of 8 bits and more are
// rounded to the nearest whatever it says.
func (o *Options) Weighs() bool {
	return o.Importance != nil && (o.Format.Weighs() || o.Embedding.Weighs())
}

// Parse returns the writable format of a name, in any case.
func Parse(name string) (*dtype.Type, error) {
	for _, t := range dtype.Writable() {
		if strings.EqualFold(t.Name, name) {
			return t, nil
		}
	}
	return nil, fmt.Errorf("format %q cannot be written; these can: %s", name, strings.Join(dtype.WritableNames(), ", "))
}

// Write writes m as a GGUF file with its matrices in o's formats. Vectors stay
// f32; so that every file loads elsewhere, rows that a format's blocks do not
// divide are stored as F16. Weights that a format makes infinite are an error. Of the
// file no more is held in memory than the piece that is being converted.
func Write(ctx context.Context, out io.Writer, m *model.Model, o Options, pool *par.Pool) error {
	weights := m.Weights()
	meta, tensors := m.GGUFIn(o.format)
	c := &conversion{scratch: make([][]float32, pool.Threads())}
	return gguf.WriteEach(out, &meta, tensors, func(out io.Writer, i int) error {
		c.from, c.to, c.importance = weights[i].Tensor(), tensors[i].Type, o.Importance.of(weights[i].Name)
		return c.write(ctx, out, pool)
	})
}

// Fallbacks counts the matrices of m that [Write] stores as F16, as their format's
// blocks do not divide their rows.
func (o *Options) Fallbacks(m *model.Model) int {
	n := 0
	for _, w := range m.Weights() {
		if w.Rows > 1 && w.Cols%o.wanted(w).Len != 0 {
			n++
		}
	}
	return n
}

// RoundedAlready returns the format of blocks to which most of the weights of m that change
// theirs are rounded already: rounding them again adds to what that lost. It is nil if
// there are none.
func (o *Options) RoundedAlready(m *model.Model) (most *dtype.Type) {
	n := map[*dtype.Type]int{}
	for _, w := range m.Weights() {
		t := w.Type()
		if to := o.format(w); t.Len == 1 || to.Len == 1 || to == t { // floats keep what blocks hold
			continue
		}
		if n[t] += w.Rows * w.Cols; most == nil || n[t] > n[most] {
			most = t
		}
	}
	return most
}

// format returns the format that w gets.
func (o *Options) format(w *op.Weight) *dtype.Type {
	f := o.wanted(w)
	switch {
	case w.Rows == 1:
		return dtype.F32
	case w.Cols%f.Len != 0:
		return dtype.F16
	}
	return f
}

// wanted returns the format that w gets if it is a matrix of whole blocks.
func (o *Options) wanted(w *op.Weight) *dtype.Type {
	if w.Name != arch.Embedding && w.Name != arch.Output {
		return o.Format
	}
	switch {
	case o.Embedding != nil:
		return o.Embedding
	case o.Format.Size*dtype.Q8_0.Len < dtype.Q8_0.Size*o.Format.Len:
		return dtype.Q8_0
	}
	return o.Format
}

// All threads convert a piece of a tensor, part by part; then it is written. It is
// so long that they hardly wait for each other at its end, and so short that it is
// still in the processor's cache then.
const (
	pieceBytes = 2 << 20 // that are written
	partRows   = 32
)

// A conversion is of the tensor that is being written.
type conversion struct {
	from       *tensor.Tensor
	to         *dtype.Type
	importance []float32

	lo, hi  int         // rows of the piece
	piece   []byte      // they, converted
	scratch [][]float32 // a row, by worker
}

func (c *conversion) write(ctx context.Context, out io.Writer, pool *par.Pool) error {
	if c.from.Type == c.to {
		_, err := out.Write(c.from.Data)
		return err
	}
	if err := c.from.Converts(c.to, c.importance); err != nil {
		return err
	}
	rows, cols := c.from.Matrix()
	size := c.to.Bytes(cols)
	n := max(1, pieceBytes/size)
	for c.lo = 0; c.lo < rows; c.lo = c.hi {
		if err := ctx.Err(); err != nil {
			return err
		}
		c.hi = min(c.lo+n, rows)
		c.piece = slices.Grow(c.piece[:0], (c.hi-c.lo)*size)[:(c.hi-c.lo)*size]
		pool.Run(c, (c.hi-c.lo+partRows-1)/partRows)
		if block := c.to.NotFinite(c.piece); block >= 0 {
			return fmt.Errorf("tensor %q: row %d has weights beyond what %s can hold; f32 and bf16 can hold greater ones",
				c.from.Name, c.lo+block*c.to.Len/cols, c.to)
		}
		if _, err := out.Write(c.piece); err != nil {
			return err
		}
	}
	return nil
}

// Do converts one part of the piece.
func (c *conversion) Do(worker, part int) {
	_, cols := c.from.Matrix()
	if len(c.scratch[worker]) < cols {
		c.scratch[worker] = make([]float32, cols)
	}
	lo := c.lo + part*partRows
	dst := c.piece[(lo-c.lo)*c.to.Bytes(cols):]
	c.from.ConvertRows(dst, c.to, lo, min(lo+partRows, c.hi), c.importance, c.scratch[worker])
}
