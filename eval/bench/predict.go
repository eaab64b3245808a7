package bench

import (
	"context"
	"runtime"
	"slices"

	"limbeck/internal/par"
	"limbeck/model"
	"limbeck/model/arch"
	"limbeck/model/generate"
	"limbeck/nn/op"
	"limbeck/tensor"
)

// A Forecast is the rate to expect of a work.
type Forecast struct {
	Work  Work    `json:"work"`
	Rate  float64 `json:"tokens_per_second"`       // the median of several rounds
	Least float64 `json:"least_tokens_per_second"` // of the slowest round
	Most  float64 `json:"most_tokens_per_second"`  // of the fastest
}

// A Need is the memory that a model takes to run.
type Need struct {
	Weights int64 `json:"weights_bytes"`
	KV      int64 `json:"kv_cache_bytes"` // of one sequence as long as the context
	Base    int64 `json:"base_bytes"`     // the program, its tokenizer, what a pass computes
}

// BaseMemory is what an engine takes at most besides a model's weights and the KV
// cache, in bytes: the promise of docs/benchmarks.md.
const BaseMemory = 64e6

// NeedOf returns the memory of a model of shape s with one sequence of so many
// tokens.
func NeedOf(s Shape, context int) Need {
	return Need{Weights: s.Memory, KV: s.KV * int64(context), Base: BaseMemory}
}

// All is the memory of everything together.
func (n Need) All() int64 { return n.Weights + n.KV + n.Base }

// Room returns how many tokens of context fit in so many bytes, at most the
// model's context; 0 if not even the weights do.
func (s *Shape) Room(bytes int64) int {
	left := bytes - s.Memory - BaseMemory
	if left <= 0 || s.KV == 0 {
		return 0
	}
	return int(min(int64(s.Context), left/s.KV))
}

// beyondCaches is how many bytes of weights keep a part of a model from being
// faster than the whole because it fits a cache.
const beyondCaches = 96 << 20

// predictRounds is how often all works are done, one after the other, so that a machine's
// bad second costs each of them one round; the median counts.
const predictRounds = 5

// Predict returns the rates to expect of m, which need not fit in memory and
// stays as it is: its first layers and its head do the works, and the layers'
// time is stretched to all of them. It returns how many layers that were.
func Predict(ctx context.Context, m *model.Model, works []Work, pool *par.Pool, p generate.Precision) ([]Forecast, int, error) {
	c := m.Config()
	layers := timedLayers(c.Layers, ShapeOf(m, p).Bytes)
	part := c
	part.Layers = layers
	a, err := arch.New(part, tensorsOf(m))
	if err != nil {
		return nil, 0, err
	}
	if layers < c.Layers {
		a = wholeLayers{a}
	}
	cut := &model.Model{Model: a, Tokenizer: m.Tokenizer}
	cut.Pack(pool)
	runtime.GC() // what was left before is not collected while the clock runs
	t := newTimer(cut, pool, p)
	if err := t.warm(ctx); err != nil {
		return nil, 0, err
	}
	out := make([]Forecast, len(works))
	rounds := make([][]float64, len(works))
	for range predictRounds {
		for i, w := range works {
			rate, err := t.rate(ctx, w)
			if err != nil {
				return nil, 0, err
			}
			rounds[i] = append(rounds[i], rate)
		}
	}
	for i, w := range works {
		f := Forecast{w, Median(rounds[i]), slices.Min(rounds[i]), slices.Max(rounds[i])}
		if layers < c.Layers {
			p, err := t.profile(ctx, w)
			if err != nil {
				return nil, 0, err
			}
			stretch := p.stretch(layers, w.layers(c.Layers))
			f.Rate, f.Least, f.Most = f.Rate*stretch, f.Least*stretch, f.Most*stretch
		}
		out[i] = f
	}
	return out, layers, nil
}

// layers returns how many of so many layers compute every row of a work: of a prompt, the
// last one computes little but keys and values.
func (w Work) layers(all int) int {
	if w.Kind == Prompt {
		return all - 1
	}
	return all
}

// timedLayers returns how many of so many layers, whose matrices with the
// head's have so many bytes, stand for all of them.
func timedLayers(layers int, bytes int64) int {
	const least = 2
	if bytes <= beyondCaches {
		return layers
	}
	n := int((int64(layers)*beyondCaches + bytes - 1) / bytes)
	return min(layers, max(least, n))
}

// onceParts are what no layer does.
var onceParts = []string{headPart, samplingPart, "embedding", "gather rows"}

// stretch returns by which factor a rate falls from so many layers to all: time
// in layers grows with their number, that of the other parts does not.
func (p *Profile) stretch(layers, all int) float64 {
	var before, after float64
	for _, s := range p.Parts {
		before += s.Seconds
		if slices.Contains(onceParts, s.Op) {
			after += s.Seconds
		} else {
			after += s.Seconds * float64(all) / float64(layers)
		}
	}
	if after <= 0 {
		return float64(layers) / float64(all)
	}
	return before / after
}

// wholeLayers is a model whose last layer computes every row, as those before it
// do, and not only what is wanted: so that it stands for them.
type wholeLayers struct{ arch.Model }

func (m wholeLayers) Forward(t *op.Tape, b op.Batch) *op.Value {
	all := b
	all.Rows = nil
	return b.Wanted(t, m.Model.Forward(t, all))
}

// tensors hands out a model's tensors by name.
type tensors map[string]*tensor.Tensor

func tensorsOf(m *model.Model) tensors {
	out := tensors{}
	for _, w := range m.Weights() {
		out[w.Name] = w.Tensor()
	}
	return out
}

// Tensor implements [nn.Source].
func (t tensors) Tensor(name string, _, _ int) *tensor.Tensor { return t[name] }
