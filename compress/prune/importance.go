package prune

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"limbeck/internal/par"
	"limbeck/model"
	"limbeck/nn/op"
	"limbeck/train"
)

// Importance is what calibration data makes of each part of a model.
type Importance struct {
	Layers   []float64   // block influence
	Channels []float64   // activation after the norms, summed over them
	Neurons  [][]float64 // activation before ffn_down, squared, by layer
	Heads    [][]float64 // activation before attn_output, squared, by layer
	Tokens   []int       // how often each occurs
}

// KeepLayers has these layers stay, whatever their influence: which ones train best
// together is known only when it was tried.
func (imp *Importance) KeepLayers(layers []int) {
	for _, l := range layers {
		imp.Layers[l] = math.Inf(1)
	}
}

// Measure runs m, in f32, over set. Activations are taken as in Minitron,
// Muralidharan et al. 2024, arXiv:2407.14679, sect. 2.2: the mean magnitude
// over the tokens of a sequence, then the Euclidean norm over sequences. A model that
// does not show one of them is an error, and so is an empty set. progress, which may be
// nil, is as in [train.Sweep].
func Measure(ctx context.Context, m *model.Model, set []train.Sequence, pool *par.Pool, progress func(done, total int)) (*Importance, error) {
	if len(set) == 0 {
		return nil, errors.New("prune: there is no calibration data")
	}
	c := m.Config()
	imp := &Importance{Layers: make([]float64, c.Layers), Channels: make([]float64, c.Width), Tokens: make([]int, c.Vocab)}
	t := op.NewTape(pool)
	t.Exact = true
	listeners := map[string]func(*op.Value){}
	var seqs []op.Seq
	var in []float32
	norms := channelNorms(c.Layers, c.Width, listeners, &seqs)
	for l := range c.Layers {
		imp.depth(l, &in, listeners)
		imp.Neurons = append(imp.Neurons, neurons(l, c.FFN, listeners, &seqs))
		imp.Heads = append(imp.Heads, heads(l, c.Heads, c.HeadDim, listeners, &seqs))
	}
	unheard := maps.Clone(listeners)
	t.OnTap = func(name string, v *op.Value) {
		if f := listeners[name]; f != nil {
			delete(unheard, name)
			f(v)
		}
	}
	before := func(b op.Batch) {
		seqs = b.Seqs
		for _, id := range b.IDs {
			imp.Tokens[id]++
		}
	}
	if err := train.Sweep(ctx, t, m, set, before, progress); err != nil {
		return nil, err
	}
	if len(unheard) > 0 { // what it measures would be 0, and the first to go
		return nil, fmt.Errorf("prune: architecture %s does not show %q, by which its parts are measured", c.Arch, slices.Min(slices.Collect(maps.Keys(unheard))))
	}
	imp.addChannels(norms)
	return imp, nil
}

// addMagnitudes adds, for every sequence, the square of each column's mean
// magnitude over the sequence's rows.
func addMagnitudes(sum []float64, v *op.Value, seqs []op.Seq) {
	mean := make([]float64, v.Cols)
	row := 0
	for _, s := range seqs {
		clear(mean)
		for range s.Len {
			for c, x := range v.Row(row) {
				if x < 0 {
					x = -x
				}
				mean[c] += float64(x)
			}
			row++
		}
		for c, x := range mean {
			x /= float64(s.Len)
			sum[c] += x * x
		}
	}
}

func tap(layer int, name string) string { return fmt.Sprintf("blk.%d.%s", layer, name) }
