package quantize

import (
	"fmt"

	"limbeck/model"
	"limbeck/tensor/dtype"
)

// A SizeError tells that no formats make a model's file as small as wanted.
type SizeError struct{ Least, Wanted int64 } // bytes

func (e *SizeError) Error() string {
	return fmt.Sprintf("quantize: the smallest file has %d bytes, more than %d: a smaller model is needed", e.Least, e.Wanted)
}

// Fit returns the options whose file is the largest of at most size bytes, of
// all pairs of a block format for the embedding table and one for the other
// matrices; a [SizeError] if the smallest pair does not fit. Of m's weights it
// looks at the shapes alone.
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
		return Options{}, &SizeError{least, size}
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
