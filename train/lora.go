package train

import (
	"fmt"
	"math/rand/v2"

	"limbeck/model/arch"
	"limbeck/nn"
	"limbeck/nn/op"
	"limbeck/tensor"
	"limbeck/tensor/dtype"
	"limbeck/tensor/kernel"
)

// Adapters are what is trained in place of a model's weights: beside every
// projection W of its blocks a product of low rank, W + (alpha/rank)·B·A. A
// begins random and B zero, so that the model is what it was. Hu et al. 2021,
// arXiv:2106.09685, sect. 4.1.
type Adapters struct {
	layers  []*nn.Linear
	weights []*op.Weight
}

// Adapt freezes m's weights, in the formats that they have, and gives its
// projections adapters. Equal seeds give equal adapters.
func Adapt(m arch.Model, rank int, alpha float64, seed uint64) (*Adapters, error) {
	a := &Adapters{layers: nn.Linears(m)}
	for _, l := range a.layers {
		if least := min(l.Weight.Rows, l.Weight.Cols); rank < 1 || rank > least {
			return nil, fmt.Errorf("adapters of rank %d: %s allows 1 to %d", rank, l.Weight.Name, least)
		}
	}
	for _, w := range m.Weights() {
		w.Freeze()
	}
	random := rand.New(rand.NewPCG(seed, 0x6c6f7261)) // "lora"
	for _, l := range a.layers {
		l.Adapter = &nn.Adapter{
			A:     adapterWeight(l.Weight.Name+".lora_a", rank, l.Weight.Cols, random),
			B:     adapterWeight(l.Weight.Name+".lora_b", l.Weight.Rows, rank, nil),
			Scale: float32(alpha / float64(rank)),
		}
		a.weights = append(a.weights, l.Adapter.A, l.Adapter.B)
	}
	return a, nil
}

// adapterWeight returns a trainable weight, normal with [nn.InitStd], or zero
// without a source of random numbers.
func adapterWeight(name string, rows, cols int, random *rand.Rand) *op.Weight {
	t := tensor.New(name, dtype.F32, rows, cols)
	if random != nil {
		v := dtype.Floats(t.Data)
		for i := range v {
			v[i] = float32(random.NormFloat64() * nn.InitStd(cols))
		}
	}
	w := op.Shaped(rows, cols)
	if err := w.Set(t); err != nil {
		panic(err) // the tensor was made for it
	}
	w.SetTrainable()
	return w
}

// Params returns the number of trainable parameters.
func (a *Adapters) Params() int {
	n := 0
	for _, w := range a.weights {
		n += w.Rows * w.Cols
	}
	return n
}

// Objective returns o with the adapters as weights that it trains.
func (a *Adapters) Objective(o Objective) Objective { return &adapted{o, a.weights} }

type adapted struct {
	Objective
	weights []*op.Weight
}

// Weights implements [Weighted].
func (a *adapted) Weights() []*op.Weight {
	if w, ok := a.Objective.(Weighted); ok {
		return append(w.Weights(), a.weights...)
	}
	return a.weights
}

// Merge adds the adapters to the weights beside them, which become f32, and
// takes them away.
func (a *Adapters) Merge() {
	for _, l := range a.layers {
		p := l.Adapter
		t := l.Weight.Clone()
		w, down, up := dtype.Floats(t.Data), p.A.F32(), p.B.F32()
		cols, rank := p.A.Cols, p.A.Rows
		for i := range p.B.Rows {
			for k := range rank {
				kernel.Axpy(p.Scale*up[i*rank+k], down[k*cols:(k+1)*cols], w[i*cols:(i+1)*cols])
			}
		}
		if err := l.Weight.Set(t); err != nil {
			panic(err) // it has the weight's own shape
		}
		l.Adapter = nil
	}
}
