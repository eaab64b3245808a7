package model_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"limbeck/internal/testkit"
	"limbeck/nn/op"
)

// The logits of what a model knew stay as they were, and a new token's are the
// mean of those of its parts, which its embedding is the mean of too. A saved
// model has the new tokens.
func TestExtend(t *testing.T) {
	m := testkit.Model(4)
	before := logitsOf(t, m, false)
	vocab := m.Config().Vocab
	const piece = "a new piece: {"
	parts := m.Tokenizer.Encode(piece, false)
	long := strings.Repeat("a canned reply ", 100)         // than any token may be
	n, err := m.Extend([]string{long, piece, "a", "</s>"}) // "a" is a token, "</s>" ends replies
	if err != nil || n != 1 {
		t.Fatalf("%d new tokens, %v; want 1", n, err)
	}
	if got := m.Tokenizer.Encode("x"+piece, false); len(got) != 2 || got[1] != vocab {
		t.Errorf("the piece is %v, want token %d", got[1:], vocab)
	}
	path := filepath.Join(t.TempDir(), "m.gguf")
	if err := m.Save(path); err != nil {
		t.Fatal(err)
	}
	saved := open(t, path)
	after := logitsOf(t, saved, false)
	for row := range len(before) / vocab {
		old, now := before[row*vocab:(row+1)*vocab], after[row*(vocab+1):(row+1)*(vocab+1)]
		if !slices.Equal(old, now[:vocab]) {
			t.Fatalf("row %d: the logits of the old tokens have changed", row)
		}
		var mean float32
		for _, id := range parts {
			mean += old[id] / float32(len(parts))
		}
		if d := mean - now[vocab]; d > 1e-5 || d < -1e-5 {
			t.Errorf("row %d: the new token's logit is %g, want %g, the mean of its parts'", row, now[vocab], mean)
		}
	}
	weights := saved.Weights()
	table := weights[slices.IndexFunc(weights, func(w *op.Weight) bool { return w.Name == "token_embd.weight" })]
	row, part := make([]float32, table.Cols), make([]float32, table.Cols)
	table.DecodeRow(row, vocab)
	for _, id := range parts {
		table.DecodeRow(part, id)
		for j := range row {
			row[j] -= part[j] / float32(len(parts))
		}
	}
	for j, d := range row {
		if d > 1e-6 || d < -1e-6 {
			t.Fatalf("channel %d of the new embedding is %g off the mean of its parts", j, d)
		}
	}
}
