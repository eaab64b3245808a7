package prune

import (
	"fmt"
	"math"

	"limbeck/model"
)

// ShapeFor returns a shape of m with at most params parameters: the vocabulary
// that the data uses (or vocab tokens, if positive), and then the largest common
// share of layers and neurons, and of heads where those alone do not suffice.
// The width of the stream stays, since every layer was trained on it, unless
// nothing else is enough.
func ShapeFor(m *model.Model, imp *Importance, params, vocab int) (Shape, error) {
	c := m.Config()
	spec := m.Tokenizer.Spec()
	if vocab == 0 {
		_, ids, err := spec.Prune(func(id int) bool { return imp.Tokens[id] > 0 })
		if err != nil {
			return Shape{}, err
		}
		vocab = len(ids)
	}
	vocab = min(vocab, c.Vocab)
	at := func(share, width float64) Shape {
		part := func(n, multiple int, share float64) int {
			return max(multiple, min(n, int(math.Round(float64(n)*share/float64(multiple)))*multiple))
		}
		s := Shape{Vocab: vocab, Layers: part(c.Layers, 1, math.Sqrt(share)), FFN: part(c.FFN, min(32, c.FFN), share),
			Width: part(c.Width, min(32, c.Width), width), KVHeads: part(c.KVHeads, 1, math.Sqrt(share))}
		s.Heads = s.KVHeads * (c.Heads / c.KVHeads)
		return s
	}
	size := func(s Shape) int {
		k := c
		k.Layers, k.Width, k.FFN, k.Heads, k.KVHeads, k.Vocab = s.Layers, s.Width, s.FFN, s.Heads, s.KVHeads, s.Vocab
		return k.Params()
	}
	const grid = 400
	for width := 1.0; width > 0.05; width -= 0.05 {
		for i := grid; i >= grid/20; i-- {
			if s := at(float64(i)/grid, width); size(s) <= params {
				return s, nil
			}
		}
	}
	return Shape{}, fmt.Errorf("prune: %d parameters are too few for this model and a vocabulary of %d tokens", params, vocab)
}
