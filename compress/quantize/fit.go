package quantize

import (
	"errors"
	"fmt"

	"limbeck/model"
	"limbeck/tensor/dtype"
)

// ErrTooSmall is returned by [Fit] for a size that no formats reach.
var ErrTooSmall = errors.New("a smaller model is needed")

// Fit returns the options whose file is the largest of at most size bytes, of
// all pairs of a block format for the embedding table and one for the other
// matrices. It is an error if the smallest pair does not fit.
func Fit(m *model.Model, size int64, importance *Importance) (Options, error) {
	blocks := []*dtype.Type{dtype.Q8_0, dtype.Q5_1, dtype.Q5_0, dtype.Q4_1, dtype.Q4_0}
	other := overhead(m)
	var best Options
	var bestSize, least int64
	for _, embedding := range blocks {
		for _, format := range blocks {
			o := Options{Format: format, Embedding: embedding, Importance: importance}
			n := other + o.bytes(m)
			if least == 0 || n < least {
				least = n
			}
			if n <= size && n > bestSize {
				best, bestSize = o, n
			}
		}
	}
	if bestSize == 0 {
		return Options{}, fmt.Errorf("quantize: the smallest file has %d bytes, more than %d: %w", least, size, ErrTooSmall)
	}
	return best, nil
}

// bytes returns what the weights of m take in o's formats.
func (o *Options) bytes(m *model.Model) int64 {
	var sum int64
	for _, w := range m.Weights() {
		sum += int64(w.Rows) * int64(o.format(w).Bytes(w.Cols))
	}
	return sum
}

// overhead returns an upper bound of what a file holds beside weights:
// metadata, tokens and merges, tensor headers, alignment.
func overhead(m *model.Model) int64 {
	const fixed, perTensor, perString = 4096, 160, 24
	sum := int64(fixed + len(m.TemplateSource()))
	spec := m.Tokenizer.Spec()
	for _, t := range spec.Tokens {
		sum += int64(perString + len(t))
	}
	for _, t := range spec.Merges {
		sum += int64(perString + len(t))
	}
	for range m.Weights() {
		sum += perTensor
	}
	return sum
}
