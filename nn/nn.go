// Package nn holds the blocks that models are wired from, and binds their
// weights to names. A block runs single operations on a recording tape, and
// reuses memory as soon as it can on any other.
package nn

import (
	"math"

	"limbeck/nn/op"
)

// A Linear is y = x·Wᵀ, W being [outputs, inputs], plus the product of an
// adapter if there is one.
type Linear struct {
	Weight  *op.Weight `name:"weight"`
	Adapter *Adapter
}

// NewLinear returns a layer that waits for its weight.
func NewLinear(inputs, outputs int) Linear { return Linear{Weight: op.Shaped(outputs, inputs)} }

// Forward returns the outputs, [x.Rows, outputs].
func (l *Linear) Forward(t *op.Tape, x *op.Value) *op.Value {
	return forward(t, x, l)[0]
}

// forward returns the outputs of layers that read the same values.
func forward(t *op.Tape, x *op.Value, layers ...*Linear) []*op.Value {
	var weights [3]*op.Weight
	for i, l := range layers {
		weights[i] = l.Weight
		t.Tap(l.Weight.Name, ".in", x)
	}
	ys := op.MatMuls(t, x, weights[:len(layers)]...)
	for i, l := range layers {
		if a := l.Adapter; a != nil {
			d := op.MatMul(t, op.MatMul(t, x, a.A), a.B)
			sum := op.AddScaled(t, ys[i], d, a.Scale)
			t.Drop(ys[i])
			t.Drop(d)
			ys[i] = sum
		}
	}
	return ys
}

// An Adapter adds a product of low rank, W + Scale·B·A: Hu et al. 2021,
// arXiv:2106.09685, sect. 4.1. A is [rank, inputs], B is [outputs, rank].
type Adapter struct {
	A, B  *op.Weight
	Scale float32
}

// A Norm is a root mean square normalization of rows.
type Norm struct {
	Weight *op.Weight `name:"weight"`
	Eps    float32
}

// NewNorm returns a normalization of rows of width elements.
func NewNorm(width int, eps float32) Norm { return Norm{op.Shaped(1, width), eps} }

// Forward returns the normalized rows, which reader, if there is one, multiplies
// next.
func (n *Norm) Forward(t *op.Tape, x *op.Value, reader *op.Weight) *op.Value {
	y := op.RMSNorm(t, x, n.Weight, n.Eps, reader)
	t.Tap(n.Weight.Name, ".out", y)
	return y
}

// An Embedding is a table of rows, one a token.
type Embedding struct {
	Weight *op.Weight `name:"weight"`
}

// Forward returns the rows of the batch's tokens.
func (e *Embedding) Forward(t *op.Tape, b op.Batch) *op.Value { return op.Embed(t, e.Weight, b.IDs) }

// Attention is x + O(attention(Q(n), K(n), V(n))), n being the norm of x, with
// rotary positions.
type Attention struct {
	Norm Norm   `name:"attn_norm"`
	Q    Linear `name:"attn_q"`
	K    Linear `name:"attn_k"`
	V    Linear `name:"attn_v"`
	O    Linear `name:"attn_output"`

	Heads op.Heads
	Layer int
	Rope  *op.Rotation
}

// NewAttention returns the attention block of one layer.
func NewAttention(layer, width int, h op.Heads, r *op.Rotation, eps float32) Attention {
	return Attention{
		Norm:  NewNorm(width, eps),
		Q:     NewLinear(width, h.Query*h.Dim),
		K:     NewLinear(width, h.KV*h.Dim),
		V:     NewLinear(width, h.KV*h.Dim),
		O:     NewLinear(h.Query*h.Dim, width),
		Heads: h, Layer: layer, Rope: r,
	}
}

// Forward returns x plus the attention's output, of the rows that b wants. Its
// taps, under the names of Q, K and V, are what attention compares: after
// rotation.
func (a *Attention) Forward(t *op.Tape, x *op.Value, b op.Batch) *op.Value {
	wanted := b.Wanted(t, x)
	m := t.Mark()
	n := a.Norm.Forward(t, x, a.Q.Weight)
	p := forward(t, n, &a.Q, &a.K, &a.V)
	q, k, v := p[0], p[1], p[2]
	h := op.Attention(t, q, k, v, a.Heads, a.Layer, a.Rope, b)
	t.Tap(a.Q.Weight.Name, ".out", q)
	t.Tap(a.K.Weight.Name, ".out", k)
	t.Tap(a.V.Weight.Name, ".out", v)
	o := a.O.Forward(t, b.Wanted(t, h))
	y := op.Add(t, wanted, o)
	t.Drop(n)
	t.Drop(h)
	t.Drop(o)
	t.Release(m)
	return y
}

// GatedFFN is x + Down(silu(Gate(n))·Up(n)), n being the norm of x.
type GatedFFN struct {
	Norm Norm   `name:"ffn_norm"`
	Gate Linear `name:"ffn_gate"`
	Up   Linear `name:"ffn_up"`
	Down Linear `name:"ffn_down"`
}

// NewGatedFFN returns a feed-forward block with hidden neurons.
func NewGatedFFN(width, hidden int, eps float32) GatedFFN {
	return GatedFFN{
		Norm: NewNorm(width, eps),
		Gate: NewLinear(width, hidden),
		Up:   NewLinear(width, hidden),
		Down: NewLinear(hidden, width),
	}
}

// Forward returns x plus the block's output.
func (f *GatedFFN) Forward(t *op.Tape, x *op.Value) *op.Value {
	m := t.Mark()
	n := f.Norm.Forward(t, x, f.Gate.Weight)
	h := f.hidden(t, n)
	d := f.Down.Forward(t, h)
	y := op.Add(t, x, d)
	t.Drop(n)
	t.Drop(h)
	t.Drop(d)
	t.Release(m)
	return y
}

// hidden returns the neurons' values.
func (f *GatedFFN) hidden(t *op.Tape, n *op.Value) *op.Value {
	if f.Gate.Adapter == nil && f.Up.Adapter == nil && f.Down.Adapter == nil {
		if h := op.Gated(t, n, f.Gate.Weight, f.Up.Weight, f.Down.Weight); h != nil {
			return h
		}
	}
	p := forward(t, n, &f.Gate, &f.Up)
	return op.SwiGLU(t, p[0], p[1], f.Down.Weight)
}

// InitStd is the standard deviation of new weights: 1/√inputs, the scale that
// keeps the variance of a product of rows.
func InitStd(inputs int) float64 { return 1 / math.Sqrt(float64(inputs)) }
