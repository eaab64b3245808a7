package train

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"limbeck/internal/par"
	"limbeck/internal/testkit"
	"limbeck/model/arch"
	"limbeck/nn"
	"limbeck/nn/op"
	"limbeck/tensor/dtype"
)

var adapted8 = []int{5, 0, 9, 5, 31, 2, 7, 1}

// logits returns those of all positions of adapted8.
func logits(t *testing.T, m arch.Model, b op.Batch) []float32 {
	t.Helper()
	pool := par.New(1)
	defer pool.Close()
	tape := op.NewTape(pool)
	tape.Exact = true
	rows := make([]int, len(b.IDs))
	for i := range rows {
		rows[i] = i
	}
	return slices.Clone(m.Head(tape, m.Forward(tape, b), rows).Data)
}

// adaptedDecoder returns a decoder with adapters, and its logits before it had
// them.
func adaptedDecoder(t *testing.T, format *dtype.Type) (arch.Model, *Adapters, []float32) {
	t.Helper()
	c := testkit.Odd("llama", true)
	if format.Len > 1 {
		c = testkit.Even("llama", true)
	}
	m := testkit.Decoder(c, format, 1)
	before := logits(t, m, op.One(adapted8, nil))
	a, err := Adapt(m, 3, 6, 1)
	if err != nil {
		t.Fatal(err)
	}
	return m, a, before
}

// fill makes every adapter's B something else than zero, as training does.
func fill(a *Adapters) {
	r := rand.New(rand.NewPCG(3, 3))
	for _, l := range a.layers {
		for i := range l.Adapter.B.F32() {
			l.Adapter.B.F32()[i] = float32(0.2 * r.NormFloat64())
		}
	}
}

// The gradients by A and B are those of the loss; frozen weights, quantized
// ones too, get none.
func TestAdapterGradient(t *testing.T) {
	for _, format := range []*dtype.Type{dtype.F32, dtype.Q8_0} {
		t.Run(fmt.Sprint(format), func(t *testing.T) {
			m, a, _ := adaptedDecoder(t, format)
			fill(a)
			loss := &op.CrossEntropy{Targets: []int{1, 3, 0}, Weight: 1. / 3}
			b := op.Batch{IDs: adapted8, Seqs: []op.Seq{{Len: 5}, {Len: 3}}}
			testkit.CheckGradient(t, nil, slices.Concat(a.weights, m.Weights()), func(t *op.Tape, _ []*op.Value) *op.Value {
				return m.Loss(t, m.Forward(t, b), []int{2, 4, 7}, loss)
			})
			for _, w := range m.Weights() {
				if w.Grad != nil {
					t.Errorf("%s is frozen and has a gradient", w.Name)
				}
			}
			if len(a.weights) != 2*len(nn.Linears(m)) {
				t.Errorf("%d weights of %d adapters", len(a.weights), len(nn.Linears(m)))
			}
		})
	}
}

// New adapters change no bit of the logits; trained ones do; merged they stay
// within the rounding of f32 products.
func TestAdaptersMergeIntoTheSameLogits(t *testing.T) {
	const tolerance = 1e-5 // relative: two layers of f32 products in another order
	for _, format := range []*dtype.Type{dtype.F32, dtype.Q8_0} {
		t.Run(fmt.Sprint(format), func(t *testing.T) {
			m, a, before := adaptedDecoder(t, format)
			if !slices.Equal(logits(t, m, op.One(adapted8, nil)), before) {
				t.Error("new adapters change the logits")
			}
			fill(a)
			want := logits(t, m, op.One(adapted8, nil))
			if distance(want, before) < 100*tolerance {
				t.Error("the adapters change nothing: this tests nothing")
			}
			a.Merge()
			if e := distance(logits(t, m, op.One(adapted8, nil)), want); !(e <= tolerance) {
				t.Errorf("merged, the logits are off by %.1e, want at most %.0e", e, tolerance)
			}
			for _, l := range nn.Linears(m) {
				if l.Adapter != nil {
					t.Errorf("%s still has an adapter", l.Weight.Name)
				}
			}
		})
	}
}
