package prune

import (
	"fmt"
	"math"

	"limbeck/model"
	"limbeck/model/arch"
)

// A Shape says what is to be left. A field that is 0 leaves its part whole.
type Shape struct {
	Layers  int
	Width   int // embedding channels
	Heads   int // query heads
	KVHeads int
	FFN     int // neurons
	Vocab   int // tokens; see [Tokens] for which stay in any case
}

// A ShapeError tells which number of a shape its model cannot be cut to. Part
// is what recipes call it: layers, hidden, heads, kv_heads, ffn, vocab, params.
type ShapeError struct{ Part, What, Allowed string }

func (e *ShapeError) Error() string {
	return fmt.Sprintf("prune: %s: %s (allowed: %s)", e.Part, e.What, e.Allowed)
}

// Check returns s with the parts of a model of shape c that stay whole filled in,
// or a [ShapeError]. What tokens a vocabulary can have is for [Tokens] to say.
func (s Shape) Check(c arch.Config) (Shape, error) {
	for _, f := range []struct {
		part string
		want *int
		have int
	}{
		{"layers", &s.Layers, c.Layers}, {"hidden", &s.Width, c.Width}, {"heads", &s.Heads, c.Heads},
		{"kv_heads", &s.KVHeads, c.KVHeads}, {"ffn", &s.FFN, c.FFN},
	} {
		if *f.want == 0 {
			*f.want = f.have
		}
		if err := within(f.part, *f.want, f.have); err != nil {
			return s, err
		}
	}
	if s.Vocab == 0 {
		s.Vocab = c.Vocab
	}
	most := c.Heads / c.KVHeads
	allowed := fmt.Sprintf("a multiple of the %d KV heads, at most %d", s.KVHeads, s.KVHeads*most)
	if s.Heads%s.KVHeads != 0 {
		return s, &ShapeError{"heads", fmt.Sprintf("%d heads cannot share %d KV heads", s.Heads, s.KVHeads), allowed}
	}
	if group := s.Heads / s.KVHeads; group > most {
		return s, &ShapeError{"heads", fmt.Sprintf("%d heads on %d KV heads are %d a group, the model has %d", s.Heads, s.KVHeads, group, most), allowed}
	}
	return s, nil
}

// within checks one number against what the model has.
func within(part string, want, have int) error {
	if want < 1 || want > have {
		return &ShapeError{part, fmt.Sprintf("cannot be %d: the model has %d", want, have), fmt.Sprintf("1 to %d", have)}
	}
	return nil
}

// ShapeFor returns a shape of m with at most params parameters: the vocabulary
// that the data uses (or vocab tokens, if positive), and then the largest share
// of neurons, whose root is that of layers and of heads. What the next layer or head
// would be too much for is filled with neurons. The width of
// the stream stays, since every layer was trained on it, unless nothing else is
// enough.
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
	if err := enough(spec, vocab); err != nil {
		return Shape{}, err
	}
	if err := within("params", params, c.Params()); err != nil {
		return Shape{}, err
	}
	size := func(s Shape) int {
		k := c
		k.Layers, k.Width, k.FFN, k.Heads, k.KVHeads, k.Vocab = s.Layers, s.Width, s.FFN, s.Heads, s.KVHeads, s.Vocab
		return k.Params()
	}
	const grid = 400
	least := c.Params()
	for width := 1.0; width > 0.05; width -= 0.05 {
		for i := grid; i >= grid/20; i-- {
			s := shareOf(c, float64(i)/grid, width)
			s.Vocab = vocab
			if size(s) <= params {
				return fill(s, c, params, size), nil
			}
			least = min(least, size(s))
		}
	}
	return Shape{}, &ShapeError{"params", fmt.Sprintf("%d parameters are too few for this model and a vocabulary of %d tokens", params, vocab),
		fmt.Sprintf("%d to %d, or a smaller vocab", least, c.Params())}
}

// fill adds neurons to a shape of c up to so many parameters; where that makes them
// whole, another layer may fit with fewer in each.
func fill(s Shape, c arch.Config, params int, size func(Shape) int) Shape {
	for {
		more := s
		if more.FFN += neuronStep; more.FFN > c.FFN {
			break
		}
		if size(more) > params {
			return s
		}
		s = more
	}
	deeper := s
	for deeper.Layers = min(c.Layers, s.Layers+1); deeper.FFN > neuronStep && size(deeper) > params; {
		deeper.FFN -= neuronStep
	}
	if n := size(deeper); n > size(s) && n <= params {
		return deeper
	}
	return s
}

// neuronStep is the step of their number: blocks of most formats are of 32.
const neuronStep = 32

// RoundToBlocks returns n, of all neurons or channels that there are, rounded to whole
// blocks, of which the rows of most formats are made: a matrix of other rows stays in
// F16. All of them, and those of a model that has no whole block, are as they are.
func RoundToBlocks(n, all int) int {
	if n >= all || all < neuronStep {
		return n
	}
	nearest := (n + neuronStep/2) / neuronStep * neuronStep
	return min(max(nearest, neuronStep), all/neuronStep*neuronStep)
}

// shareOf returns c with a share of its neurons, the root of it of its layers and heads,
// and a share of its width.
func shareOf(c arch.Config, share, width float64) Shape {
	part := func(n, multiple int, share float64) int {
		if share >= 1 {
			return n // whatever it is a multiple of
		}
		return max(multiple, min(n, int(math.Round(float64(n)*share/float64(multiple)))*multiple))
	}
	s := Shape{Layers: part(c.Layers, 1, math.Sqrt(share)), FFN: part(c.FFN, min(neuronStep, c.FFN), share),
		Width: part(c.Width, min(32, c.Width), width), KVHeads: part(c.KVHeads, 1, math.Sqrt(share))}
	s.Heads = s.KVHeads * (c.Heads / c.KVHeads)
	return s
}
