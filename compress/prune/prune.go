// Package prune makes a model smaller by leaving parts of it out: layers,
// neurons of the feed-forward blocks, attention heads, embedding channels,
// tokens of the vocabulary. What goes is chosen by what calibration data makes
// of it, one file a criterion; shapes stay uniform over the layers, so that the
// result loads wherever its architecture does. A pruned model has to be healed
// by training.
package prune

import (
	"fmt"
	"slices"
	"strings"

	"limbeck/model"
	"limbeck/model/arch"
	"limbeck/model/token"
	"limbeck/tensor"
)

// A Plan lists what stays of a model, by ascending index.
type Plan struct {
	Layers   []int
	Channels []int
	Neurons  [][]int // by layer of the unpruned model
	Heads    [][]int // query heads, by layer
	KVHeads  [][]int // by layer
	Tokens   []int
}

// NewPlan chooses what stays by importance and, for the vocabulary, by the
// tokens that the calibration data uses.
func NewPlan(m *model.Model, imp *Importance, s Shape) (*Plan, error) {
	c := m.Config()
	s, err := s.Check(c)
	if err != nil {
		return nil, err
	}
	p := &Plan{Layers: best(imp.Layers, s.Layers), Channels: best(imp.Channels, s.Width)}
	for l := range c.Layers {
		p.Neurons = append(p.Neurons, best(imp.Neurons[l], s.FFN))
		heads, kv := groups(imp.Heads[l], c.KVHeads, s.Heads, s.KVHeads)
		p.Heads, p.KVHeads = append(p.Heads, heads), append(p.KVHeads, kv)
	}
	_, p.Tokens, err = Tokens(m.Tokenizer.Spec(), imp.Tokens, s.Vocab)
	return p, err
}

// best returns the n indices of greatest score, ascending; of equal scores the
// lower index.
func best(score []float64, n int) []int {
	order := make([]int, len(score))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case score[a] > score[b]:
			return -1
		case score[a] < score[b]:
			return 1
		}
		return 0
	})
	order = order[:n]
	slices.Sort(order)
	return order
}

// Apply returns the model that p leaves of m, in f32 memory of its own.
func (p *Plan) Apply(m *model.Model) (*model.Model, error) {
	c := m.Config()
	src := &slicer{p: p, dim: c.HeadDim, tensors: map[string]*tensor.Tensor{}}
	for _, w := range m.Weights() {
		src.tensors[w.Name] = w.Tensor()
	}
	c.Layers, c.Width, c.FFN, c.Vocab = len(p.Layers), len(p.Channels), len(p.Neurons[0]), len(p.Tokens)
	c.Heads, c.KVHeads = len(p.Heads[0]), len(p.KVHeads[0])
	spec := m.Tokenizer.Spec()
	if len(p.Tokens) < len(spec.Tokens) {
		var err error
		if spec, err = keepTokens(spec, p.Tokens); err != nil {
			return nil, err
		}
	}
	out, err := model.New(c, src, spec, m.TemplateSource())
	if err != nil {
		return nil, err
	}
	if src.err != nil {
		return nil, src.err
	}
	for _, k := range m.Meta.Keys() {
		v, _ := m.Meta.Get(k)
		out.Meta.Set(k, v)
	}
	return out, nil
}

func keepTokens(spec token.Spec, ids []int) (token.Spec, error) {
	out, kept, err := spec.Prune(func(id int) bool { _, ok := slices.BinarySearch(ids, id); return ok })
	if err == nil && !slices.Equal(kept, ids) {
		err = fmt.Errorf("prune: a vocabulary of %d tokens needs %d to stay valid", len(ids), len(kept))
	}
	return out, err
}

// A slicer makes the pruned model's tensors from the whole one's.
type slicer struct {
	p       *Plan
	dim     int // of heads
	tensors map[string]*tensor.Tensor
	err     error
}

// Tensor implements [limbeck/nn.Source].
func (s *slicer) Tensor(name string, _, _ int) *tensor.Tensor {
	from, layer, part := name, 0, name
	if rest, ok := strings.CutPrefix(name, "blk."); ok {
		var number int
		if _, err := fmt.Sscanf(rest, "%d.", &number); err != nil || number >= len(s.p.Layers) {
			s.err = fmt.Errorf("prune: tensor %q is of no layer", name)
			return nil
		}
		_, part, _ = strings.Cut(rest, ".")
		layer = s.p.Layers[number]
		from = fmt.Sprintf("blk.%d.%s", layer, part)
	}
	t := s.tensors[from]
	if t == nil {
		return nil
	}
	rows, cols, ok := s.axes(part, layer)
	if !ok {
		s.err = fmt.Errorf("prune: tensor %q: this build does not know what its rows and columns are", from)
		return nil
	}
	return take(t, name, rows, cols)
}

// axes returns the rows and columns that stay of a tensor of a layer. Names
// are those of the llama family.
func (s *slicer) axes(part string, layer int) (rows, cols []int, ok bool) {
	p := s.p
	one := []int{0}
	if part == arch.Embedding || part == arch.Output {
		return p.Tokens, p.Channels, true
	}
	switch strings.TrimSuffix(part, ".weight") {
	case "output_norm", "attn_norm", "ffn_norm":
		return one, p.Channels, true
	case "attn_q":
		return channels(p.Heads[layer], s.dim), p.Channels, true
	case "attn_k", "attn_v":
		return channels(p.KVHeads[layer], s.dim), p.Channels, true
	case "attn_output":
		return p.Channels, channels(p.Heads[layer], s.dim), true
	case "ffn_gate", "ffn_up":
		return p.Neurons[layer], p.Channels, true
	case "ffn_down":
		return p.Channels, p.Neurons[layer], true
	}
	return nil, nil, false
}

// channels returns the channels of heads of dim channels each.
func channels(heads []int, dim int) []int {
	var out []int
	for _, h := range heads {
		for i := range dim {
			out = append(out, h*dim+i)
		}
	}
	return out
}

// take returns some rows and columns of t, as f32.
func take(t *tensor.Tensor, name string, rows, cols []int) *tensor.Tensor {
	_, width := t.Matrix()
	row := make([]float32, width)
	v := make([]float32, 0, len(rows)*len(cols))
	for _, r := range rows {
		t.Type.Decode(row, t.Row(r))
		for _, c := range cols {
			v = append(v, row[c])
		}
	}
	if len(t.Shape) == 1 {
		return tensor.FromF32(name, v, len(cols))
	}
	return tensor.FromF32(name, v, len(rows), len(cols))
}
