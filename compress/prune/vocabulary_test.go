package prune

import (
	"slices"
	"strings"
	"testing"

	"limbeck/model/token"
)

// words is a text whose words a trained tokenizer has as single tokens; the
// first ones are the most frequent.
func words(t *testing.T) (token.Spec, []int) {
	t.Helper()
	text := strings.Repeat("light light light light alarm alarm alarm coffee coffee music ", 20)
	spec, err := token.Train(slices.Values([]string{text}), 300, "gpt-2", []string{"<end>"})
	if err != nil {
		t.Fatal(err)
	}
	tk, err := token.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	count := make([]int, len(spec.Tokens))
	for _, id := range tk.Encode(text, false) {
		count[id]++
	}
	return spec, count
}

func TestTokensKeepsTheMostFrequent(t *testing.T) {
	spec, count := words(t)
	_, least, err := spec.Prune(func(int) bool { return false })
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := Tokens(spec, count, len(least)-1); err == nil {
		t.Errorf("%d tokens: want an error, as bytes and special tokens need %d", len(least)-1, len(least))
	}
	before := 0
	for size := len(least); size <= len(spec.Tokens); size++ {
		small, ids, err := Tokens(spec, count, size)
		if err != nil {
			t.Fatal(err)
		}
		if len(ids) > size || len(ids) < before || len(small.Tokens) != len(ids) {
			t.Fatalf("size %d: %d tokens, %d before", size, len(ids), before)
		}
		before = len(ids)
		tk, err := token.New(small)
		if err != nil {
			t.Fatal(err)
		}
		const text = "light alarm coffee music\x00é"
		if got := tk.Decode(tk.Encode(text, false)); string(got) != text {
			t.Fatalf("size %d: %q comes back as %q", size, text, got)
		}
	}
	if before != len(spec.Tokens) {
		t.Errorf("asked for all %d tokens, %d stay", len(spec.Tokens), before)
	}
	_, ids, err := Tokens(spec, count, len(least)+12)
	if err != nil {
		t.Fatal(err)
	}
	light, music := slices.Index(spec.Tokens, "Ġlight"), slices.Index(spec.Tokens, "Ġmusic")
	if light < 0 || music < 0 {
		t.Fatal("the tokenizer did not learn the words")
	}
	if !slices.Contains(ids, light) || slices.Contains(ids, music) {
		t.Errorf("Ġlight stays: %v, Ġmusic stays: %v; want the more frequent one alone", slices.Contains(ids, light), slices.Contains(ids, music))
	}
}
