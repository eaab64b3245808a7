package prune

import (
	"context"
	"errors"
	"testing"

	"limbeck/internal/par"
	"limbeck/internal/testkit"
	"limbeck/model"
	"limbeck/model/gguf"
	"limbeck/store/builtin"
	"limbeck/train"
)

// short is how far below the number a shape may be, as a share of it: a step of
// neurons in every layer of the built-in's is up to 3.4 %, and the last layer is
// worth more than the neurons that stand in for it.
const short = 0.05

// What is asked for is nearly had, by a model of ten million parameters as by larger
// ones, whose steps are finer.
func TestShapeForIsNear(t *testing.T) {
	data, err := builtin.Model(builtin.HomeAssistant)
	if err != nil {
		t.Fatal(err)
	}
	f, err := gguf.Parse(data, "teacher")
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.FromGGUF(f)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	c := m.Config()
	for params := 1_000_000; params < c.Params(); params += 100_000 {
		s, err := ShapeFor(m, &Importance{}, params, c.Vocab)
		if err != nil {
			t.Fatal(err)
		}
		got := c
		got.Layers, got.Width, got.FFN, got.Heads, got.KVHeads, got.Vocab = s.Layers, s.Width, s.FFN, s.Heads, s.KVHeads, s.Vocab
		if n := got.Params(); n > params || float64(n) < (1-short)*float64(params) {
			t.Errorf("%d parameters asked for, %d given: %+v", params, n, s)
		}
		if s.FFN%neuronStep != 0 {
			t.Errorf("%d neurons, want a multiple of %d", s.FFN, neuronStep)
		}
	}
}

// All of a model is all of it, whatever its sizes are multiples of.
func TestShareOfAll(t *testing.T) {
	c := testkit.Even("llama", true)
	c.Width, c.Heads, c.KVHeads, c.FFN = 100, 4, 4, 172
	want := Shape{Layers: c.Layers, Heads: c.Heads, KVHeads: c.KVHeads, FFN: c.FFN, Width: c.Width}
	if got := shareOf(c, 1, 1); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// Shares become whole blocks, of models that have any.
func TestBlocks(t *testing.T) {
	for _, c := range []struct{ n, whole, want int }{
		{163, 544, 160}, {48, 96, 64}, {47, 96, 32}, {1, 96, 32}, {96, 96, 96}, {100, 100, 100}, {99, 100, 96}, {64, 96, 64}, {15, 31, 15}, {20, 32, 32},
	} {
		if got := RoundToBlocks(c.n, c.whole); got != c.want {
			t.Errorf("%d of %d: got %d, want %d", c.n, c.whole, got, c.want)
		}
	}
}

// What vocabularies are possible is the same whether too few tokens are asked for or
// too many.
func TestVocabularyIsAsLargeAsItCanBe(t *testing.T) {
	m := testkit.Model(3)
	imp := &Importance{Tokens: make([]int, m.Config().Vocab)}
	allowed := map[string]bool{}
	for _, vocab := range []int{5, 1_000_000} {
		_, _, direct := Tokens(m.Tokenizer.Spec(), imp.Tokens, vocab)
		_, beside := ShapeFor(m, imp, m.Config().Params(), vocab)
		for _, err := range []error{direct, beside} {
			var wrong *ShapeError
			if !errors.As(err, &wrong) || wrong.Part != "vocab" {
				t.Fatalf("%d tokens: %v, want an error of the vocabulary", vocab, err)
			}
			allowed[wrong.Allowed] = true
		}
	}
	if len(allowed) != 1 {
		t.Errorf("allowed: %v, want one range", allowed)
	}
}

func TestShapeFor(t *testing.T) {
	m := testkit.Model(3)
	pool := par.New(1)
	defer pool.Close()
	set := []train.Sequence{{IDs: m.Tokenizer.Encode("the cat sat on the mat", false), From: 1}}
	imp, err := Measure(context.Background(), m, set, pool, nil)
	if err != nil {
		t.Fatal(err)
	}
	whole := m.Config().Params()
	before := 0
	for params := whole / 20; params <= whole; params += whole / 20 {
		s, err := ShapeFor(m, imp, params, 0)
		if err != nil {
			if before > 0 {
				t.Fatalf("%d parameters: %v, though fewer were enough", params, err)
			}
			continue
		}
		p, err := NewPlan(m, imp, s)
		if err != nil {
			t.Fatal(err)
		}
		small, err := p.Apply(m)
		if err != nil {
			t.Fatal(err)
		}
		n := small.Config().Params()
		if n > params || n < before {
			t.Errorf("%d parameters asked for, %d given, %d before", params, n, before)
		}
		before = n
	}
	if before < whole*3/4 {
		t.Errorf("asked for all %d parameters, at most %d were given", whole, before)
	}
	if _, err := ShapeFor(m, imp, 10, 0); err == nil {
		t.Error("10 parameters: want an error")
	}
}
