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

// memoryTolerance is how far predictions of memory may be off: the promise of
// the preflight.
const memoryTolerance = 0.15

// Predictions against peaks that the kernel measured in a run: of the built-in
// teacher (Q8_0), 2,000 training examples, 300 test examples, and a student of 3
// layers, half the neurons and 2,500 tokens, stored as Q4_0; on Linux, two cores.
func TestMeasuredMemory(t *testing.T) {
	teacher := arch.Config{Layers: 4, Width: 576, Heads: 6, KVHeads: 2, HeadDim: 64, FFN: 544, Vocab: 7005, Tied: true}
	student := teacher
	student.Layers, student.FFN, student.Vocab = 3, 272, 2500
	l := look{config: teacher, bytes: 10_900_000, packed: true, student: student}
	for _, c := range []struct {
		step                string
		predicted, measured int64
	}{
		{"prune", l.pruning(13_000), 76_000_000},
		{"compare", l.judging(work{7_200, 4_000}, int64(student.Params())), 104_000_000},
	} {
		if off := float64(c.predicted)/float64(c.measured) - 1; off < -memoryTolerance || off > memoryTolerance {
			t.Errorf("%s: %d bytes predicted, %d measured: off by %.0f %%", c.step, c.predicted, c.measured, 100*off)
		}
	}
}
