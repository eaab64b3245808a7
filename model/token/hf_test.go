package token

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// tiny returns a tokenizer.json of two bytes and one merge, with one text replaced.
func tiny(old, new string) []byte {
	const file = `{"added_tokens":[{"id":3,"content":"<s>","special":true},{"id":4,"content":"<u>","normalized":true}],
		"normalizer":null,"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false},
		"post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}]},
		"decoder":{"type":"ByteLevel"},
		"model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":[["a","b"]]}}`
	if !strings.Contains(file, old) {
		panic("nothing to replace: " + old)
	}
	return []byte(strings.Replace(file, old, new, 1))
}

func TestParseHF(t *testing.T) {
	want := Spec{
		Model: "gpt2", Pre: "gpt-2",
		Tokens: []string{"a", "b", "ab", "<s>", "<u>"},
		Types:  []int32{Normal, Normal, Normal, Control, UserDefined},
		Merges: []string{"a b"},
		BOS:    3, EOS: 4, EOT: -1, UNK: -1, PAD: -1, AddBOS: true, ChatTemplate: "T",
	}
	const text = `{"Sequence":{"id":"A","type_id":0}}`
	for _, file := range [][]byte{
		tiny("", ""), tiny(`["a","b"]`, `"a b"`), tiny(`{"a":0,`, `{"<s>":3,"a":0,`),
		tiny(text, text+`,{"SpecialToken":{"id":"<u>","type_id":0}}`), // the end is no tokenizer's
	} {
		for _, template := range []string{`"T"`, `[{"name":"tool","template":"U"},{"name":"default","template":"T"}]`} {
			got, err := ParseHF(file, []byte(`{"eos_token":"<u>","add_eos_token":true,"chat_template":`+template+`}`), 0)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v\nwant %+v", got, want)
			}
		}
	}
}

func TestParseHFRefuses(t *testing.T) {
	for _, c := range []struct{ old, new, config, want string }{
		{`"BPE"`, `"Unigram"`, "", `model "Unigram" is not known; known are: BPE`},
		{`"normalizer":null`, `"normalizer":{"type":"NFC"}`, "", `normalizer is {"type":"NFC"}; only null is supported`},
		{`"add_prefix_space":false`, `"add_prefix_space":true`, "", "pre_tokenizer"},
		{`"decoder":{"type":"ByteLevel"}`, `"decoder":{"type":"WordPiece"}`, "", `decoder "WordPiece"`},
		{`"merges"`, `"dropout":0.1,"merges"`, "", "model.dropout is 0.1; only 0 and null are supported"},
		{`"merges"`, `"continuing_subword_prefix":"##","merges"`, "", `model.continuing_subword_prefix is "##"; only "" and null are supported`},
		{`"merges"`, `"end_of_word_suffix":"</w>","merges"`, "", `model.end_of_word_suffix is "</w>"; only "" and null are supported`},
		{`"merges"`, `"byte_fallback":true,"merges"`, "", "model.byte_fallback is true; only false is supported"},
		{`"merges"`, `"ignore_merges":true,"merges"`, "", "model.ignore_merges is true; only false is supported"},
		{`"merges"`, `"unk_token":"a","merges"`, "", `unk_token is "a", but the vocabulary lacks "Ā", byte 0; only null, or a token for each byte, is supported`},
		{`"merges"`, `"unk_token":"z","merges"`, "", `"z" is not in the vocabulary`},
		{`"special":true`, `"special":true,"lstrip":true`, "", `"<s>": single_word, lstrip and rstrip are false, true and false; only false is`},
		{`"id":3`, `"id":5`, "", "leave no holes"},
		{`"b":1`, `"b":0`, "", "id 0 is that of"},
		{`"b":1`, `"b":1,"a":2`, "", `"model.vocab" has "a" twice, want each name once`},
		{`"b":1`, `"b":-1`, "", "has id -1"},
		{`"b":1`, `"b":4000000000`, "", "has id 4000000000"},
		{`["a","b"]`, `["a"]`, "", `"model.merges" has a merge, number 1, of 1 tokens, want 2`},
		{`,"merges":[["a","b"]]`, ``, "", "model.merges is missing"},
		{`[["a","b"]]`, `null`, "", "model.merges is missing"},
		{`"vocab"`, `"words"`, "", "model.vocab is missing"},
		{`"TemplateProcessing"`, `"Roberta"`, "", "post_processor"},
		{`{"id":"<s>"`, `{"id":"<t>"`, "", `"<t>" is not in the vocabulary`},
		{"", "", `{"eos_token":"q"}`, `eos_token "q" is not in the vocabulary`},
		{`"type_id":0}}]`, `"type_id":0}},{"SpecialToken":{"id":"<s>","type_id":0}}]`, `{"eos_token":"<u>"}`, "post_processor"},
		{"", "", `{`, "tokenizer_config.json"},
		{"", "", `{"chat_template":[{"name":"rag","template":"x"}]}`, `chat_template: none of the 1 is named "default"`},
		{"", "", `{"chat_template":5}`, `tokenizer_config.json: "chat_template" is 5, want a string or a list of named templates`},
		{"{", "", "", "tokenizer.json"},
		{"", "", `[]`, "tokenizer_config.json: it is a list, want a JSON object"},
		{"", "", `{"eos_token":5}`, `"eos_token" is neither a string nor an object`},
		{`"b":1`, `"b":1.5`, "", `"model.vocab.b" is 1.5, want a whole number`},
		{`[["a","b"]]`, `[1]`, "", `"model.merges" is neither a list of strings nor one of pairs`},
		{`"id":4`, `"id":"4"`, "", `"added_tokens[1].id" is a string, want a whole number`},
		{`"single":[`, `"single":[5,`, "", `post_processor: "single[0]" is 5, want an object`},
	} {
		if c.config == "" {
			c.config = "{}"
		}
		_, err := ParseHF(tiny(c.old, c.new), []byte(c.config), 0)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s -> %s: error %v, want %q", c.old, c.new, err, c.want)
		}
	}
}

