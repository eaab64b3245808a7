package model

import (
	"errors"
	"fmt"

	"limbeck/model/arch"
	"limbeck/model/gguf"
	"limbeck/model/safetensors"
	"limbeck/model/token"
	"limbeck/tensor"
)

// openFolder is [open] of a model in Hugging Face's layout.
func openFolder(dir string, beside func(*Model) error) (_ *Model, err error) {
	f, err := safetensors.OpenFolder(dir)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	if f.TokenizerJSON() == nil {
		return nil, fmt.Errorf("%s has no tokenizer.json", dir)
	}
	spec, err := token.ParseHF(f.TokenizerJSON(), f.TokenizerConfigJSON(), embedded(f.Tensors()))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	var meta gguf.Meta
	for _, k := range sortedKeys(f.Keys()) {
		meta.Set(k, f.Keys()[k])
	}
	tokens := spec.Keys()
	for _, k := range sortedKeys(tokens) {
		meta.Set(k, tokens[k])
	}
	if t := f.ChatTemplate(); t != "" {
		meta.Set(keyTemplate, t)
	}
	m := &Model{path: dir, bytes: f.Bytes(), file: f.Shards()}
	if err := m.build(meta, f.Tensors(), beside); err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return m, nil
}

// embedded returns how many tokens the embedding has; 0 if there is none.
func embedded(tensors []*tensor.Tensor) int {
	for _, t := range tensors {
		if t.Name == arch.Embedding && len(t.Shape) == 2 {
			return min(t.Shape[0], len(t.Data)) // no more than the file has bytes for
		}
	}
	return 0
}

// SaveFolder writes the model in Hugging Face's layout. Weights keep the formats that
// it has, as [safetensors.Stores] tells; others are decoded to f32.
func (m *Model) SaveFolder(dir string) error {
	meta, tensors := m.GGUF()
	for i, t := range tensors {
		if !safetensors.Stores(t.Type) {
			tensors[i] = tensor.FromF32(t.Name, t.Decode(), t.Shape...)
		}
	}
	spec := m.Tokenizer.Spec()
	spec.ChatTemplate = m.templateSource // the model's own, or that it has none
	tokenizer, config, err := spec.HF()
	if err != nil {
		return err
	}
	keys := map[string]any{}
	for _, k := range meta.Keys() {
		keys[k], _ = meta.Get(k)
	}
	return safetensors.WriteFolder(dir, keys, tensors, map[string][]byte{
		"tokenizer.json": tokenizer, "tokenizer_config.json": config,
	})
}
