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

// A runner that packs later replies to the bit what one replies that is packed. It gives
// the first token before it packs, unless the prompt is long, and packs before the second.
func TestPackLater(t *testing.T) {
	pool := par.New(2)
	defer pool.Close()
	for _, prompt := range [][]int{{1, 2, 3}, make([]int, packAfter), make([]int, packAfter+1)} {
		testPackLater(t, pool, prompt)
	}
}

func testPackLater(t *testing.T, pool *par.Pool, prompt []int) {
	shape := testkit.Even("llama", false)
	shape.Context = 2 * packAfter
	options := Options{MaxTokens: 9, Endless: true}
	var want *Reply
	for _, later := range []bool{false, true} {
		m := randomModel(t, shape, dtype.Q4_0)
		r := NewRunner(m, pool, Precision{})
		if later {
			r.PackLater()
		} else {
			m.Pack(pool)
		}
		size := m.Weights()[0].Bytes
		before, first := size(), 0
		got, err := r.NewSession(0).Reply(t.Context(), prompt, options, func(string) {
			if first == 0 {
				first = size()
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if later && !same(got, want) {
			t.Errorf("a prompt of %d: got %v with probabilities %v, want %v with %v", len(prompt), got.IDs, got.LogProbs, want.IDs, want.LogProbs)
		}
		if packed, want := first > before, later && len(prompt) > packAfter; packed != want {
			t.Errorf("packing later %v, a prompt of %d: a weight of %d bytes takes %d at the first token", later, len(prompt), before, first)
		}
		if packed := size() > before; packed != later {
			t.Errorf("packing later %v, a prompt of %d: a weight of %d bytes takes %d after the reply", later, len(prompt), before, size())
		}
		want = got
	}
}