// A tokenizer.json or tokenizer_config.json that is cut off anywhere is refused, by an
// error that names the file and the place.
func TestTruncated(t *testing.T) {
	tokenizer := tiny("", "")
	config := []byte(`{"bos_token":"<s>",
		"eos_token":{"content":"<u>","lstrip":false},"add_bos_token":true,"pad_token":null,"chat_template":"{{ \u0061 }}"}`)
	if _, err := ParseHF(tokenizer, config, 0); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		file  []byte
		parse func(cut []byte) (Spec, error)
	}{
		"tokenizer.json":        {tokenizer, func(cut []byte) (Spec, error) { return ParseHF(cut, config, 0) }},
		"tokenizer_config.json": {config, func(cut []byte) (Spec, error) { return ParseHF(tokenizer, cut, 0) }},
	} {
		for n := range c.file {
			want := fmt.Sprintf("token: %s: it is not JSON: line %d, byte %d: ", name, 1+bytes.Count(c.file[:n], []byte("\n")), n)
			if n == 0 {
				want = "token: " + name + ": it is empty, want a JSON object"
			}
			if _, err := c.parse(c.file[:n]); err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Fatalf("%d of %d bytes: got %v, want %s", n, len(c.file), err, want)
			}
		}
	}
}

// Of several tokens with wrong ids, always the same is named.
func TestHFErrorsAreTheSame(t *testing.T) {
	for vocab, want := range map[string]string{
		`"z":-2,"y":77,"x":78,"w":-5,"v":79`: `token "v" has id 79, want`,
		`"z":2,"y":2,"x":2,"w":2,"v":2`:      `id 2 is that of "w" and of another token`,
	} {
		for range 20 { // maps are gone through in any order
			if _, err := ParseHF(tiny(`"ab":2`, vocab), nil, 0); err == nil || !strings.Contains(err.Error(), want) {
				t.Fatalf("%s: error %v, want %q", vocab, err, want)
			}
		}
	}
}

