package steps

import (
	"testing"

	"limbeck/compress/prune"
	"limbeck/internal/par"
	"limbeck/internal/testkit"
	"limbeck/model/arch"
	"limbeck/recipe"
	"limbeck/train"
)

// The shape that a prediction reckons with is the one that pruning makes.
func TestStudentConfig(t *testing.T) {
	m := testkit.Model(1)
	set := []train.Sequence{{IDs: m.Tokenizer.Encode("the cat sat on the mat", false), From: 1}}
	pool := par.New(1)
	defer pool.Close()
	imp, err := prune.Measure(t.Context(), m, set, pool, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]recipe.Student{
		"by parameters": {Params: 80e3},
		"by counts":     {Layers: recipe.Dim{Count: 2}, FFN: recipe.Dim{Share: 0.5}, Heads: recipe.Dim{Count: 2}, KVHeads: recipe.Dim{Count: 1}},
		"as it is":      {},
	} {
		student, err := sketch(&recipe.Recipe{Student: s}, m, imp)
		if err != nil {
			t.Fatal(err)
		}
		got := student.Config()
		shape, err := shapeOf(s, m, imp)
		if err != nil {
			t.Fatal(err)
		}
		plan, err := prune.NewPlan(m, imp, shape)
		if err != nil {
			t.Fatal(err)
		}
		made, err := plan.Apply(m)
		if err != nil {
			t.Fatal(err)
		}
		if want := made.Config(); got != want {
			t.Errorf("%s: predicted %+v, made %+v", name, got, want)
		}
	}
}

// Times and memory grow with what there is to do.
func TestCostsGrow(t *testing.T) {
	c := arch.Config{Layers: 2, Width: 64, Heads: 2, KVHeads: 1, HeadDim: 32, FFN: 128, Vocab: 300, Tied: true}
	l := look{config: c, pass: work{1000, 500}, validation: work{100, 50}}
	less, more := recipe.Default[recipe.Train](), recipe.Default[recipe.Train]()
	more.Epochs = 2 * less.Epochs
	a, b := l.train(c, 0, less), l.train(c, 0, more)
	if !(b.Seconds > 1.9*a.Seconds && b.Seconds < 2.1*a.Seconds) || a.Memory != b.Memory {
		t.Errorf("twice the epochs: %+v, then %+v", a, b)
	}
	more = recipe.Default[recipe.Train]()
	more.LR = recipe.Rates{1e-3, 2e-3}
	if b = l.train(c, 0, more); !(b.Seconds > 1.9*a.Seconds) || b.Memory != a.Memory || b.Disk <= a.Disk {
		t.Errorf("two learning rates: %+v, then %+v", a, b)
	}
	more = recipe.Default[recipe.Train]()
	more.LoRA = recipe.Default[recipe.LoRA]()
	if b = l.train(c, 0, more); b.Memory >= a.Memory {
		t.Errorf("adapters take %d bytes, all weights %d", b.Memory, a.Memory)
	}
}
