package steps

import (
	"errors"
	"strings"
	"sync"
	"time"

	"limbeck/data"
	"limbeck/internal/par"
	"limbeck/model"
	"limbeck/model/arch"
	"limbeck/nn/op"
	"limbeck/recipe"
	"limbeck/recipe/run"
	"limbeck/store/builtin"
	"limbeck/tensor/kernel"
	"limbeck/train"
)

// What share of the rate of a bare product a whole pass reaches: the rest goes
// to attention, norms, the optimizer. Measured on models of 10 M and 135 M
// parameters.
const (
	trainShare   = 0.68
	forwardShare = 0.75
	int8Speedup  = 1.3 // of a quantized teacher's pass
)

// baseMemory is what the program takes before it holds a model.
const baseMemory = 60 << 20

// rate measures the floating-point operations a second of a matrix product on
// all cores, once.
var rate = sync.OnceValue(func() float64 {
	pool := par.New(0)
	defer pool.Close()
	const n = 512
	x := make([]float32, 3*n*n)
	for i := range x {
		x[i] = float32(i%7) - 3
	}
	a, b, c := kernel.Dense(x[:n*n], n, n), kernel.Dense(x[n*n:2*n*n], n, n), kernel.Dense(x[2*n*n:], n, n)
	var g op.GEMM
	g.Mul(pool, c, a, b, false)
	start, products := time.Now(), 0
	for time.Since(start) < 200*time.Millisecond {
		g.Mul(pool, c, a, b, false)
		products++
	}
	return 2 * n * n * n * float64(products) / time.Since(start).Seconds()
})

// work is how many tokens a step has before it, and how many of them carry
// loss.
type work struct{ tokens, rows float64 }

// passes of the training examples under the settings of a training.
func (w work) of(t *recipe.Train) work {
	passes := t.Epochs
	if t.Steps > 0 && w.tokens > 0 {
		passes = float64(t.Steps) * float64(t.BatchTokens) / w.tokens
	}
	passes *= float64(max(1, len(t.LR)))
	return work{w.tokens * passes, w.rows * passes}
}

// readExamples reads the recipe's training examples as the data step will,
// without those that are held out; that step may not have run yet.
func readExamples(c *recipe.Chain) ([]data.Example, error) {
	d := c.Recipe.Data
	s := dataSettings{Format: d.Format, Columns: d.Columns, System: d.System, Limit: d.Limit}
	all, err := s.load(c.Recipe.Find(d.Train))
	if err != nil {
		return nil, err
	}
	if d.Validation.File == "" {
		all, _ = data.Holdout(all, float64(d.Validation.Share))
	}
	return all, nil
}

// readSet returns these examples as the model of ref cuts them into tokens.
func readSet(c *recipe.Chain, ref string) (*model.Model, []train.Sequence, error) {
	all, err := readExamples(c)
	if err != nil {
		return nil, nil, err
	}
	m, err := openRef(c, ref)
	if err != nil {
		return nil, nil, err
	}
	if err := adaptTemplate(m, all); err != nil {
		return nil, nil, errors.Join(err, m.Close())
	}
	set, _, err := data.Sequences(m, all, 1<<20)
	if err != nil {
		return nil, nil, errors.Join(err, m.Close())
	}
	return m, set, nil
}

// examine counts the tokens of the recipe's training examples, with those that
// will be made from them, and returns the shape of the model of ref.
func examine(c *recipe.Chain, ref string) (work, arch.Config, error) {
	var w work
	m, set, err := readSet(c, ref)
	if err != nil {
		return w, arch.Config{}, err
	}
	defer m.Close()
	for _, s := range set {
		w.tokens += float64(len(s.IDs) - 1)
		w.rows += float64(s.Targets())
	}
	if a := c.Recipe.Data.Augment; a != nil {
		w.tokens *= float64(1 + a.ExchangeSlots)
		w.rows *= float64(1 + a.ExchangeSlots)
	}
	return w, m.Config(), nil
}

// openRef opens the model that a recipe names.
func openRef(c *recipe.Chain, ref string) (*model.Model, error) {
	if strings.HasPrefix(ref, builtin.Prefix) {
		return Open(ref)
	}
	return Open(c.Recipe.Find(recipe.File(ref)))
}