// No merges at all are what an empty list says.
func TestEmptyMerges(t *testing.T) {
	s, err := ParseHF(tiny(`[["a","b"]]`, `[]`), nil, 0)
	if err != nil || len(s.Merges) != 0 {
		t.Fatalf("merges %q, error %v", s.Merges, err)
	}
	s.Merges = nil
	if _, err := FromKeys(s.Keys()); err != nil {
		t.Error(err)
	}
	file, config, err := s.HF()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseHF(file, config, 0); err != nil {
		t.Error(err)
	}
}

// Ids without a token, at the end and between, get one that is unused, and is not
// written again. A tokenizer has no more tokens than its model.
func TestHoles(t *testing.T) {
	file := tiny(`"id":4`, `"id":6`)
	want := Spec{
		Model: "gpt2", Pre: "gpt-2",
		Tokens: []string{"a", "b", "ab", "<s>", "[PAD4]", "[PAD5]", "<u>", "[PAD7]"},
		Types:  []int32{Normal, Normal, Normal, Control, Unused, Unused, UserDefined, Unused},
		Merges: []string{"a b"},
		BOS:    3, EOS: -1, EOT: -1, UNK: -1, PAD: -1, AddBOS: true,
	}
	got, err := ParseHF(file, nil, 8)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v, %v\nwant %+v", got, err, want)
	}
	file, config, err := got.HF()
	if err != nil || strings.Contains(string(file), "[PAD") {
		t.Errorf("%v, written are %s", err, file)
	}
	if again, err := ParseHF(file, config, 8); err != nil || !reflect.DeepEqual(again, want) {
		t.Errorf("read again: %+v, %v", again, err)
	}
	const large = `token "<u>" has id 6, but the embedding has 6 rows: take the tokenizer that the model was trained with, or add rows`
	if _, err := ParseHF(file, config, 6); err == nil || !strings.Contains(err.Error(), large) {
		t.Errorf("got %v, want %s", err, large)
	}
	tok, err := New(got)
	if err != nil {
		t.Fatal(err)
	}
	// No byte of it has a token.
	if ids := tok.Encode("ab[PAD7]<u>", true); !reflect.DeepEqual(ids, []int{2, 6}) {
		t.Errorf("ids %v", ids)
	}
}

func TestHFRefuses(t *testing.T) {
	s := smallSpec(t, "gpt-2")
	s.Tokens = append(s.Tokens[:10:10], s.Tokens...)
	s.Types, s.Merges = nil, nil
	if _, _, err := s.HF(); err == nil || !strings.Contains(err.Error(), "are both") {
		t.Errorf("a vocabulary with a token twice: error %v", err)
	}
}

func FuzzParseHF(f *testing.F) {
	f.Add(tiny("", ""), []byte(`{"eos_token":{"content":"<s>"},"add_bos_token":true,"chat_template":"x"}`), byte(0))
	f.Add(tiny(`"ab":2`, `"ab":-2`), []byte(nil), byte(0))
	f.Add(tiny(`"id":4`, `"id":6`), []byte(`{"eos_token":"[PAD5]"}`), byte(8))
	f.Fuzz(func(t *testing.T, file, config []byte, rows byte) {
		spec, err := ParseHF(file, config, int(rows))
		if err != nil {
			return
		}
		tok, err := New(spec)
		if err != nil {
			return
		}
		tok.Decode(tok.Encode("Hello <s>", true))
		a, b, err := spec.HF()
		if err != nil {
			return
		}
		if _, err := ParseHF(a, b, len(spec.Tokens)); err != nil {
			t.Errorf("what HF wrote is refused: %v", err)
		}
		if _, _, err := spec.Prune(func(id int) bool { return id%2 == 0 }); err != nil {
			t.Errorf("what New took, Prune refuses: %v", err)
		}
	})
}
