package model

import (
	"slices"

	"limbeck/model/arch"
	"limbeck/model/token"
	"limbeck/tensor"
)

// Extend gives m, which must not be packed, new tokens for strings that are
// several tokens now, and returns how many; strings that are one token are passed
// over, and those that [token.Spec.Extend] does. A new token starts as the mean of
// those that it replaces, in the embedding and in the head, and has to be trained.
func (m *Model) Extend(strings []string) (int, error) {
	several := slices.DeleteFunc(slices.Clone(strings), func(s string) bool { return len(m.Tokenizer.Encode(s, false)) < 2 })
	spec, tokens, err := m.Tokenizer.Spec().Extend(several)
	if err != nil {
		return 0, err
	}
	parts := make([][]int, len(tokens))
	for i, s := range tokens {
		parts[i] = m.Tokenizer.Encode(s, false)
	}
	tokenizer, err := token.New(spec)
	if err != nil {
		return 0, err
	}
	c := m.Config()
	c.Vocab = len(spec.Tokens)
	larger, err := arch.New(c, extended{m, parts})
	if err != nil {
		return 0, err
	}
	m.Model, m.Tokenizer = larger, tokenizer
	return len(tokens), nil
}

// extended is a model's tensors with a row more for each new token where a row
// is a token.
type extended struct {
	from  *Model
	parts [][]int // the tokens that each new one replaces
}

// Tensor implements [limbeck/nn.Source].
func (e extended) Tensor(name string, rows, cols int) *tensor.Tensor {
	for _, w := range e.from.Weights() {
		if w.Name != name {
			continue
		}
		if w.Rows == rows {
			return w.Tensor()
		}
		v := slices.Grow(w.Tensor().Decode(), len(e.parts)*cols)
		for _, ids := range e.parts {
			v = append(v, mean(v, ids, cols)...)
		}
		return tensor.FromF32(name, v, rows, cols)
	}
	return nil
}

// mean returns the mean of rows of a matrix.
func mean(v []float32, rows []int, cols int) []float32 {
	out := make([]float32, cols)
	for _, r := range rows {
		for j, x := range v[r*cols : (r+1)*cols] {
			out[j] += x / float32(len(rows))
		}
	}
	return out
}
