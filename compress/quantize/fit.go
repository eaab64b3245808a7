package quantize

import (
	"fmt"
	"slices"

	"limbeck/model"
	"limbeck/model/gguf"
	"limbeck/tensor/dtype"
)

// A SizeError tells that no formats make a model's file as small as wanted.
type SizeError struct{ Least, Wanted int64 } // bytes

func (e *SizeError) Error() string {
	return fmt.Sprintf("quantize: the smallest file has %d bytes, more than %d: a smaller model is needed", e.Least, e.Wanted)
}

// Fit returns the options whose file is the largest of at most size bytes, of
// all pairs of a block format for the embedding table and one for the other
// matrices; a [SizeError] if the smallest pair does not fit. sources are the
// bytes in which the file will name what it was made from. Of m it looks at the
// weights' shapes and at what its Meta says.
func Fit(m *model.Model, size, sources int64, importance *Importance) (Options, error) {
	blocks := slices.DeleteFunc(dtype.Writable(), func(t *dtype.Type) bool { return t.Len == 1 })
	var best Options
	var bestSize, least int64
	for _, embedding := range blocks {
		for _, format := range blocks {
			o := Options{Format: format, Embedding: embedding, Importance: importance}
			n, err := o.bytes(m)
			if err != nil {
				return Options{}, err
			}
			n += max(0, sources-sourcesBytes)
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

// historyBytes is room for what a file's history will say of its rounding, and
// sourcesBytes what of it there is for the names of what it was made from.
const (
	historyBytes = 4096
	sourcesBytes = 3072
)

// bytes returns an upper bound of the size of a file of m in o's formats.
func (o *Options) bytes(m *model.Model) (int64, error) {
	meta, tensors := m.GGUFIn(o.format)
	n, err := gguf.FileBytes(&meta, tensors)
	return historyBytes + n, err
}
