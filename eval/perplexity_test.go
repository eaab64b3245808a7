package eval

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"limbeck/data"
	"limbeck/internal/par"
	"limbeck/internal/testkit"
	"limbeck/model"
	"limbeck/model/generate"
	"limbeck/nn/op"
)

// passTol is relative: a pass over other rows, or on from a cache, adds the same f32
// products of three layers in another order.
const passTol = 1e-5

// exactly returns a runner in f32, with a cache in f32.
func exactly(t *testing.T, m *model.Model) *generate.Runner {
	pool := par.New(1)
	t.Cleanup(pool.Close)
	return generate.NewRunner(m, pool, generate.Precision{Exact: true})
}

// tiny returns a random model with room for a window of a text, and one whose texts
// begin with a BOS.
func tiny(t *testing.T) (plain, begun *model.Model) {
	t.Helper()
	c, spec := testkit.Model(1).Config(), testkit.Model(1).Tokenizer.Spec()
	c.Context = windowTokens
	random := func() *model.Model {
		m, err := model.New(c, testkit.Random{Rand: rand.New(rand.NewPCG(1, 2))}, spec, testkit.Template)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	plain = random()
	spec.BOS, spec.AddBOS = slices.Index(spec.Tokens, "<|im_start|>"), true
	if begun = random(); !begun.Tokenizer.AddBOS() {
		t.Fatal("no BOS")
	}
	return plain, begun
}

// losses returns, for each token from position from on, its negative log-likelihood
// after those before it: by a pass over all of them, without a cache, and the
// logarithm of the softmax as it is written.
func losses(tape *op.Tape, m *model.Model, ids []int, from int) []float64 {
	tape.Reset()
	logits, vocab := m.Head(tape, m.Forward(tape, op.One(ids, nil)), nil).Data, m.Config().Vocab
	var out []float64
	for p := from; p < len(ids); p++ {
		row, sum := logits[(p-1)*vocab:p*vocab], 0.0
		for _, x := range row {
			sum += math.Exp(float64(x))
		}
		out = append(out, math.Log(sum)-float64(row[ids[p]]))
	}
	return out
}

func total(x []float64) (sum float64) {
	for _, v := range x {
		sum += v
	}
	return sum
}

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if !(math.Abs(got-want) <= passTol*math.Abs(want)) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// The second half of each window counts but for its first token; each window begins
// anew, with a BOS in the place of its first token where the model wants one.
func TestMeasurePerplexity(t *testing.T) {
	text := strings.Repeat("the cat sat on the mat, and zinc is a metal. ", 60)
	plain, begun := tiny(t)
	for name, m := range map[string]*model.Model{"plain": plain, "with a BOS": begun} {
		tape := exactly(t, m).Tape()
		ids := m.Tokenizer.Encode(text, false)
		if m == begun {
			ids = append([]int{m.Tokenizer.BOS()}, ids...)
		}
		var want []float64
		for w := 0; w < 2; w++ {
			window := slices.Clone(ids[512*w : 512*(w+1)])
			if m == begun {
				window[0] = m.Tokenizer.BOS()
			}
			want = append(want, losses(tape, m, window, 257)...)
		}
		got, err := measurePerplexity(t.Context(), m, tape, text, 2, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got.Windows != 2 || got.N != 2*255 || len(want) != got.N {
			t.Errorf("%s: %d tokens of %d windows, want 510 of 2", name, got.N, got.Windows)
		}
		near(t, name, got.Value, math.Exp(total(want)/float64(len(want))))
	}
}

// Of conversations the reply and its end count, of plain texts all but the first token:
// a BOS before it, of models that expect one, changes nothing of what counts.
func TestReplyLosses(t *testing.T) {
	chats := []data.Example{data.NewChat("wake me", "at six"), alarm()}
	texts := []data.Example{{Text: "the cat sat on the mat"}}
	plain, begun := tiny(t)
	for _, m := range []*model.Model{plain, begun} {
		tape := exactly(t, m).Tape()
		check := func(examples []data.Example, want ...[]float64) {
			t.Helper()
			sums, err := ReplyLosses(t.Context(), m, tape, examples, nil)
			if err != nil || len(sums) != 2*len(examples) {
				t.Fatalf("%d sums, %v, want 2 of each of %d examples", len(sums), err, len(examples))
			}
			for i, w := range want {
				near(t, examples[i].Input()+examples[i].Text, sums[2*i], total(w))
				if sums[2*i+1] != float64(len(w)) {
					t.Errorf("%v tokens, want %d", sums[2*i+1], len(w))
				}
			}
			p, err := measureReplies(t.Context(), m, tape, examples, nil)
			all := slices.Concat(want...)
			if err != nil || p.N != len(all) {
				t.Errorf("perplexity of %d tokens, %v, want %d", p.N, err, len(all))
			}
			near(t, "perplexity", p.Value, math.Exp(total(all)/float64(len(all))))
		}
		var want [][]float64
		for i := range chats {
			prompt, err := data.PromptIDs(m, &chats[i])
			if err != nil {
				t.Fatal(err)
			}
			reply, _ := chats[i].Reply()
			want = append(want, losses(tape, m, append(prompt, m.ReplyIDs(reply)...), len(prompt)))
		}
		check(chats, want...)
		check(texts, losses(tape, m, data.TextIDs(m, texts[0].Text), data.TextStart(m)))
	}
}
