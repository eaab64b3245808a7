// Package quantize stores a model's weights in fewer bits: which tensors get
// which format, and how the rounding is chosen; one file a method.
package quantize

import (
	"fmt"
	"strings"

	"limbeck/internal/par"
	"limbeck/model"
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

// Writable returns the formats that models can be quantized to.
func Writable() []*dtype.Type {
	var out []*dtype.Type
	for _, t := range dtype.All() {
		if t.Encode != nil {
			out = append(out, t)
		}
	}
	return out
}

// Parse returns the writable format of a name, in any case.
func Parse(name string) (*dtype.Type, error) {
	var names []string
	for _, t := range Writable() {
		if strings.EqualFold(t.Name, name) {
			return t, nil
		}
		names = append(names, t.Name)
	}
	return nil, fmt.Errorf("format %q cannot be written; these can: %s", name, strings.Join(names, ", "))
}

// Apply returns m with its matrices in o's formats. Vectors stay f32; so that
// every file loads elsewhere, rows that a format's blocks do not divide are
// stored as F16.
func Apply(m *model.Model, o Options, pool *par.Pool) (*model.Model, error) {
	src := converted{}
	for _, w := range m.Weights() {
		t, err := convert(w.Tensor(), o.format(w), o.Importance.of(w.Name), pool)
		if err != nil {
			return nil, err
		}
		src[w.Name] = t
	}
	out, err := model.New(m.Config(), src, m.Tokenizer.Spec(), m.TemplateSource())
	if err != nil {
		return nil, err
	}
	for _, k := range m.Meta.Keys() {
		v, _ := m.Meta.Get(k)
		out.Meta.Set(k, v)
	}
	return out, nil
}

type converted map[string]*tensor.Tensor

// Tensor implements [limbeck/nn.Source].
func (c converted) Tensor(name string, _, _ int) *tensor.Tensor { return c[name] }

// format returns the format that w gets.
func (o *Options) format(w *op.Weight) *dtype.Type {
	if w.Rows == 1 {
		return dtype.F32
	}
	f := o.Format
	if w.Name == "token_embd.weight" || w.Name == "output.weight" {
		switch {
		case o.Embedding != nil:
			f = o.Embedding
		case f.Size*dtype.Q8_0.Len < dtype.Q8_0.Size*f.Len:
			f = dtype.Q8_0
		}
	}
	if w.Cols%f.Len != 0 {
		return dtype.F16
	}
	return f
}

// convert is [tensor.Tensor.Convert] in parallel over rows.
func convert(t *tensor.Tensor, to *dtype.Type, importance []float32, pool *par.Pool) (*tensor.Tensor, error) {
	if t.Type == to {
		return t, nil
	}
	out, err := t.Blank(to, importance)
	if err != nil {
		return nil, err
	}
	rows, _ := t.Matrix()
	pool.Run(&conversion{t, out, importance, rows}, (rows+convertRows-1)/convertRows)
	return out, nil
}

const convertRows = 64 // rows a piece

type conversion struct {
	from, to   *tensor.Tensor
	importance []float32
	rows       int
}

// Do converts the rows of one piece.
func (c *conversion) Do(_, piece int) {
	lo := piece * convertRows
	c.from.ConvertRows(c.to, lo, min(lo+convertRows, c.rows), c.importance)
}
