package generate

import (
	"strconv"
	"testing"

	"limbeck/internal/par"
	"limbeck/internal/testkit"
	"limbeck/model"
	"limbeck/model/arch"
	"limbeck/model/token"
	"limbeck/tensor/dtype"
)

// randomModel returns a model of random weights; its tokens are numbers.
func randomModel(t testing.TB, c arch.Config, format *dtype.Type) *model.Model {
	t.Helper()
	spec := token.Spec{Model: "gpt2", Pre: "gpt-2", Tokens: make([]string, c.Vocab), BOS: -1, EOS: -1, EOT: -1, UNK: -1, PAD: -1}
	for i := range spec.Tokens {
		spec.Tokens[i] = strconv.Itoa(i)
	}
	tokenizer, err := token.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	return &model.Model{Model: testkit.Decoder(c, format, 1), Tokenizer: tokenizer}
}

// A runner that packs later replies to the bit what one replies that is packed,
// and is packed itself from the second pass on.
func TestPackLater(t *testing.T) {
	pool := par.New(2)
	defer pool.Close()
	options := Options{MaxTokens: 9, Endless: true}
	var want *Reply
	for _, later := range []bool{false, true} {
		m := randomModel(t, testkit.Even("llama", false), dtype.Q4_0)
		r := NewRunner(m, pool, Precision{})
		if later {
			r.PackLater()
		} else {
			m.Pack(pool)
		}
		before := m.Weights()[0].Bytes()
		got, err := r.NewSession(0).Reply(t.Context(), []int{1, 2, 3}, options, nil)
		if err != nil {
			t.Fatal(err)
		}
		if later && !same(got, want) {
			t.Errorf("got %v with probabilities %v, want %v with %v", got.IDs, got.LogProbs, want.IDs, want.LogProbs)
		}
		if after := m.Weights()[0].Bytes(); later != (after > before) {
			t.Errorf("packing later %v: a weight of %d bytes takes %d after the reply", later, before, after)
		}
		want = got
	}
}
