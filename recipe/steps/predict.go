package steps

import (
	"limbeck/internal/par"
	"limbeck/model/arch"
	"limbeck/recipe"
	"limbeck/recipe/run"
	"limbeck/train"
)

// What share of the rate of a bare product a whole pass reaches: the rest goes
// to attention, norms, the optimizer. Measured on models of 10 M and 135 M
// parameters.
const (
	trainShare   = 0.68
	bf16Share    = 0.4 // of a training in bf16: what is not a product takes as long as in f32
	forwardShare = 0.75
	packedShare  = 0.55 // of a pass with packed weights, likewise
	batchedShare = 0.6  // of a pass's rate, when replies of a batch grow token by token
)

// Rates of quantizing, in bytes of f32 a second and thread.
const (
	roundRate  = 150e6
	searchRate = 15e6 // weighted by importance
)

const (
	// baseMemory is what the program takes before it holds a model: itself,
	// the tokenizer, the examples, and what the collector has yet to collect.
	baseMemory = 60 << 20

	// programMemory is that of the program and its tokenizer alone: a pass
	// without gradients reuses its memory and makes next to no garbage.
	programMemory = 25 << 20

	sweepTokens = 1024 // of one pass without gradients
	answerRows  = 32   // replies that grow in one batch
	headRows    = 256  // logits of this many rows exist at once; see [op.HeadLoss]
)

// operations returns the multiplications and additions of one pass forward.
func operations(c arch.Config, w work) float64 {
	head := float64(c.Vocab * c.Width)
	body := float64(c.Params()) - head
	if !c.Tied {
		body -= head
	}
	return 2 * (body*w.tokens + head*w.rows)
}

// forward returns the seconds of a pass forward.
func forward(c arch.Config, packed bool, w work) float64 {
	var rate float64
	if packed {
		rate = packedShare * int8Rate()
	} else {
		rate = forwardShare * f32Rate()
	}
	return operations(c, w) / rate
}

// passes returns how often a training with one learning rate reads its
// examples, and how often it validates.
func (l *look) passes(t *recipe.Train) (passes, validations float64) {
	passes = t.Epochs
	if t.Steps > 0 && l.pass.tokens > 0 {
		passes = float64(t.Steps) * float64(t.BatchTokens) / l.pass.tokens
	}
	validations = passes
	switch steps := passes * l.pass.tokens / float64(t.BatchTokens); {
	case t.Keep == "last":
		validations = 0
	case t.EvalEvery.Count > 0:
		validations = steps / float64(t.EvalEvery.Count)
	case t.EvalEvery.Share > 0:
		validations = 1 / float64(t.EvalEvery.Share)
	}
	return passes, validations
}

// parts are the floats that a pass keeps of one token: of a block, and of
// inputs and gradients that live while a block runs.
func parts(c arch.Config) (block, live int64) {
	q, kv := int64(c.Heads*c.HeadDim), int64(c.KVHeads*c.HeadDim)
	return 6*int64(c.Width) + 2*q + 5*kv + 3*int64(c.FFN), 4*int64(c.Width) + 2*q + 2*kv + 3*int64(c.FFN)
}

// sweepMemory is that of a pass without gradients.
func sweepMemory(c arch.Config, tokens float64, head bool) int64 {
	block, _ := parts(c)
	n := 4 * int64(min(tokens, sweepTokens)) * block
	if head {
		n += 4 * headRows * int64(c.Vocab)
	}
	return n
}

// trainMemory returns the peak of a training from a file of so many bytes:
// weights, gradients, two moments, the best weights so far, and the activations
// of one pass.
func trainMemory(c arch.Config, file int64, t *recipe.Train, tokens float64) int64 {
	weights, states := 4*int64(c.Params()), int64(5)
	if t.Keep == "last" {
		states--
	}
	n := baseMemory + file + states*weights
	if t.LoRA != nil {
		n = baseMemory + file + weights // merged at the end
	}
	at := int64(min(float64(min(int(t.BatchTokens), train.Defaults().MicroTokens)), tokens))
	block, live := parts(c)
	n += 4*at*(int64(c.Layers)*block+live) + 2*4*headRows*int64(c.Vocab)
	if t.Keep != "last" {
		n += sweepMemory(c, tokens, true)
	}
	return n
}

func (l *look) train(c arch.Config, file int64, t *recipe.Train) run.Cost {
	passes, validations := l.passes(t)
	tried := float64(max(1, len(t.LR)))
	var rate float64
	if t.Compute == recipe.BF16 {
		rate = bf16Share * bf16Rate()
	} else {
		rate = trainShare * f32Rate()
	}
	return run.Cost{
		Seconds: tried * (3*operations(c, l.pass.times(passes))/rate + forward(c, false, l.validation.times(validations))),
		Memory:  trainMemory(c, file, t, l.pass.tokens),
		Disk:    (4 + int64(tried) + 1) * 4 * int64(c.Params()), // checkpoint, each rate's model, the output
	}
}

// predictTrain predicts a training of the model of ref, or of the student that
// is cut from it.
func predictTrain(c *recipe.Chain, ref string, student bool, t *recipe.Train) func() (run.Cost, error) {
	return func() (run.Cost, error) {
		l, err := examine(c, ref)
		if err != nil {
			return run.Cost{}, err
		}
		if student {
			l = l.whole(c.Recipe.Data)
			return l.train(l.student, 4*int64(l.student.Params()), t), nil
		}
		return l.train(l.config, l.bytes, t), nil
	}
}

