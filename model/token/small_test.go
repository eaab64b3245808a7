package token

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"limbeck/internal/testkit/allocs"
)

// smallSpec is the committed vocabulary of testdata/ids.py, with a pre-tokenizer of
// choice.
func smallSpec(t testing.TB, pre string) Spec {
	t.Helper()
	data, err := os.ReadFile("testdata/small.json")
	if err != nil {
		t.Fatal(err)
	}
	s, err := ParseHF(data, []byte(`{"bos_token":"<|im_start|>","eos_token":{"content":"<|im_end|>"},"pad_token":null}`), 0)
	if err != nil {
		t.Fatal(err)
	}
	s.Pre = pre
	return s
}

func TestSmall(t *testing.T) {
	g := readGolden(t)
	for pre := range preTokenizers {
		t.Run(pre, func(t *testing.T) {
			entry, ok := g.Models["small/"+pre]
			if !ok {
				t.Fatal("golden.json does not cover this pre-tokenizer: run testdata/ids.py")
			}
			tok := mustNew(t, smallSpec(t, pre))
			checkHard(t, tok, entry["hard"])
			checkDecoding(t, tok, hardText(t), "")
		})
	}
}

func TestSpecialTokens(t *testing.T) {
	tok := mustNew(t, smallSpec(t, "smollm"))
	start, _ := tok.ID("<|im_start|>")
	repoName, _ := tok.ID("<repo_name>")
	repo, _ := tok.ID("<repo")
	contains := func(text string, special bool, id int) bool {
		for _, got := range tok.Encode(text, special) {
			if got == id {
				return true
			}
		}
		return false
	}
	for _, c := range []struct {
		text    string
		special bool
		id      int
		want    bool
	}{
		{"a<|im_start|>b", true, start, true},
		{"a<|im_start|>b", false, start, false}, // untrusted text
		{"a<repo_name>b", false, repoName, true},
		{"a<repo_name>b", false, repo, false}, // the longest
		{"a<repo_nam>b", false, repo, true},
		{"<<|im_start|", true, start, false},
	} {
		if got := contains(c.text, c.special, c.id); got != c.want {
			t.Errorf("%q (special %v) has id %d: %v, want %v", c.text, c.special, c.id, got, c.want)
		}
	}
	if !tok.IsSpecial(start) || tok.IsSpecial(repo) || tok.IsSpecial(-1) || tok.IsSpecial(1<<30) {
		t.Error("IsSpecial: control tokens only")
	}
	if got, want := fmt.Sprint(tok.Stops()), "[0 2]"; got != want {
		t.Errorf("stops %s, want %s", got, want)
	}
	if tok.BOS() != 1 || tok.EOS() != 2 || tok.AddBOS() {
		t.Errorf("BOS %d, EOS %d, AddBOS %v", tok.BOS(), tok.EOS(), tok.AddBOS())
	}
	if tok.Piece(-1) != nil || tok.Piece(tok.Vocab()) != nil {
		t.Error("pieces outside the vocabulary")
	}
	if got, want := tok.Longest(), len("<|endoftext|>"); got != want {
		t.Errorf("the longest token has %d bytes, want %d", got, want)
	}
}

// TestTurnEnds knows the tokens that end a turn by their names, special or not, unless
// they are text.
func TestTurnEnds(t *testing.T) {
	s := smallSpec(t, "smollm")
	s.Types = slices.Clone(s.Types)
	s.EOS = -1
	last := len(s.Tokens) - 1
	for _, name := range []string{"<end_of_turn>", "</s>", "<|flush|>", "<|calls|>", "_<EOT>", "[EOT]", "[EOS]", "<end_of_utterance>", "<turn|>", "<|other|>"} {
		s.Tokens[last] = name
		for kind, want := range map[int32]bool{Control: true, UserDefined: true, Normal: false, Unused: false} {
			s.Types[last] = kind
			if got := slices.Contains(mustNew(t, s).Stops(), last); got != (want && slices.Contains(turnEnds, name)) || name == "<|other|>" && slices.Contains(turnEnds, name) {
				t.Errorf("%s of type %d ends a reply: %v", name, kind, got)
			}
		}
	}
}

// TestText leaves out the names of tokens that are no text.
func TestText(t *testing.T) {
	s := smallSpec(t, "smollm")
	s.Types = slices.Clone(s.Types)
	last := len(s.Tokens) - 1
	for kind, want := range map[int32]bool{Normal: true, UserDefined: true, Byte: true, Control: false, Unknown: false, Unused: false} {
		s.Types[last] = kind
		tok := mustNew(t, s)
		if piece, got := tok.Piece(last), tok.Text(last); len(piece) == 0 || want && !bytes.Equal(got, piece) || !want && got != nil {
			t.Errorf("type %d: text %q of piece %q, want it: %v", kind, got, piece, want)
		}
		if tok.Text(-1) != nil || tok.Text(last+1) != nil {
			t.Error("text outside the vocabulary")
		}
	}
}

