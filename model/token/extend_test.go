package token

import (
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
	larger, err := spec.Extend(tokens)
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

func TestExtendRefuses(t *testing.T) {
	before, _ := extended(t)
	for name, tokens := range map[string][]string{
		"a token that there is":   {"<end>"},
		"a token twice":           {"xyz", "xyz"},
		"an empty token":          {""},
		"a token that is no text": {"\xff"},
		"a long token":            {strings.Repeat("x", maxAdded+1)},
	} {
		if _, err := before.Spec().Extend(tokens); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}
