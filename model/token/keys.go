package token

import (
	"fmt"
	"math"
)

// GGUF metadata keys of a tokenizer.
const (
	keyModel  = "tokenizer.ggml.model"
	keyPre    = "tokenizer.ggml.pre"
	keyTokens = "tokenizer.ggml.tokens"
	keyTypes  = "tokenizer.ggml.token_type"
	keyMerges = "tokenizer.ggml.merges"
	keyAddBOS = "tokenizer.ggml.add_bos_token"
	keySpace  = "tokenizer.ggml.add_space_prefix"
	keyChat   = "tokenizer.chat_template"
)

// idField binds the key of a special id to its place in a Spec.
type idField struct {
	key string
	id  *int
}

func (s *Spec) idFields() []idField {
	return []idField{
		{"tokenizer.ggml.bos_token_id", &s.BOS},
		{"tokenizer.ggml.eos_token_id", &s.EOS},
		{"tokenizer.ggml.eot_token_id", &s.EOT},
		{"tokenizer.ggml.unknown_token_id", &s.UNK},
		{"tokenizer.ggml.padding_token_id", &s.PAD},
	}
}

// Keys returns the GGUF metadata that says the same as the Spec. Values are
// string, bool, uint32, []string and []int32, the types that GGUF files use.
func (s Spec) Keys() map[string]any {
	types := s.Types
	if len(types) == 0 {
		types = make([]int32, len(s.Tokens))
		for i := range types {
			types[i] = Normal
		}
	}
	kv := map[string]any{
		keyModel:  s.Model,
		keyPre:    s.Pre,
		keyTokens: s.Tokens,
		keyTypes:  types,
		keyMerges: s.Merges,
		keyAddBOS: s.AddBOS,
		keySpace:  s.AddSpacePrefix,
	}
	if s.ChatTemplate != "" {
		kv[keyChat] = s.ChatTemplate
	}
	for _, f := range s.idFields() {
		if *f.id >= 0 {
			kv[f.key] = uint32(*f.id)
		}
	}
	return kv
}

// FromKeys reads a Spec from GGUF metadata, other keys being ignored. It checks
// types and that tokenizer.ggml.model, .pre, .tokens and .merges are there; New
// checks the rest.
func FromKeys(kv map[string]any) (Spec, error) {
	s := Spec{BOS: -1, EOS: -1, EOT: -1, UNK: -1, PAD: -1}
	r := keyReader{kv: kv}
	s.Model = read[string](&r, keyModel, true)
	s.Pre = read[string](&r, keyPre, s.Model == "gpt2")
	s.Tokens = read[[]string](&r, keyTokens, true)
	s.Merges = read[[]string](&r, keyMerges, s.Model == "gpt2")
	s.Types = r.int32s(keyTypes)
	s.AddBOS = read[bool](&r, keyAddBOS, false)
	s.AddSpacePrefix = read[bool](&r, keySpace, false)
	s.ChatTemplate = read[string](&r, keyChat, false)
	for _, f := range s.idFields() {
		if v, ok := kv[f.key]; ok {
			*f.id = r.id(f.key, v)
		}
	}
	return s, r.err
}

// keyReader reads typed values and keeps the first error.
type keyReader struct {
	kv  map[string]any
	err error
}

func (r *keyReader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("token: "+format, args...)
	}
}

// read returns the value of a key, the zero value if it is absent and not needed.
func read[T any](r *keyReader, key string, needed bool) (value T) {
	v, ok := r.kv[key]
	if !ok {
		if needed {
			r.fail("metadata lacks %s", key)
		}
		return value
	}
	value, ok = v.(T)
	if !ok {
		r.fail("%s is a %T, want %T", key, v, value)
	}
	return value
}

func (r *keyReader) int32s(key string) []int32 {
	v, ok := r.kv[key]
	if !ok {
		return nil
	}
	switch v := v.(type) {
	case []int32:
		return v
	case []uint32:
		out := make([]int32, len(v))
		for i, x := range v {
			out[i] = int32(min(x, math.MaxInt32))
		}
		return out
	}
	r.fail("%s is a %T, want []int32", key, v)
	return nil
}

func (r *keyReader) id(key string, v any) int {
	var id int64
	switch v := v.(type) {
	case uint32:
		id = int64(v)
	case int32:
		id = int64(v)
	case uint64:
		id = int64(min(v, math.MaxInt64))
	case int64:
		id = v
	case uint16:
		id = int64(v)
	case int:
		id = int64(v)
	default:
		r.fail("%s is a %T, want an integer", key, v)
		return -1
	}
	if id < 0 || id > math.MaxInt32 {
		r.fail("%s is %d, want a token id", key, id)
		return -1
	}
	return int(id)
}
