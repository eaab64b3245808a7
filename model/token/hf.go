package token

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"

	"limbeck/internal/fields"
)

// hfTokenizer is tokenizer.json as Hugging Face tokenizers writes it.
type hfTokenizer struct {
	Version       string          `json:"version"`
	Truncation    json.RawMessage `json:"truncation"`
	Padding       json.RawMessage `json:"padding"`
	AddedTokens   []hfAdded       `json:"added_tokens"`
	Normalizer    json.RawMessage `json:"normalizer"`
	PreTokenizer  json.RawMessage `json:"pre_tokenizer"`
	PostProcessor json.RawMessage `json:"post_processor"`
	Decoder       json.RawMessage `json:"decoder"`
	Model         hfModel         `json:"model"`
}

type hfAdded struct {
	ID         int    `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	LStrip     bool   `json:"lstrip"`
	RStrip     bool   `json:"rstrip"`
	Normalized bool   `json:"normalized"`
	Special    bool   `json:"special"`
}

type hfModel struct {
	Type         string   `json:"type"`
	Dropout      *float64 `json:"dropout"`
	UnkToken     *string  `json:"unk_token"`
	Prefix       *string  `json:"continuing_subword_prefix"`
	Suffix       *string  `json:"end_of_word_suffix"`
	FuseUnk      bool     `json:"fuse_unk"`
	ByteFallback bool     `json:"byte_fallback"`
	IgnoreMerges bool     `json:"ignore_merges"`
	Vocab        hfVocab  `json:"vocab"`
	Merges       hfMerges `json:"merges"`
}

// hfVocab is the object of tokens and ids, written in the order of the ids.
type hfVocab map[string]int

func (v hfVocab) MarshalJSON() ([]byte, error) {
	tokens := slices.SortedFunc(maps.Keys(v), func(a, b string) int { return v[a] - v[b] })
	out := []byte{'{'}
	for i, token := range tokens {
		if i > 0 {
			out = append(out, ',')
		}
		key, err := marshal(token)
		if err != nil {
			return nil, err
		}
		out = append(out, key...)
		out = fmt.Appendf(out, ":%d", v[token])
	}
	return append(out, '}'), nil
}

// hfMerges are lines "left right", or, in newer files, arrays of the two.
type hfMerges []string

func (m *hfMerges) UnmarshalJSON(data []byte) error {
	if lines := []string(nil); json.Unmarshal(data, &lines) == nil {
		*m = lines
		return nil
	}
	wrong := errors.New("is neither a list of strings nor one of pairs of them")
	if data[0] != '[' {
		return wrong
	}
	merges := hfMerges{}
	for item := range fields.Items(data) { // one by one: all at once take several times their text
		var pair []string
		if json.Unmarshal(item, &pair) != nil {
			return wrong
		}
		if len(pair) != 2 {
			return fmt.Errorf("has a merge, number %d, of %d tokens, want 2", len(merges)+1, len(pair))
		}
		merges = append(merges, pair[0]+" "+pair[1])
	}
	*m = merges
	return nil
}

// hfConfig is what matters of tokenizer_config.json. A token is a string, or an
// object with its content.
type hfConfig struct {
	BOS          hfToken         `json:"bos_token"`
	EOS          hfToken         `json:"eos_token"`
	UNK          hfToken         `json:"unk_token"`
	PAD          hfToken         `json:"pad_token"`
	AddBOS       bool            `json:"add_bos_token"`
	CleanUp      bool            `json:"clean_up_tokenization_spaces"`
	ChatTemplate json.RawMessage `json:"chat_template,omitempty"`
	Class        string          `json:"tokenizer_class"`
}

type hfToken string

func (t *hfToken) UnmarshalJSON(data []byte) error {
	object := struct{ Content *string }{(*string)(t)}
	if json.Unmarshal(data, (*string)(t)) != nil && json.Unmarshal(data, &object) != nil {
		return errors.New(`is neither a string nor an object with a string as its "content"`)
	}
	return nil
}

func (t hfToken) MarshalJSON() ([]byte, error) {
	if t == "" {
		return []byte("null"), nil
	}
	return marshal(string(t))
}

// marshal writes JSON as Hugging Face does, without escapes for HTML.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), err
}

// ParseHF reads a Spec from Hugging Face's tokenizer.json and
// tokenizer_config.json (nil if there is none). What would give other ids than the
// reference's is an error: a normalizer, a pre-tokenizer, a kind of model or an
// option that this package does not know.
//
// rows is how many tokens the model's embedding has, 0 if it has as many as there are.
// Ids without a token get one that no text has, [PAD49153] for instance, as llama.cpp's
// convert_hf_to_gguf.py names it: embeddings are often made longer than needed.
func ParseHF(tokenizerJSON, configJSON []byte, rows int) (Spec, error) {
	var file hfTokenizer
	if err := fields.Read(tokenizerJSON, &file); err != nil {
		return Spec{}, fmt.Errorf("token: tokenizer.json: %w", err)
	}
	var config hfConfig
	if configJSON != nil {
		if err := fields.Read(configJSON, &config); err != nil {
			return Spec{}, fmt.Errorf("token: tokenizer_config.json: %w", err)
		}
	}
	s := Spec{Model: "gpt2", Merges: file.Model.Merges, BOS: -1, EOS: -1, EOT: -1, UNK: -1, PAD: -1}
	for _, step := range []func() error{
		file.known,
		func() (err error) { s.Pre, err = preTokenizerName(file.PreTokenizer); return err },
		func() error { return file.tokens(&s, rows) },
		func() error { return config.apply(&s) },
		func() error { return file.postProcessor(&s) },
		func() error { return s.check() },
	} {
		if err := step(); err != nil {
			return Spec{}, err
		}
	}
	return s, nil
}

// isNull reports whether a JSON value is absent or null.
func isNull(v json.RawMessage) bool { return len(v) == 0 || string(v) == "null" }

// typeOf returns a JSON object's "type".
func typeOf(v json.RawMessage) string {
	var object struct{ Type string }
	_ = json.Unmarshal(v, &object) // no object: no type
	return object.Type
}

// known refuses what this package does not compute.
func (f *hfTokenizer) known() error {
	m := &f.Model
	only := func(allowed, what, format string, is any) error {
		return wrongHF("%s is "+format+"; only %s supported", what, is, allowed)
	}
	switch {
	case m.Type != "BPE" && m.Type != "": // old files leave it out
		return unknown("tokenizer.json: model", m.Type, []string{"BPE"})
	case !isNull(f.Normalizer):
		return only("null is", "normalizer", "%.300s", f.Normalizer)
	case typeOf(f.Decoder) != "ByteLevel":
		return unknown("tokenizer.json: decoder", typeOf(f.Decoder), []string{"ByteLevel"})
	case m.Vocab == nil:
		return fmt.Errorf("token: tokenizer.json: model.vocab is missing")
	case m.Merges == nil: // none at all are an empty list
		return fmt.Errorf("token: tokenizer.json: model.merges is missing, without which text gets other ids")
	case m.Dropout != nil && *m.Dropout != 0:
		return only("0 and null are", "model.dropout", "%v", *m.Dropout)
	case m.Prefix != nil && *m.Prefix != "":
		return only(`"" and null are`, "model.continuing_subword_prefix", "%.40q", *m.Prefix)
	case m.Suffix != nil && *m.Suffix != "":
		return only(`"" and null are`, "model.end_of_word_suffix", "%.40q", *m.Suffix)
	case m.ByteFallback:
		return only("false is", "model.byte_fallback", "%v", true)
	case m.IgnoreMerges:
		return only("false is", "model.ignore_merges", "%v", true)
	}
	for _, a := range f.AddedTokens {
		if a.SingleWord || a.LStrip || a.RStrip {
			return wrongHF("added token %.40q: single_word, lstrip and rstrip are %v, %v and %v; only false is supported",
				a.Content, a.SingleWord, a.LStrip, a.RStrip)
		}
	}
	return nil
}

// preTokenizerName finds the pre-tokenizer that a value of tokenizer.json means.
func preTokenizerName(v json.RawMessage) (string, error) {
	meaning := func(v []byte) any {
		var x any
		_ = json.Unmarshal(v, &x) // nil equals no known one
		return withoutOffsets(x)
	}
	want := meaning(v)
	for name, p := range preTokenizers {
		if reflect.DeepEqual(want, meaning([]byte(p.json))) {
			return name, nil
		}
	}
	return "", unknown("tokenizer.json: pre_tokenizer", fmt.Sprintf("%.300s", v), slices.Sorted(maps.Keys(preTokenizers)))
}

// withoutOffsets drops trim_offsets, which does not change ids, and fills in
// use_regex, which old files leave out.
func withoutOffsets(x any) any {
	switch x := x.(type) {
	case map[string]any:
		delete(x, "trim_offsets")
		if _, ok := x["use_regex"]; !ok && x["type"] == "ByteLevel" {
			x["use_regex"] = true
		}
		for _, v := range x {
			withoutOffsets(v)
		}
	case []any:
		for _, v := range x {
			withoutOffsets(v)
		}
	}
	return x
}

// unusedName is what a token is called that stands for an id without one.
func unusedName(id int) string { return fmt.Sprintf("[PAD%d]", id) }

func wrongHF(format string, args ...any) error {
	return fmt.Errorf("token: tokenizer.json: "+format, args...)
}

// tokens fills Tokens and Types from the vocabulary and the added tokens.
func (f *hfTokenizer) tokens(s *Spec, rows int) error {
	n, err := f.countTokens()
	if err != nil {
		return err
	}
	if rows > 0 {
		n = rows
	}
	s.Tokens, s.Types = make([]string, n), make([]int32, n)
	if f.putVocabulary(s, maps.Keys(f.Model.Vocab), rows) != nil { // of several, always the same
		clear(s.Tokens)
		clear(s.Types)
		return f.putVocabulary(s, slices.Values(slices.Sorted(maps.Keys(f.Model.Vocab))), rows)
	}
	for _, a := range f.AddedTokens {
		kind := UserDefined
		if a.Special {
			kind = Control
		}
		if err := s.put(a.Content, a.ID, kind, rows); err != nil {
			return err
		}
	}
	for id, kind := range s.Types {
		switch {
		case kind == 0 && rows == 0:
			return wrongHF("no token has id %d", id)
		case kind == 0:
			s.Tokens[id], s.Types[id] = unusedName(id), Unused
		}
	}
	return f.unknownToken(s)
}

// countTokens returns how many tokens the vocabulary and the added tokens are together.
func (f *hfTokenizer) countTokens() (int, error) {
	n := len(f.Model.Vocab)
	for _, a := range f.AddedTokens {
		if id, ok := f.Model.Vocab[a.Content]; !ok {
			n++
		} else if id != a.ID {
			return 0, wrongHF("added token %.40q has id %d, in the vocabulary %d, want the same", a.Content, a.ID, id)
		}
	}
	if n > math.MaxInt32 {
		return 0, wrongHF("%d tokens, want at most %d", n, math.MaxInt32)
	}
	return n, nil
}

func (f *hfTokenizer) putVocabulary(s *Spec, tokens iter.Seq[string], rows int) error {
	for token := range tokens {
		if err := s.put(token, f.Model.Vocab[token], Normal, rows); err != nil {
			return err
		}
	}
	return nil
}

// put gives an id its token. rows, if not 0, are the embedding's.
func (s *Spec) put(token string, id int, kind int32, rows int) error {
	n := len(s.Tokens)
	if id >= n && rows > 0 {
		return wrongHF("token %.40q has id %d, but the embedding has %d rows: take the tokenizer that the model was trained with, or add rows by transformers' resize_token_embeddings",
			token, id, rows)
	}
	if id < 0 || id >= n {
		return wrongHF("token %.40q has id %d, want 0 to %d (ids leave no holes)", token, id, n-1)
	}
	if s.Types[id] != 0 && s.Tokens[id] != token {
		return wrongHF("id %d is that of %.40q and of another token", id, token)
	}
	s.Tokens[id], s.Types[id] = token, kind
	return nil
}

// unknownToken sets UNK. The reference puts it where a byte has no token, which
// this package never does.
func (f *hfTokenizer) unknownToken(s *Spec) error {
	if f.Model.UnkToken == nil || *f.Model.UnkToken == "" {
		return nil
	}
	id, ok := f.Model.Vocab[*f.Model.UnkToken]
	if !ok {
		return fmt.Errorf("token: tokenizer.json: unk_token %.40q is not in the vocabulary", *f.Model.UnkToken)
	}
	s.UNK = id
	for c, r := range byteRunes {
		if _, ok := f.Model.Vocab[string(r)]; !ok {
			return wrongHF("unk_token is %.40q, but the vocabulary lacks %q, byte %d; only null, or a token for each byte, is supported",
				*f.Model.UnkToken, string(r), c)
		}
	}
	return nil
}

// apply takes over what tokenizer_config.json says, but for add_eos_token: where a text
// ends, whoever encodes it puts the end.
func (c *hfConfig) apply(s *Spec) error {
	ids := newIndex(s.Tokens)
	for _, f := range []struct {
		key   string
		token hfToken
		id    *int
	}{{"bos_token", c.BOS, &s.BOS}, {"eos_token", c.EOS, &s.EOS}, {"unk_token", c.UNK, &s.UNK}, {"pad_token", c.PAD, &s.PAD}} {
		if f.token == "" {
			continue
		}
		id, ok := ids.find(string(f.token))
		if !ok {
			return fmt.Errorf("token: tokenizer_config.json: %s %.40q is not in the vocabulary", f.key, f.token)
		}
		*f.id = id
	}
	s.AddBOS = c.AddBOS
	var err error
	s.ChatTemplate, err = c.template()
	return err
}

// template returns the chat template: a string, or the one named "default" of a
// list; "" if there is none.
func (c *hfConfig) template() (string, error) {
	if isNull(c.ChatTemplate) {
		return "", nil
	}
	var text *string
	var named []struct {
		Name     string `json:"name"`
		Template string `json:"template"`
	}
	err := fields.OneOrMore("chat_template", c.ChatTemplate, &named, "named templates", func(s string) { text = &s })
	switch {
	case err != nil:
		return "", fmt.Errorf("token: tokenizer_config.json: %w", err)
	case text != nil:
		return *text, nil
	}
	for _, t := range named {
		if t.Name == "default" {
			return t.Template, nil
		}
	}
	return "", fmt.Errorf(`token: tokenizer_config.json: chat_template: none of the %d is named "default"`, len(named))
}

// postProcessor sees whether the file puts a BOS before the text. The EOS that it may
// put behind it is passed over, as add_eos_token is.
func (f *hfTokenizer) postProcessor(s *Spec) error {
	return addsBOS(f.PostProcessor, s, true)
}

// hfTemplate is the post-processor that frames a text by special tokens.
type hfTemplate struct {
	Type       string            `json:"type"`
	Processors []json.RawMessage `json:"processors"`
	Single     []struct {
		SpecialToken *struct {
			ID string `json:"id"`
		} `json:"SpecialToken"`
		Sequence *struct{} `json:"Sequence"`
	} `json:"single"`
}

func addsBOS(v json.RawMessage, s *Spec, nest bool) error {
	if isNull(v) {
		return nil
	}
	var t hfTemplate
	if err := fields.Read(v, &t); err != nil {
		return fmt.Errorf("token: tokenizer.json: post_processor: %w", err)
	}
	if last := len(t.Single) - 1; last > 0 && t.Single[last].SpecialToken != nil && s.EOS >= 0 && t.Single[last].SpecialToken.ID == s.Tokens[s.EOS] {
		t.Single = t.Single[:last]
	}
	switch {
	case t.Type == "ByteLevel": // moves offsets only
		return nil
	case t.Type == "Sequence" && nest:
		for _, p := range t.Processors {
			if err := addsBOS(p, s, false); err != nil {
				return err
			}
		}
		return nil
	case t.Type == "TemplateProcessing" && len(t.Single) == 1 && t.Single[0].Sequence != nil:
		return nil
	case t.Type == "TemplateProcessing" && len(t.Single) == 2 && t.Single[0].SpecialToken != nil && t.Single[1].Sequence != nil:
		bos := t.Single[0].SpecialToken.ID
		id := slices.Index(s.Tokens, bos)
		if id < 0 {
			return fmt.Errorf("token: tokenizer.json: post_processor: token %.40q is not in the vocabulary", bos)
		}
		s.BOS, s.AddBOS = id, true
		return nil
	}
	return unknown("tokenizer.json: post_processor", strings.TrimSpace(fmt.Sprintf("%.300s", v)),
		[]string{"ByteLevel", "TemplateProcessing of a token, the text and the eos_token", "Sequence of these"})
}
