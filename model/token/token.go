// Package token turns text into token ids and back, exactly as the reference
// implementation (Hugging Face tokenizers) does.
//
// Vocabulary. A token is a byte string with an id. The vocabulary, the merges and
// the special tokens come from a model's file as a [Spec]; [New] makes a
// [Tokenizer] of it. A pre-tokenizer cuts text into words; an algorithm (byte-level
// BPE is the one known so far) turns each word into ids. Added tokens are those
// found in the text itself, before any word is cut: control tokens such as
// <|im_start|>, and user-defined ones.
//
// Limits. Only what was compared with the reference is known: another tokenizer
// model or pre-tokenizer is an error that lists what is, never a guess. Text is
// bytes: invalid UTF-8, which the reference does not take, is kept byte by byte. A
// vocabulary may lack single bytes: SmolLM2's has no token for 13 that are in no
// UTF-8, nor for six control characters, nor for 0xf1 and 0xf2, with which
// unassigned code points begin. The reference drops those, without an unknown
// token, and merges what was around them; so does Encode.
// [Tokenizer.MissingBytes] tells which. Encode never adds a BOS by itself.
package token

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Tokenizer encodes and decodes. It is safe for concurrent use.
type Tokenizer struct {
	spec   Spec
	words  algorithm
	added  matcher // every added token
	always matcher // user-defined tokens only: recognized in any text
	ids    *index
	stops  []int

	text  []byte   // bytes of all tokens, one after the other
	start []uint32 // token id is text[start[id]:start[id+1]]
}

// algorithm is the seam behind which a tokenizer algorithm works.
type algorithm interface {
	// learn gets the algorithm ready to encode, by ids of the vocabulary's tokens.
	learn(s Spec, ids *index) error
	// encode appends the ids of text, which holds no added tokens.
	encode(dst []int, text string) []int
	// decode appends the bytes of a token that is not an added one.
	decode(dst []byte, token string) []byte
	// missing lists the single bytes that encode drops.
	missing() []byte
}

// algorithms maps tokenizer.ggml.model to what makes it.
var algorithms = map[string]func(s Spec) (algorithm, error){
	"gpt2": newByteBPE,
}

// New checks a Spec and makes a Tokenizer of it.
func New(spec Spec) (*Tokenizer, error) {
	if err := spec.check(); err != nil {
		return nil, err
	}
	makeWords, ok := algorithms[spec.Model]
	if !ok {
		return nil, unknown("tokenizer model", spec.Model, slices.Sorted(maps.Keys(algorithms)))
	}
	words, err := makeWords(spec)
	if err != nil {
		return nil, err
	}
	t := &Tokenizer{spec: spec, words: words}
	var beside sync.WaitGroup
	beside.Go(func() { // what needs no index
		t.added = newMatcher(spec, func(kind int32) bool { return kind != Normal })
		t.always = newMatcher(spec, func(kind int32) bool { return kind == UserDefined })
		t.layPieces()
	})
	t.ids = newIndex(spec.Tokens)
	err = words.learn(spec, t.ids)
	beside.Wait()
	if err != nil {
		return nil, err
	}
	t.stops = spec.stops(t.ids)
	return t, nil
}

// unknown is the error for a name that this build does not know.
func unknown(what, name string, known []string) error {
	return fmt.Errorf("token: %s %q is not known; known are: %s", what, name, strings.Join(known, ", "))
}

// layPieces fills text and start.
func (t *Tokenizer) layPieces() {
	t.start = make([]uint32, len(t.spec.Tokens)+1)
	for id, token := range t.spec.Tokens {
		if t.spec.kind(id) == Normal {
			t.text = t.words.decode(t.text, token)
		} else {
			t.text = append(t.text, token...)
		}
		t.start[id+1] = uint32(len(t.text))
	}
}

// Encode returns the ids of text. With special, control tokens written out in the
// text become their id; without, they are text like any other, which is what
// untrusted text needs. User-defined tokens are recognized either way.
func (t *Tokenizer) Encode(text string, special bool) []int {
	return t.EncodeTo(nil, text, special)
}

