package token

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func extended(t *testing.T, tokens ...string) (before, after *Tokenizer) {
	t.Helper()
	spec, err := Train(slices.Values([]string{"the cat sat on the mat"}), 280, "gpt-2", []string{"<end>"})
	if err != nil {
		t.Fatal(err)
	}
	larger, _, err := spec.Extend(tokens)
	if err != nil {
		t.Fatal(err)
	}
	if before, err = New(spec); err != nil {
		t.Fatal(err)
	}
	if after, err = New(larger); err != nil {
		t.Fatal(err)
	}
	return before, after
}

// A new token is one wherever it occurs, the longest first; what is around it
// keeps its tokens, and so does a text without it.
func TestExtend(t *testing.T) {
	before, after := extended(t, `{"a": "`, `{"a": "b`, `"}`)
	n := before.Vocab()
	for text, want := range map[string][]int{
		`{"a": "`:            {n},
		`{"a": "bat"}`:       slices.Concat([]int{n + 1}, before.Encode("at", false), []int{n + 2}),
		`the cat{"a": "sat`:  slices.Concat(before.Encode("the cat", false), []int{n}, before.Encode("sat", false)),
		`the cat {"a" : " }`: before.Encode(`the cat {"a" : " }`, false),
	} {
		got := after.Encode(text, false)
		if !slices.Equal(got, want) {
			t.Errorf("%q is %v, want %v", text, got, want)
		}
		if back := string(after.Decode(got)); back != text {
			t.Errorf("%q comes back as %q", text, back)
		}
	}
	if after.IsSpecial(n) {
		t.Error("a new token counts as special: it would not be shown")
	}
}

// What is pruned keeps the new tokens.
func TestExtendAndPrune(t *testing.T) {
	_, after := extended(t, `{"a": "`)
	spec, old, err := after.Spec().Prune(func(int) bool { return false })
	if err != nil {
		t.Fatal(err)
	}
	if last := len(spec.Tokens) - 1; spec.Tokens[last] != `{"a": "` || old[last] != after.Vocab()-1 {
		t.Errorf("the last token is %q, want the new one", spec.Tokens[last])
	}
}

// What cannot be a token is passed over, and the others are added.
func TestExtendPassesOver(t *testing.T) {
	before, _ := extended(t)
	for name, token := range map[string]string{
		"a token that there is":   "<end>",
		"a token twice":           "xyz",
		"a token that ends turns": "<|im_end|>",
		"an empty token":          "",
		"a token that is no text": "\xff",
		"a long token":            strings.Repeat("x", maxAdded+1),
	} {
		larger, added, err := before.Spec().Extend([]string{"xyz", token, "zyx"})
		if want := []string{"xyz", "zyx"}; err != nil || !slices.Equal(added, want) || !slices.Equal(larger.Tokens[before.Vocab():], want) {
			t.Errorf("%s: %.40q are added, %v; want %q", name, added, err, want)
		}
	}
}

// Tokens are added as long as all have room.
func TestExtendHasRoom(t *testing.T) {
	before, _ := extended(t)
	var tokens []string
	for i := range maxAllAdded/maxAdded + 1 {
		tokens = append(tokens, fmt.Sprintf("%0*d", maxAdded, i))
	}
	tokens = append(tokens, "xyz")
	_, added, err := before.Spec().Extend(tokens)
	// <end> and single bytes that are no text leave no room for the last of the long ones.
	if err != nil || len(added) >= len(tokens)-1 || added[len(added)-1] != "xyz" {
		t.Errorf("%d of %d tokens are added, %v; want all that there is room for, and the short one", len(added), len(tokens), err)
	}
}