// TestMatcher compares the search for added tokens with trying each at each place.
func TestMatcher(t *testing.T) {
	tokens := []string{"ab", "abc", "abcab", "b", "ca", "a<", "<", "<<>", "\xff", "é"}
	types := make([]int32, len(tokens))
	for i := range types {
		types[i] = Control
	}
	tok := mustNew(t, Spec{Model: "gpt2", Pre: "gpt-2", Tokens: tokens, Types: types, BOS: -1, EOS: -1, EOT: -1, UNK: -1, PAD: -1})
	naive := func(text string) (ids []int) {
		for at := 0; at < len(text); {
			best, size := -1, 0
			for id, token := range tokens {
				if strings.HasPrefix(text[at:], token) && len(token) > size {
					best, size = id, len(token)
				}
			}
			if best >= 0 {
				ids = append(ids, best)
			}
			at += max(1, size)
		}
		return ids
	}
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 20000 {
		b := make([]byte, r.IntN(9))
		if i%400 == 0 { // over where blocks meet
			b = make([]byte, r.IntN(3*block))
		}
		for i := range b {
			b[i] = "abc<>\xff\xc3\xa9 "[r.IntN(9)]
		}
		if got, want := tok.Encode(string(b), true), naive(string(b)); !slices.Equal(got, want) {
			t.Fatalf("%q: ids %d, want %d", b, got, want)
		}
	}
}

// TestMerge compares the heap with the definition: the lowest rank, leftmost.
func TestMerge(t *testing.T) {
	tok := mustNew(t, smallSpec(t, "gpt-2"))
	b := tok.words.(*byteBPE)
	naive := func(word string) []int {
		var ids []int
		for i := range len(word) {
			ids = append(ids, int(b.single[word[i]]))
		}
		for {
			at, best := -1, merge{rank: 1 << 30}
			for i := range len(ids) - 1 {
				if m, ok := b.merges.find(pair{int32(ids[i]), int32(ids[i+1])}); ok && m.rank < best.rank {
					at, best = i, m
				}
			}
			if at < 0 {
				return ids
			}
			ids = append(append(ids[:at:at], int(best.id)), ids[at+2:]...)
		}
	}
	r := rand.New(rand.NewPCG(3, 4))
	for range 3000 {
		word := make([]byte, 1+r.IntN(40))
		for i := range word {
			word[i] = " theandsoiurl\xe3\x81"[r.IntN(15)]
		}
		if got, want := b.word(nil, string(word)), naive(string(word)); !reflect.DeepEqual(got, want) {
			t.Fatalf("%q: %v, want %v", word, got, want)
		}
	}
}

// TestLongWords would not end if merging were quadratic.
func TestLongWords(t *testing.T) {
	tok := mustNew(t, smallSpec(t, "smollm"))
	const size = 1 << 20
	for _, unit := range []string{"a", "the", " ", "1", "<", "漢", "\xff", "<|im_start|", "ab\n", "'"} {
		text := strings.Repeat(unit, size/len(unit))
		if got := tok.Decode(tok.Encode(text, true)); string(got) != text {
			t.Errorf("a megabyte of %q does not come back", unit)
		}
	}
}

// Tokens that begin as the text does at each byte, and are not there: trying them one
// by one would take minutes.
func TestManyAddedTokens(t *testing.T) {
	s := Spec{Model: "gpt2", Pre: "gpt-2", BOS: -1, EOS: -1, EOT: -1, UNK: -1, PAD: -1}
	s.Tokens, s.Types = []string{"a", "b"}, []int32{Normal, Normal}
	for size := 25; size <= maxAdded; size++ {
		s.Tokens = append(s.Tokens, strings.Repeat("a", size-1)+"b")
		s.Types = append(s.Types, UserDefined)
	}
	tok := mustNew(t, s)
	const size = 2 << 20
	got := tok.Encode(strings.Repeat("a", size-1)+"b", true)
	if want := append(make([]int, size-maxAdded), len(s.Tokens)-1); !slices.Equal(got, want) {
		t.Errorf("%d ids, want %d: each a but for the longest token", len(got), len(want))
	}
}

func TestEncodeDoesNotAllocate(t *testing.T) {
	tok := mustNew(t, smallSpec(t, "smollm"))
	text := "First Citizen: before we proceed 1234 any further, hear me speak.<|im_end|>"
	dst := tok.Encode(text, true)
	if n := allocs.Of(100, func() { dst = tok.EncodeTo(dst[:0], text, true) }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

func TestConcurrentUse(t *testing.T) {
	tok := mustNew(t, smallSpec(t, "smollm"))
	text := strings.Join(hardText(t)[:500], "")
	want := mustNew(t, smallSpec(t, "smollm")).Encode(text, true)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if got := tok.Encode(text, true); !reflect.DeepEqual(got, want) {
				t.Error("ids differ")
			}
		})
	}
	wg.Wait()
}