// EncodeTo is Encode appending to dst. It allocates nothing for words seen before
// if dst has room.
func (t *Tokenizer) EncodeTo(dst []int, text string, special bool) []int {
	m := &t.always
	if special {
		m = &t.added
	}
	if m.longest == 0 {
		return t.words.encode(dst, text)
	}
	found, done := places.Get().(*[block]place), 0
	for lo := 0; lo < len(text); lo += block {
		for _, f := range slices.Backward(found[:m.find(found, text, lo)]) {
			if f.at >= done { // else it lies in the one before it
				dst = append(t.words.encode(dst, text[done:f.at]), f.id)
				done = f.at + len(t.spec.Tokens[f.id])
			}
		}
	}
	places.Put(found)
	return t.words.encode(dst, text[done:])
}

// Decode returns the bytes of the ids, special tokens written out. They are not
// always valid UTF-8. Ids outside the vocabulary are skipped.
func (t *Tokenizer) Decode(ids []int) []byte {
	var text []byte
	for _, id := range ids {
		text = append(text, t.Piece(id)...)
	}
	return text
}

// Piece returns the bytes of one token, nil if the id is outside the vocabulary.
// The caller must not change them.
func (t *Tokenizer) Piece(id int) []byte {
	if id < 0 || id >= len(t.spec.Tokens) {
		return nil
	}
	return t.text[t.start[id]:t.start[id+1]:t.start[id+1]]
}

// Text returns what a token adds to a text for readers: its piece, but nil of one that
// steers the model or stands for nothing, whose name is no text: control, unknown and
// unused tokens.
func (t *Tokenizer) Text(id int) []byte {
	if t.IsSpecial(id) || id >= 0 && id < len(t.spec.Tokens) && t.spec.kind(id) == Unused {
		return nil
	}
	return t.Piece(id)
}

// Longest returns how many bytes the longest token has.
func (t *Tokenizer) Longest() int {
	longest := 0
	for id := range t.spec.Tokens {
		longest = max(longest, len(t.Piece(id)))
	}
	return longest
}

// Vocab returns the number of tokens.
func (t *Tokenizer) Vocab() int { return len(t.spec.Tokens) }

// Spec returns what the tokenizer was made of. The caller must not change it.
func (t *Tokenizer) Spec() Spec { return t.spec }

// ID returns the id of a token as the vocabulary spells it (byte-level: " a" is
// "Ġa").
func (t *Tokenizer) ID(token string) (int, bool) {
	return t.ids.find(token)
}

// IsSpecial reports whether a token steers the model rather than being text:
// control and unknown tokens.
func (t *Tokenizer) IsSpecial(id int) bool {
	if id < 0 || id >= len(t.spec.Tokens) {
		return false
	}
	kind := t.spec.kind(id)
	return kind == Control || kind == Unknown
}

// Spelled returns the first control token that text spells out, "" if it has none.
// Without special, [Tokenizer.Encode] reads it as text like any other.
func (t *Tokenizer) Spelled(text string) string {
	found := places.Get().(*[block]place)
	defer places.Put(found)
	for lo := 0; lo < len(text); lo += block {
		for _, f := range slices.Backward(found[:t.added.find(found, text, lo)]) {
			if t.IsSpecial(f.id) {
				return t.spec.Tokens[f.id]
			}
		}
	}
	return ""
}

// BOS returns the id that begins a sequence, -1 if none.
func (t *Tokenizer) BOS() int { return t.spec.BOS }

// EOS returns the id that ends a sequence, -1 if none.
func (t *Tokenizer) EOS() int { return t.spec.EOS }

// UNK returns the id that stands for what the vocabulary cannot spell, -1 if none.
func (t *Tokenizer) UNK() int { return t.spec.UNK }

// PAD returns the id that fills up shorter sequences of a batch, -1 if none.
func (t *Tokenizer) PAD() int { return t.spec.PAD }

// AddBOS reports whether the model expects a BOS before the first token. Adding
// it is the caller's task.
func (t *Tokenizer) AddBOS() bool { return t.spec.AddBOS && t.spec.BOS >= 0 }

// Begin returns what stands before the tokens of a text: a BOS if the model expects one.
func (t *Tokenizer) Begin() []int {
	if !t.AddBOS() {
		return nil
	}
	return []int{t.spec.BOS}
}

// Stops returns the ids that end a reply, ascending: EOS, the end of a turn, and added
// tokens whose well-known names say so.
func (t *Tokenizer) Stops() []int { return slices.Clone(t.stops) }

// MissingBytes lists the bytes that have no token, ascending. Encode drops them,
// as the reference does.
func (t *Tokenizer) MissingBytes() []byte { return t.words.missing() }
