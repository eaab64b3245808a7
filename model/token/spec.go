package token

import (
	"fmt"
	"math"
	"slices"
)

// Token types, as GGUF numbers them in tokenizer.ggml.token_type.
const (
	Normal      int32 = 1
	Unknown     int32 = 2 // stands for what the vocabulary cannot spell
	Control     int32 = 3 // special: recognized in text only on request
	UserDefined int32 = 4 // added: recognized in any text
	Unused      int32 = 5 // a hole in the numbering
	Byte        int32 = 6
)

// Spec is everything that a model's file says about its tokenizer.
type Spec struct {
	Model  string   // tokenizer.ggml.model: "gpt2" is byte-level BPE
	Pre    string   // tokenizer.ggml.pre, the pre-tokenizer
	Tokens []string // by id, as the vocabulary spells them
	Types  []int32  // by id; empty: all Normal
	Merges []string // "left right", the most urgent first

	BOS, EOS, EOT, UNK, PAD int // ids, -1 if none

	ChatTemplate string // Jinja; empty if the file has none

	AddBOS         bool // the model expects BOS first
	AddSpacePrefix bool // SentencePiece only: a space is put before the text
}

// What bounds an added token, and all of them, so that the memory that looking for
// them takes stays small whatever the file says; see [matcher]. Files have a tenth of
// it. [bytes]
const (
	maxAdded    = 1024
	maxAllAdded = 4 << 20
)

// turnEnds are names of tokens that end a reply whatever the file's eos is: chat models
// are often published with the base model's. They are control tokens, or user-defined
// ones, as files have them that do not say that they are special; a normal token of
// such a name, </s> for instance, is text.
var turnEnds = []string{
	"<|endoftext|>", "<|im_end|>", "<|end|>", "<|eot_id|>", "<|eom_id|>", "<|end_of_text|>",
	"<end_of_turn>", "</s>", "<eos>", "<EOT>", "<|eot|>", "<|return|>", "<|call|>",
	"<|flush|>", "<|calls|>", "_<EOT>", "[EOT]", "[EOS]", "<end_of_utterance>", "<turn|>",
}

// check refuses a Spec whose parts do not fit together.
func (s Spec) check() error {
	n := len(s.Tokens)
	if n == 0 {
		return fmt.Errorf("token: no tokens")
	}
	if n > math.MaxInt32 {
		return fmt.Errorf("token: %d tokens, want at most %d", n, math.MaxInt32)
	}
	if len(s.Types) != 0 && len(s.Types) != n {
		return fmt.Errorf("token: %d token types, want %d, one a token", len(s.Types), n)
	}
	size, added := 0, 0
	for id, token := range s.Tokens {
		size += len(token)
		if kind := s.kind(id); kind < Normal || kind > Byte {
			return fmt.Errorf("token: token %d (%.40q) has type %d, want 1 to 6", id, token, kind)
		} else if kind != Normal {
			added += len(token)
			if len(token) > maxAdded {
				return fmt.Errorf("token: added token %d is %d bytes, want at most %d", id, len(token), maxAdded)
			}
		}
	}
	if added > maxAllAdded {
		return fmt.Errorf("token: the added tokens are %d bytes, want at most %d", added, maxAllAdded)
	}
	if size > math.MaxInt32 {
		return fmt.Errorf("token: the tokens are %d bytes, want at most %d", size, math.MaxInt32)
	}
	if s.AddSpacePrefix {
		return fmt.Errorf("token: add_space_prefix is set, which tokenizer model %q does not have", s.Model)
	}
	return s.checkIDs()
}

// checkIDs refuses a special id outside the vocabulary.
func (s Spec) checkIDs() error {
	for _, f := range s.idFields() {
		if *f.id < -1 || *f.id >= len(s.Tokens) {
			return fmt.Errorf("token: %s is %d, want -1 (none) to %d", f.key, *f.id, len(s.Tokens)-1)
		}
	}
	return nil
}

// kind is the type of a token.
func (s Spec) kind(id int) int32 {
	if len(s.Types) == 0 {
		return Normal
	}
	return s.Types[id]
}

// stops lists the ids that end a reply.
func (s Spec) stops(ids *index) []int {
	var stops []int
	for _, id := range []int{s.EOS, s.EOT} {
		if id >= 0 {
			stops = append(stops, id)
		}
	}
	for _, name := range turnEnds {
		if id, ok := ids.find(name); ok && (s.kind(id) == Control || s.kind(id) == UserDefined) {
			stops = append(stops, id)
		}
	}
	slices.Sort(stops)
	return slices.Compact(stops)
}