// operations returns the multiplications and additions of one pass forward.
func operations(c arch.Config, w work) float64 {
	head := float64(c.Vocab * c.Width)
	body := float64(c.Params()) - head
	if !c.Tied {
		body -= head
	}
	return 2 * (body*w.tokens + head*w.rows)
}

// trainMemory returns the peak of a training: weights, gradients, two moments,
// the best weights so far, and the activations of one pass.
func trainMemory(c arch.Config, batchTokens int) int64 {
	const perWeight = 5 * 4
	tokens := int64(min(batchTokens, train.Defaults().MicroTokens))
	// What the tape keeps of a token: values and gradients of each block.
	floats := int64(c.Layers) * int64(6*c.Width+2*(c.Heads+c.KVHeads)*c.HeadDim+3*c.FFN)
	return baseMemory + perWeight*int64(c.Params()) + 8*tokens*floats
}

// studentConfig returns the student's shape before it is made.
func studentConfig(c *recipe.Chain, t arch.Config) arch.Config {
	s := c.Recipe.Student
	if s.From.Model() {
		return t
	}
	if s.Params > 0 {
		t.Layers = 1
		for t.Layers < 64 && t.Params() < int(s.Params) {
			t.Layers++
		}
		return t
	}
	t.Layers, t.Width, t.FFN = s.Layers.Of(t.Layers), s.Hidden.Of(t.Width), s.FFN.Of(t.FFN)
	t.Heads, t.KVHeads, t.Vocab = s.Heads.Of(t.Heads), s.KVHeads.Of(t.KVHeads), s.Vocab.Of(t.Vocab)
	return t
}

func predictTrain(c *recipe.Chain, ref string, student bool, t *recipe.Train) func() (run.Cost, error) {
	return func() (run.Cost, error) {
		w, shape, err := examine(c, ref)
		if err != nil {
			return run.Cost{}, err
		}
		if student {
			shape = studentConfig(c, shape)
		}
		return run.Cost{
			Seconds: 3 * operations(shape, w.of(t)) / (rate() * trainShare),
			Memory:  trainMemory(shape, int(t.BatchTokens)),
			Disk:    6 * 4 * int64(shape.Params()),
		}, nil
	}
}

// predictCache predicts the time of the teachers' pass over the examples.
func predictCache(c *recipe.Chain, members int, ref string, topK int) func() (run.Cost, error) {
	return func() (run.Cost, error) {
		w, shape, err := examine(c, ref)
		if err != nil {
			return run.Cost{}, err
		}
		stored := int64(w.rows) * int64(topK) * 8
		return run.Cost{
			Seconds: float64(members) * operations(shape, w) / (rate() * forwardShare * int8Speedup),
			Memory:  baseMemory + 4*int64(members*shape.Params()) + stored,
			Disk:    stored,
		}, nil
	}
}

// predictDistill predicts a training of the student (of student, or cut from
// the teacher) with, if the teacher is live, its passes.
func predictDistill(c *recipe.Chain, student, teacher string, d *recipe.Distill, cached bool) func() (run.Cost, error) {
	fit := predictTrain(c, student, student == teacher, &d.Train)
	return func() (run.Cost, error) {
		cost, err := fit()
		if err != nil || cached {
			return cost, err
		}
		w, shape, err := examine(c, teacher)
		cost.Seconds += operations(shape, w.of(&d.Train)) / (rate() * forwardShare * int8Speedup)
		cost.Memory += 4 * int64(shape.Params())
		return cost, err
	}
}

func predictPrune(c *recipe.Chain, ref string, calibration int) func() (run.Cost, error) {
	return func() (run.Cost, error) {
		w, shape, err := examine(c, ref)
		if err != nil {
			return run.Cost{}, err
		}
		m := studentConfig(c, shape)
		share := min(1, float64(calibration)*40/max(w.tokens, 1))
		return run.Cost{
			Seconds: operations(shape, work{w.tokens * share, 0}) / (rate() * forwardShare),
			Memory:  baseMemory + 4*int64(shape.Params()+m.Params()),
			Disk:    4 * int64(m.Params()),
		}, nil
	}
}
