package steps

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"limbeck/data"
	"limbeck/model"
	"limbeck/model/arch"
	"limbeck/model/token"
	"limbeck/nn"
	"limbeck/recipe"
	"limbeck/tensor"
	"limbeck/tensor/dtype"
)

// Shape of a new model where the user gives none, and what its tokenizer is
// called in files.
const (
	newContext   = 2048
	newVocab     = 4000
	newTokenizer = "gpt-2"
	endOfText    = "<|endoftext|>"
)

// NewModel writes a model of random weights, with a tokenizer made from the
// recipe's training data, to path.
func NewModel(path string, r *recipe.Recipe, s recipe.Student) error {
	c := &recipe.Chain{Recipe: r}
	examples, err := readExamples(c)
	if err != nil {
		return err
	}
	vocab := s.Vocab.Of(0)
	if vocab == 0 {
		vocab = newVocab
	}
	spec, err := token.Train(texts(examples), vocab, newTokenizer, []string{endOfText})
	if err != nil {
		return err
	}
	spec.EOS = slices.Index(spec.Tokens, endOfText)
	shape := arch.Config{Arch: "llama", Layers: s.Layers.Of(0), Width: s.Hidden.Of(0), Heads: s.Heads.Of(0), KVHeads: s.KVHeads.Of(0),
		FFN: s.FFN.Of(0), Vocab: len(spec.Tokens), Context: newContext, NormEps: 1e-5, RopeBase: 10000, Tied: true}
	if shape.Layers == 0 || shape.Width == 0 || shape.Heads == 0 {
		return errors.New("a new model needs counts for layers, hidden and heads, as layers=4,hidden=256,heads=4")
	}
	if shape.KVHeads == 0 {
		shape.KVHeads = shape.Heads
	}
	if shape.FFN == 0 {
		shape.FFN = 8 * shape.Width / 3 / 32 * 32
	}
	if shape.Width%shape.Heads != 0 {
		return errors.New("a new model's hidden must be a multiple of its heads")
	}
	shape.HeadDim = shape.Width / shape.Heads
	m, err := model.New(shape, newWeights(r.Seed), spec, templateFor(examples, false))
	if err != nil {
		return err
	}
	m.Meta.Set(model.HistoryKey, []string{drawn(m, r.Seed)})
	return m.Save(path)
}

// texts yields the prompts and replies of examples.
func texts(examples []data.Example) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for i := range examples {
			reply, _ := examples[i].Reply()
			if !yield(examples[i].Input()) || reply != "" && !yield(reply) {
				return
			}
		}
	}
}

// fresh returns a model of the same shape, tokenizer and template as m, with
// random weights.
func fresh(m *model.Model, seed int64) (*model.Model, error) {
	out, err := model.New(m.Config(), newWeights(seed), m.Tokenizer.Spec(), m.TemplateSource())
	if err != nil {
		return nil, err
	}
	if license := m.Meta.String(model.LicenseKey, ""); license != "" {
		out.Meta.Set(model.LicenseKey, license)
	}
	return out, nil
}

// random draws weights: normal with [nn.InitStd], norms of ones.
type random struct{ *rand.Rand }

func newWeights(seed int64) nn.Source {
	return random{rand.New(rand.NewPCG(uint64(seed), 0x66726573))} // "fres"
}

// Tensor implements [nn.Source].
func (r random) Tensor(name string, rows, cols int) *tensor.Tensor {
	shape := []int{rows, cols}
	if rows == 1 {
		shape = shape[1:]
	}
	t := tensor.New(name, dtype.F32, shape...)
	v := dtype.Floats(t.Data)
	for i := range v {
		v[i] = 1
		if rows > 1 {
			v[i] = float32(r.NormFloat64() * nn.InitStd(cols))
		}
	}
	return t
}

// drawn says, for its history, what a model of random weights is.
func drawn(m *model.Model, seed int64) string {
	return fmt.Sprintf("%d random weights, seed %d", m.Config().Params(), seed)
}
