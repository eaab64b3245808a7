package testkit

import (
	"fmt"
	"math/rand/v2"

	"limbeck/model/arch"
	"limbeck/nn/op"
	"limbeck/tensor"
	"limbeck/tensor/dtype"
)

// Odd is a shape of which no size is a multiple of a kernel's.
func Odd(name string, tied bool) arch.Config {
	return arch.Config{
		Arch: name, Layers: 2, Width: 22, Heads: 4, KVHeads: 2, HeadDim: 6, FFN: 37, Vocab: 41,
		Context: Context, NormEps: 1e-5, RopeBase: 10000, Tied: tied,
	}
}

// Even is a shape whose rows fill the blocks of the quantized formats.
func Even(name string, tied bool) arch.Config {
	return arch.Config{
		Arch: name, Layers: 2, Width: 64, Heads: 4, KVHeads: 2, HeadDim: 16, FFN: 96, Vocab: 75,
		Context: Context, NormEps: 1e-5, RopeBase: 10000, Tied: tied,
	}
}

// Blocks is a shape whose rows fill the blocks of every format.
func Blocks(name string, tied bool) arch.Config {
	return arch.Config{
		Arch: name, Layers: 2, Width: 256, Heads: 4, KVHeads: 2, HeadDim: 64, FFN: 512, Vocab: 75,
		Context: Context, NormEps: 1e-5, RopeBase: 10000, Tied: tied,
	}
}

// SmolLM2 is the shape of SmolLM2-135M.
func SmolLM2() arch.Config {
	return arch.Config{
		Arch: "llama", Layers: 30, Width: 576, Heads: 9, KVHeads: 3, HeadDim: 64, FFN: 1536, Vocab: 49152,
		Context: 2048, NormEps: 1e-5, RopeBase: 100000, Tied: true,
	}
}

// Decoder returns a decoder of random weights of which norms are not all ones;
// equal seeds give equal decoders. Matrices that can be are stored as format; of
// one that is only read they are random blocks.
func Decoder(c arch.Config, format *dtype.Type, seed uint64) arch.Model {
	m, err := arch.New(c, varied{Random{rand.New(rand.NewPCG(seed, 3))}})
	if err != nil {
		panic(fmt.Sprintf("testkit: %v", err))
	}
	store(m.Weights(), format, seed)
	return m
}

// varied gives norms elements around one.
type varied struct{ Random }

// Tensor implements [nn.Source].
func (s varied) Tensor(name string, rows, cols int) *tensor.Tensor {
	t := s.Random.Tensor(name, rows, cols)
	if rows == 1 {
		v := dtype.Floats(t.Data)
		for i := range v {
			v[i] += float32(0.2 * s.NormFloat64())
		}
	}
	return t
}

// store brings matrices whose rows are of whole blocks to a format.
func store(weights []*op.Weight, format *dtype.Type, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 4))
	for _, w := range weights {
		if w.Rows == 1 || w.Cols%format.Len != 0 {
			continue
		}
		if err := storeOne(w, format, r); err != nil {
			panic(fmt.Sprintf("testkit: %v", err))
		}
	}
}

func storeOne(w *op.Weight, format *dtype.Type, r *rand.Rand) error {
	if format.Encode == nil {
		return randomBlocks(w, format, r)
	}
	t, err := w.Tensor().Convert(format, nil)
	if err != nil {
		return err
	}
	return w.Set(t)
}

// Matrix returns a value of normal elements, for [CheckGradient].
func Matrix(r *rand.Rand, rows, cols int) *op.Value {
	v := &op.Value{Rows: rows, Cols: cols, Data: make([]float32, rows*cols)}
	for i := range v.Data {
		v.Data[i] = float32(r.NormFloat64())
	}
	return v
}

// Weight returns a weight of random elements, trainable.
func Weight(r *rand.Rand, name string, rows, cols int) *op.Weight {
	w := op.Shaped(rows, cols)
	if err := w.Set(varied{Random{r}}.Tensor(name, rows, cols)); err != nil {
		panic(fmt.Sprintf("testkit: %v", err))
	}
	w.SetTrainable()
	return w
}

// IDs returns random tokens of a vocabulary.
func IDs(r *rand.Rand, n, vocab int) []int {
	ids := make([]int, n)
	for i := range ids {
		ids[i] = r.IntN(vocab)
	}
	return ids
}