// served is the memory of a model that is packed to be run: int8 layouts take
// the place of the file's pages, f32 panels stand beside them.
func (l *look) served() int64 {
	if l.packed {
		return l.bytes
	}
	return 2 * l.bytes
}

// predictCache predicts the time of the teachers' pass over the examples.
func predictCache(c *recipe.Chain, members int, ref string, topK int) func() (run.Cost, error) {
	return func() (run.Cost, error) {
		l, err := examineTeacher(c, ref)
		if err != nil {
			return run.Cost{}, err
		}
		l = l.whole(c.Recipe.Data)
		stored := int64(l.pass.rows) * int64(8*topK+8)
		return run.Cost{
			Seconds: float64(members) * forward(l.config, l.packed, l.pass),
			// What is stored is encoded as a whole before it is written.
			Memory: baseMemory + int64(members)*l.served() + 2*stored + sweepMemory(l.config, l.pass.tokens, true),
			Disk:   stored,
		}, nil
	}
}

// predictDistill predicts a training of the student (of student, or cut from
// the teacher) with, if the teacher is live, its passes.
func predictDistill(c *recipe.Chain, student, teacher string, d *recipe.Distill, cached bool) func() (run.Cost, error) {
	fit := predictTrain(c, student, student == teacher, &d.Train)
	return func() (run.Cost, error) {
		cost, err := fit()
		if err != nil {
			return cost, err
		}
		l, err := examineTeacher(c, teacher)
		if err == nil && d.Relation > 0 && d.RelationHeads > 0 {
			err = checkHeads(c, student, l.config)
		}
		l = l.whole(c.Recipe.Data)
		switch {
		case err != nil:
		case cached:
			cost.Memory += int64(l.pass.rows) * int64(8*d.TopK+8)
		case d.Response+d.Feature+d.Relation > 0:
			passes, _ := l.passes(&d.Train)
			cost.Seconds += float64(max(1, len(d.LR))) * forward(l.config, l.packed, l.pass.times(passes))
			cost.Memory += l.served() + sweepMemory(l.config, l.pass.tokens, true)
		}
		return cost, err
	}
}

// predictWriter predicts the training of the model of ref to write prompts.
func predictWriter(c *recipe.Chain, ref string, t *recipe.Train) func() (run.Cost, error) {
	return func() (run.Cost, error) {
		l, err := examine(c, ref)
		if err != nil {
			return run.Cost{}, err
		}
		share := l.prompts.tokens / max(1, l.pass.tokens/augmented(c.Recipe.Data))
		l.validation = work{l.validation.tokens * share, l.validation.tokens * share}
		l.pass = l.prompts
		return l.train(l.config, l.bytes, t), nil
	}
}

// predictSynthesize predicts the writing of prompts and of answers, a token of
// many a pass.
func predictSynthesize(c *recipe.Chain, ref string, prompts float64) func() (run.Cost, error) {
	return func() (run.Cost, error) {
		l, err := examineTeacher(c, ref)
		if err != nil {
			return run.Cost{}, err
		}
		examples := l.pass.tokens / max(1, l.mean) / augmented(c.Recipe.Data)
		ask := prompts * l.prompts.tokens / max(1, examples)
		answer := prompts * l.mean
		return run.Cost{
			Seconds: (forward(l.config, false, work{ask, ask}) + forward(l.config, l.packed, work{answer, answer - ask})) / batchedShare,
			Memory:  baseMemory + 2*4*int64(l.config.Params()) + 4*answerRows*int64(l.config.Vocab),
		}, nil
	}
}

// predictPrune predicts the teacher's pass over what calibrates.
func predictPrune(c *recipe.Chain, ref string, calibration int) func() (run.Cost, error) {
	return func() (run.Cost, error) {
		l, err := examineTeacher(c, ref)
		if err != nil {
			return run.Cost{}, err
		}
		w := work{min(float64(calibration)*l.mean, l.pass.tokens), 0}
		return run.Cost{
			Seconds: forward(l.config, false, w),
			Memory:  l.pruning(w.tokens),
			Disk:    4 * int64(l.student.Params()),
		}, nil
	}
}

// pruning is the memory of reading so many tokens, and of the student in f32
// beside the teacher.
func (l *look) pruning(tokens float64) int64 {
	return programMemory + l.bytes + 4*int64(l.student.Params()) + sweepMemory(l.config, tokens, false)
}

// predictQuantize predicts the calibration and the rounding of the student, or
// of the model of ref as it is.
func predictQuantize(c *recipe.Chain, ref string, student bool, q *recipe.Quantize) func() (run.Cost, error) {
	return func() (run.Cost, error) {
		if c.Recipe.Data.Train == "" && q.Size == 0 {
			return run.Cost{}, nil
		}
		l, err := examine(c, ref)
		if err != nil {
			return run.Cost{}, err
		}
		m, file := l.config, l.bytes
		if student {
			m, file = l.student, 4*int64(l.student.Params())
		}
		weights := 4 * float64(m.Params())
		threads := par.New(0)
		defer threads.Close()
		cost := run.Cost{Memory: programMemory + file + int64(weights)/3, Disk: int64(weights) / 3}
		cost.Seconds = weights / (roundRate * float64(threads.Threads()))
		if q.Imatrix {
			w := work{min(float64(q.Calibration)*l.mean, l.pass.tokens), 0}
			cost.Seconds = forward(m, false, w) + weights/(searchRate*float64(threads.Threads()))
			cost.Memory += sweepMemory(m, w.tokens, false)
		}
		return cost, nil
	}
}
