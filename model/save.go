package model

import (
	"cmp"
	"io"
	"maps"
	"slices"

	"limbeck/model/arch"
	"limbeck/model/gguf"
	"limbeck/nn/op"
	"limbeck/tensor"
	"limbeck/tensor/dtype"
)

// fileTypes are the numbers that GGUF's general.file_type gives to files by the
// format of most of their weights.
var fileTypes = map[*dtype.Type]uint32{
	dtype.F32: 0, dtype.F16: 1, dtype.Q4_0: 2, dtype.Q4_1: 3,
	dtype.Q8_0: 7, dtype.Q5_0: 8, dtype.Q5_1: 9, dtype.BF16: 32,
}

// Save writes the model as a GGUF file, atomically.
func (m *Model) Save(path string) error {
	meta, tensors := m.GGUF()
	return gguf.Write(path, &meta, tensors)
}

// SaveTo writes the model as a GGUF file to w.
func (m *Model) SaveTo(w io.Writer) error {
	meta, tensors := m.GGUF()
	return gguf.WriteTo(w, &meta, tensors)
}

// GGUF returns the metadata and tensors of the model's file.
func (m *Model) GGUF() (gguf.Meta, []*tensor.Tensor) {
	meta, tensors := m.GGUFIn((*op.Weight).Type)
	for i, w := range m.Weights() {
		tensors[i].Data = w.Tensor().Data
	}
	return meta, tensors
}

// GGUFIn is [Model.GGUF] for a file that holds each weight in the format that
// format returns for it. The tensors, in the order of m's weights, have no Data.
func (m *Model) GGUFIn(format func(w *op.Weight) *dtype.Type) (gguf.Meta, []*tensor.Tensor) {
	var tensors []*tensor.Tensor
	for _, w := range m.Weights() {
		t := &tensor.Tensor{Name: w.Name, Type: format(w), Shape: []int{w.Rows, w.Cols}}
		if w.Rows == 1 { // other programs want one dimension of a vector
			t.Shape = []int{w.Cols}
		}
		tensors = append(tensors, t)
	}
	var meta gguf.Meta
	c := m.Config()
	meta.Set(keyArch, c.Arch)
	for _, k := range m.Meta.Keys() {
		v, _ := m.Meta.Get(k)
		meta.Set(k, v)
	}
	setConfig(&meta, c)
	if n, ok := fileTypes[mostly(tensors)]; ok {
		meta.Set("general.file_type", n)
	}
	keys := m.Tokenizer.Spec().Keys()
	delete(keys, keyTemplate) // the model's own counts, or that it has none
	if m.templateSource != "" {
		keys[keyTemplate] = m.templateSource
	}
	for _, k := range sortedKeys(keys) {
		meta.Set(k, keys[k])
	}
	return meta, tensors
}

func setConfig(meta *gguf.Meta, c arch.Config) {
	set := func(key string, n int) { meta.Set(c.Arch+"."+key, uint32(n)) }
	set("block_count", c.Layers)
	set("context_length", c.Context)
	set("embedding_length", c.Width)
	set("feed_forward_length", c.FFN)
	set("attention.head_count", c.Heads)
	set("attention.head_count_kv", c.KVHeads)
	set("attention.key_length", c.HeadDim)
	set("attention.value_length", c.HeadDim)
	set("rope.dimension_count", c.HeadDim)
	set("vocab_size", c.Vocab)
	meta.Set(c.Arch+".rope.freq_base", float32(c.RopeBase))
	meta.Set(c.Arch+".attention.layer_norm_rms_epsilon", float32(c.NormEps))
}

// mostly returns the format that holds the most elements of matrices.
func mostly(tensors []*tensor.Tensor) *dtype.Type {
	elements := map[*dtype.Type]int{}
	for _, t := range tensors {
		if rows, cols := t.Matrix(); rows > 1 {
			elements[t.Type] += rows * cols
		}
	}
	types := slices.SortedFunc(maps.Keys(elements), func(a, b *dtype.Type) int {
		return cmp.Or(cmp.Compare(elements[b], elements[a]), cmp.Compare(a.GGUF, b.GGUF))
	})
	if len(types) == 0 {
		return nil
	}
	return types[0]
}

func sortedKeys(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }
