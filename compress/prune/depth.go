package prune

import (
	"math"

	"limbeck/nn/op"
	"limbeck/tensor/kernel"
)

// depth listens for the block influence of a layer, Men et al. 2024,
// arXiv:2403.03853, eq. 1: the sum over tokens of 1 − cos(x_in, x_out). A layer
// that hardly turns its input is the first to go. in holds the input of the layer
// that runs, of whichever it is: one runs at a time.
func (imp *Importance) depth(layer int, in *[]float32, listeners map[string]func(*op.Value)) {
	listeners[tap(layer, "in")] = func(v *op.Value) { *in = append((*in)[:0], v.Data...) }
	listeners[tap(layer, "out")] = func(v *op.Value) {
		for i := range v.Rows {
			a, b := (*in)[i*v.Cols:(i+1)*v.Cols], v.Row(i)
			norm := math.Sqrt(float64(kernel.SumSquares(a)) * float64(kernel.SumSquares(b)))
			if norm > 0 {
				imp.Layers[layer] += 1 - float64(kernel.Dot(a, b))/norm
			}
		}
	}
}
