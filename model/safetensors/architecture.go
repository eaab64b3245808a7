package safetensors

import (
	"errors"
	"fmt"
	"strings"

	"limbeck/internal/fields"
	"limbeck/tensor"
)

// An architecture is one model class of transformers. Another one is another
// file like llama.go, and a line in architectures.
type architecture struct {
	class     string // config.json: architectures
	modelType string // config.json: model_type
	name      string // GGUF: general.architecture

	// keys translates config.json to GGUF's keys.
	keys func(config []byte) (map[string]any, error)

	// config translates back. The result is marshaled; tied tells that there
	// is no output matrix, and dtype is the torch name of the weights' format.
	config func(keys map[string]any, tied bool, dtype string) (any, error)

	// outer maps the GGUF names of single tensors to Hugging Face's, inner
	// those of each layer, without "blk.N." and "model.layers.N.".
	outer, inner map[string]string

	// ropeHeads gives the keys that hold the number of heads in an inner
	// tensor's rows; the first that is there counts. In these tensors rotary
	// pairs are neighbors in GGUF, halves in Hugging Face's.
	ropeHeads map[string][]string
}

var architectures = []*architecture{&llama}

const architectureKey = "general.architecture"

// fromConfig finds the architecture that config.json names.
func fromConfig(config []byte) (*architecture, error) {
	var c struct {
		Architectures []string `json:"architectures"`
		ModelType     string   `json:"model_type"`
	}
	if err := fields.Read(config, &c); err != nil {
		return nil, err
	}
	if len(c.Architectures) == 0 && c.ModelType == "" {
		return nil, errors.New(`no "architectures"`)
	}
	for _, a := range architectures {
		switch {
		case len(c.Architectures) == 0 && c.ModelType == a.modelType:
			return a, nil
		case len(c.Architectures) != 1 || c.Architectures[0] != a.class:
		case c.ModelType != "" && c.ModelType != a.modelType:
			return nil, fmt.Errorf(`"model_type" is %q, but "architectures" is %q, of which it is %q`, c.ModelType, a.class, a.modelType)
		default:
			return a, nil
		}
	}
	name := c.ModelType
	if len(c.Architectures) > 0 {
		name = strings.Join(c.Architectures, ", ")
	}
	return nil, fmt.Errorf("architecture %q is not known; known are: %s",
		name, list(func(a *architecture) string { return a.class }))
}

// fromKeys finds the architecture that GGUF keys name.
func fromKeys(keys map[string]any) (*architecture, error) {
	name, ok := keys[architectureKey].(string)
	if !ok {
		return nil, fmt.Errorf("key %q is missing", architectureKey)
	}
	for _, a := range architectures {
		if a.name == name {
			return a, nil
		}
	}
	return nil, fmt.Errorf("architecture %q is not known; known are: %s",
		name, list(func(a *architecture) string { return a.name }))
}

func list(name func(*architecture) string) string {
	var names []string
	for _, a := range architectures {
		names = append(names, name(a))
	}
	return strings.Join(names, ", ")
}

// heads returns the number of rotary heads in the rows of the tensor of that
// GGUF name, or 0 if its rows stay where they are.
func (a *architecture) heads(name string, keys map[string]any) (int, error) {
	_, inner, ok := splitLayer(name, "blk.")
	candidates := a.ropeHeads[inner]
	if !ok || candidates == nil {
		return 0, nil
	}
	for _, key := range candidates {
		if keys[key] != nil {
			return keyInt(keys, key)
		}
	}
	return keyInt(keys, candidates[0]) // an error that names it
}

// checkVocab refuses a table of tokens, of a GGUF name, that has another number of
// them than config.json says.
func (a *architecture) checkVocab(t *tensor.Tensor, name string, keys map[string]any) error {
	if name != embeddingName && name != outputName || len(t.Shape) != 2 {
		return nil
	}
	vocab, err := keyInt(keys, a.name+".vocab_size")
	if err == nil && t.Shape[0] != vocab {
		err = fmt.Errorf(`tensor %q has %d rows, but "vocab_size" in %s is %d`, t.Name, t.Shape[0], configFile, vocab)
	}
	return err
}

// swapHalves moves t's rows between the two orders of rotary pairs, to GGUF's
// or from it. In each head GGUF's rows 2i and 2i+1 are Hugging Face's i and
// i+half. The result is a new tensor.
func swapHalves(t *tensor.Tensor, heads int, toGGUF bool) (*tensor.Tensor, error) {
	if len(t.Shape) != 2 || heads < 1 || t.Shape[0]%(2*heads) != 0 {
		return nil, fmt.Errorf("tensor %q: shape %v does not divide into %d heads of pairs", t.Name, t.Shape, heads)
	}
	out := tensor.New(t.Name, t.Type, t.Shape...)
	half := t.Shape[0] / heads / 2
	for head := range heads {
		for i := range half {
			for side := range 2 {
				pair, split := (head*half+i)*2+side, (head*2+side)*half+i
				if toGGUF {
					copy(out.Row(pair), t.Row(split))
				} else {
					copy(out.Row(split), t.Row(pair))
				}
			}
		}
	}
	return out, nil
}
