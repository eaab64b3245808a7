package distill

import (
	"math"
	"math/rand/v2"

	"limbeck/nn/op"
	"limbeck/tensor"
	"limbeck/tensor/kernel"
)

// hiddenLoss is the feature-based loss between hidden states: weight·‖W·h − g‖²
// over the teacher's width, for each row, h being the student's state, g the
// teacher's, and W a learned projection, dropped after training. Romero et al.
// 2014, arXiv:1412.6550, eq. 3; Jiao et al. 2019, arXiv:1909.10351, eq. 8.
// It is 0 where the projected states equal the teacher's. h is [rows, student's
// width], w [teacher's width, student's width], teacher [rows, teacher's width]; the
// loss, summed over rows, is one number.
func hiddenLoss(t *op.Tape, h *op.Value, w *op.Weight, teacher []float32, weight float32) *op.Value {
	return meanSquares(t, op.MatMul(t, h, w), teacher, weight)
}

// newProjection returns a trainable projection of states of from channels on
// to channels: the identity where they are equal, else random with variance
// 1/from.
func newProjection(name string, from, to int, seed uint64) *op.Weight {
	v := make([]float32, from*to)
	r := rand.New(rand.NewPCG(seed, uint64(from)<<32|uint64(to)))
	for i := range v {
		switch {
		case from != to:
			v[i] = float32(r.NormFloat64() / math.Sqrt(float64(from)))
		case i%(from+1) == 0:
			v[i] = 1
		}
	}
	w := op.Shaped(to, from)
	// The shape is the one just made: Set cannot fail.
	if err := w.Set(tensor.FromF32(name, v, to, from)); err != nil {
		panic(err)
	}
	w.SetTrainable()
	return w
}

// meanSquares returns weight·Σ over rows of the mean square difference of y
// and want.
func meanSquares(t *op.Tape, y *op.Value, want []float32, weight float32) *op.Value {
	n := op.Alloc[squares](t)
	*n = squares{y, want, t.Value(1, 1), weight / float32(y.Cols)}
	var sum float64
	for i, v := range y.Data {
		d := float64(v) - float64(want[i])
		sum += d * d
	}
	n.loss.Data[0] = n.scale * float32(sum)
	t.Record(n, n.loss)
	return n.loss
}

type squares struct {
	y     *op.Value
	want  []float32
	loss  *op.Value
	scale float32
}

func (*squares) Op() string { return "mean squares" }

func (n *squares) Backward(t *op.Tape) {
	g, a := t.Grad(n.y), 2*n.scale*n.loss.Grad[0]
	kernel.Axpy(a, n.y.Data, g)
	kernel.Axpy(-a, n.want, g)
}
