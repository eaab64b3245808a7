package token

import (
	"encoding/json"
	"fmt"
	"slices"
	"unicode/utf8"
)

// HF writes the Spec as Hugging Face's tokenizer.json and tokenizer_config.json,
// which transformers loads as a PreTrainedTokenizerFast. Same Spec, same bytes. Tokens
// that [ParseHF] gives to ids without one are left out again.
func (s Spec) HF() (tokenizerJSON, configJSON []byte, err error) {
	if err := s.check(); err != nil {
		return nil, nil, err
	}
	if s.Model != "gpt2" {
		return nil, nil, unknown("tokenizer model", s.Model, []string{"gpt2"})
	}
	pre, err := preTokenizerOf(s.Pre)
	if err != nil {
		return nil, nil, err
	}
	file := hfTokenizer{
		Version:      "1.0",
		AddedTokens:  []hfAdded{},
		PreTokenizer: json.RawMessage(pre.json),
		Decoder:      json.RawMessage(`{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true}`),
		Model:        hfModel{Type: "BPE", Vocab: hfVocab{}, Merges: s.Merges},
	}
	if s.Merges == nil {
		file.Model.Merges = hfMerges{}
	}
	if err := file.addTokens(s); err != nil {
		return nil, nil, err
	}
	if s.AddBOS && s.BOS >= 0 {
		if file.PostProcessor, err = bosProcessor(s.Tokens[s.BOS], s.BOS); err != nil {
			return nil, nil, err
		}
	}
	if tokenizerJSON, err = marshal(file); err != nil {
		return nil, nil, fmt.Errorf("token: tokenizer.json: %w", err)
	}
	configJSON, err = s.hfConfig()
	return tokenizerJSON, configJSON, err
}

// addTokens fills the vocabulary and the added tokens.
func (f *hfTokenizer) addTokens(s Spec) error {
	for id, token := range s.Tokens {
		if s.fills(id) {
			continue
		}
		if first, ok := f.Model.Vocab[token]; ok {
			return fmt.Errorf("token: tokens %d and %d are both %.40q, which tokenizer.json cannot say", first, id, token)
		}
		if !utf8.ValidString(token) {
			return fmt.Errorf("token: token %d (%.40q) is not UTF-8, which tokenizer.json cannot say", id, token)
		}
		f.Model.Vocab[token] = id
		if kind := s.kind(id); kind == Control || kind == Unknown || kind == UserDefined {
			f.AddedTokens = append(f.AddedTokens, hfAdded{ID: id, Content: token, Special: kind != UserDefined})
		}
	}
	return nil
}

// fills tells whether a token only fills a hole in the numbering.
func (s Spec) fills(id int) bool {
	named := func(f idField) bool { return *f.id == id }
	return s.kind(id) == Unused && s.Tokens[id] == unusedName(id) && !slices.ContainsFunc(s.idFields(), named)
}

func (s Spec) hfConfig() ([]byte, error) {
	name := func(id int) hfToken {
		if id < 0 {
			return ""
		}
		return hfToken(s.Tokens[id])
	}
	config := hfConfig{
		BOS: name(s.BOS), EOS: name(s.EOS), UNK: name(s.UNK), PAD: name(s.PAD),
		AddBOS: s.AddBOS, Class: "PreTrainedTokenizerFast",
	}
	var err error
	if s.ChatTemplate != "" {
		if config.ChatTemplate, err = marshal(s.ChatTemplate); err != nil {
			return nil, fmt.Errorf("token: tokenizer_config.json: %w", err)
		}
	}
	out, err := marshal(config)
	if err != nil {
		return nil, fmt.Errorf("token: tokenizer_config.json: %w", err)
	}
	return out, nil
}

// bosProcessor is the post-processor that puts a token before the text.
func bosProcessor(bos string, id int) (json.RawMessage, error) {
	type object = map[string]any
	token := object{"SpecialToken": object{"id": bos, "type_id": 0}}
	text := func(name string, kind int) object {
		return object{"Sequence": object{"id": name, "type_id": kind}}
	}
	return marshal(object{
		"type":           "TemplateProcessing",
		"single":         []object{token, text("A", 0)},
		"pair":           []object{token, text("A", 0), token, text("B", 1)},
		"special_tokens": object{bos: object{"id": bos, "ids": []int{id}, "tokens": []string{bos}}},
	})
}