func TestUnknownNames(t *testing.T) {
	good := smallSpec(t, "smollm")
	for _, c := range []struct {
		change func(s *Spec)
		want   string
	}{
		{func(s *Spec) { s.Model = "llama" }, `tokenizer model "llama" is not known; known are: gpt2`},
		{func(s *Spec) { s.Pre = "default" }, `pre-tokenizer "default" is not known; known are: gpt-2, smollm`},
		{func(s *Spec) { s.Pre = "" }, `pre-tokenizer "" is not known`},
		{func(s *Spec) { s.Tokens = nil }, "no tokens"},
		{func(s *Spec) { s.Types = s.Types[1:] }, "token types, want"},
		{func(s *Spec) { s.EOS = len(s.Tokens) }, "tokenizer.ggml.eos_token_id is 1202, want -1 (none) to 1201"},
		{func(s *Spec) { s.Merges = []string{"a"} }, `merge 1 of 1: "a", want two tokens`},
		{func(s *Spec) { s.Merges = append(s.Merges[:1:1], "q qqq") }, `merge 2 of 2: "q qqq": token "qqq" is not in the vocabulary`},
		{func(s *Spec) { s.AddSpacePrefix = true }, "add_space_prefix"},
		{func(s *Spec) { *s = s.added(1, maxAdded+1) }, "added token 1202 is 1025 bytes, want at most 1024"},
		{func(s *Spec) { *s = s.added(maxAllAdded/maxAdded, maxAdded) }, "bytes, want at most 4194304"},
	} {
		s := good
		c.change(&s)
		if _, err := New(s); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		}
	}
}

// added returns s with n more tokens of a size.
func (s Spec) added(n, size int) Spec {
	s.Tokens = append(slices.Clone(s.Tokens), slices.Repeat([]string{strings.Repeat("x", size)}, n)...)
	s.Types = append(slices.Clone(s.Types), slices.Repeat([]int32{UserDefined}, n)...)
	return s
}

func TestKeys(t *testing.T) {
	s := smallSpec(t, "smollm")
	s.AddBOS, s.ChatTemplate = true, "{{ messages }}"
	got, err := FromKeys(s.Keys())
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, s) {
		t.Error("FromKeys(Keys()) differs")
	}
	for key, v := range map[string]any{
		keyTokens: "a", keyModel: 3, keyTypes: []string{"1"}, "tokenizer.ggml.eos_token_id": "2",
	} {
		kv := s.Keys()
		kv[key] = v
		if _, err := FromKeys(kv); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%s: error %v, want one naming the key", key, err)
		}
	}
	for _, key := range []string{keyPre, keyMerges} {
		kv := s.Keys()
		delete(kv, key)
		if _, err := FromKeys(kv); err == nil || !strings.Contains(err.Error(), "lacks "+key) {
			t.Errorf("without %s: error %v", key, err)
		}
	}
}

func FuzzRoundTrip(f *testing.F) {
	for _, text := range []string{"", "a", "  \n 12 it's", "\xff\xfe\xe2\x82", "<|im_start|><repo_name", "👩🏽‍🚀é"} {
		f.Add(text, true)
		f.Add(text, false)
	}
	var toks []*Tokenizer
	for pre := range preTokenizers {
		toks = append(toks, mustNew(f, smallSpec(f, pre)))
	}
	f.Fuzz(func(t *testing.T, text string, special bool) {
		for _, tok := range toks {
			ids := tok.Encode(text, special)
			if got := tok.Decode(ids); !bytes.Equal(got, []byte(text)) {
				t.Fatalf("%s: %q became %q", tok.spec.Pre, text, got)
			}
			for _, id := range ids {
				if !special && tok.IsSpecial(id) {
					t.Fatalf("plain text %q has special token %d", text, id)
				}
			}
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	tok := realModel(b, "smollm2")
	text := corpus(b, "wikitext-2/valid.txt")
	var dst []int
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		dst = tok.EncodeTo(dst[:0], text, false)
	}
}

func BenchmarkNew(b *testing.B) {
	spec := realModel(b, "smollm2").Spec()
	for b.Loop() {
		mustNew(b, spec)
	}
}

// BenchmarkNewLarge is of as many tokens as Llama 3 has, each a shorter one and a
// byte.
func BenchmarkNewLarge(b *testing.B) {
	const tokens = 128_256
	spec := Spec{Model: "gpt2", Pre: "gpt-2", BOS: -1, EOS: -1, EOT: -1, UNK: -1, PAD: -1}
	for _, r := range byteRunes {
		spec.Tokens = append(spec.Tokens, string(r))
	}
	for i := 0; len(spec.Tokens) < tokens; i++ {
		left, right := spec.Tokens[i/256], spec.Tokens[i%256]
		spec.Tokens, spec.Merges = append(spec.Tokens, left+right), append(spec.Merges, left+" "+right)
	}
	for b.Loop() {
		mustNew(b, spec)
	}
}
