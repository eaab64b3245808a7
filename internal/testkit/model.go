// Package testkit makes what the tests of several rooms need: random models so
// small that a test can build, run and save them in milliseconds, in any format;
// the check of gradients by differences; and runs of a test in every tier of kernels.
package testkit

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"limbeck/model"
	"limbeck/model/arch"
	"limbeck/model/token"
	"limbeck/nn"
	"limbeck/tensor"
	"limbeck/tensor/dtype"
)

// Template is the chat template of the models: ChatML.
const Template = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}" +
	"{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"

// Context is the longest sequence of the models.
const Context = 128

// Random gives tensors of random elements: vectors are ones, matrices keep the
// variance of a product.
type Random struct{ *rand.Rand }

// Tensor implements [nn.Source].
func (s Random) Tensor(name string, rows, cols int) *tensor.Tensor {
	t := tensor.New(name, dtype.F32, rows, cols)
	v := dtype.Floats(t.Data)
	for i := range v {
		v[i] = float32(s.NormFloat64() * nn.InitStd(cols))
		if rows == 1 {
			v[i] = 1
		}
	}
	return t
}

// Model returns a random llama of three layers that reads bytes; equal seeds
// give equal models. It writes nonsense, ends its turns by chance, and has a
// chat template.
func Model(seed uint64) *model.Model { return Stored(seed, dtype.F32) }

// Stored is [Model] with its matrices in a format. Where blocks are longer than its
// rows, it is wider, and of one layer, lest tests without assembly take long.
func Stored(seed uint64, format *dtype.Type) *model.Model {
	spec, err := token.Train(slices.Values([]string{"the cat sat on the mat"}), 280, "gpt-2",
		[]string{"<|im_start|>", "<|im_end|>"})
	if err != nil {
		panic(fmt.Sprintf("testkit: %v", err))
	}
	spec.EOS = slices.Index(spec.Tokens, "<|im_end|>")
	c := arch.Config{
		Arch: "llama", Layers: 3, Width: 64, Heads: 4, KVHeads: 2, HeadDim: 16, FFN: 96, Vocab: len(spec.Tokens),
		Context: Context, NormEps: 1e-5, RopeBase: 10000, Tied: true,
	}
	if format.Len > c.Width {
		c.Layers, c.Width, c.HeadDim, c.FFN = 1, format.Len, format.Len/c.Heads, format.Len
	}
	m, err := model.New(c, Random{rand.New(rand.NewPCG(seed, 2))}, spec, Template)
	if err != nil {
		panic(fmt.Sprintf("testkit: %v", err))
	}
	store(m.Weights(), format, seed)
	return m
}
