package steps

import (
	"fmt"
	"math"

	"limbeck/compress/distill"
	"limbeck/internal/typeset"
	"limbeck/model/arch"
	"limbeck/nn/op"
	"limbeck/recipe"
	"limbeck/recipe/run"
	"limbeck/tensor/dtype"
	"limbeck/train"
)

// What a step of training takes, as so many times what bare products of its
// operations would: its own products, and beside them, for attention, norms, the
// optimizer, a part that takes as long in bf16 as in f32.
const (
	trainProducts = 1.12
	trainBeside   = 0.35
)

// What a pass with packed weights takes, likewise: its products in int8, which are larger
// than the bare ones, and the rest, which is as slow where those are fast.
const (
	packedProducts = 0.75
	packedBeside   = 0.4
)

// What share of the rate of a bare product a whole pass in f32 reaches. Measured, as those
// above, on models of 10 M and 135 M parameters.
const (
	forwardShare = 0.75
	batchedShare = 0.7 // of a pass's rate, when replies of a batch grow token by token
)

// Rates of quantizing, in bytes of f32 a second and thread.
const (
	roundRate  = 150e6
	searchRate = 15e6 // weighted by importance
)

// readSeconds is what an example takes that is read and cut into tokens, by [slowness].
const readSeconds = 0.1e-3

const (
	programMemory  = 25 << 20 // of the program itself
	tokenMemory    = 150      // of a tokenizer, a token of its vocabulary
	exampleMemory  = 500      // of an example that is read and cut into tokens
	writtenMemory  = 1000     // of a prompt that a model wrote, its answer and the example of both
	sequenceMemory = 8        // of it, a token
	writingMemory  = 8 << 20  // of a file that is converted and written, the part on the way
)

// collected is how much memory stands for what is in use: the collector lets
// that much garbage grow before it looks; see [run.Folder.Make].
const collected = 1.1

// needs are what a step has in memory at a time, beside the program: pages of
// files, and what it allocated.
type needs struct{ pages, heap int64 }

func (n needs) and(m needs) needs { return needs{n.pages + m.pages, n.heap + m.heap} }

// orHeap returns n or m, whichever has allocated more.
func (n needs) orHeap(m needs) needs {
	if m.heap > n.heap {
		return m
	}
	return n
}

// memory is what they take.
func (n needs) memory() int64 { return n.pages + int64(collected*float64(n.heap)) }

// peak is the memory of the process that has them.
func (n needs) peak() int64 { return programMemory + n.memory() }

// left is what can be allocated beside them, in a process of so many bytes.
func (n needs) left(process int64) int64 {
	return int64(float64(process-programMemory-n.pages)/collected) - n.heap
}

// reading is the model's tokenizer and the training examples, and the model
// itself if the program carries it: once read, its pages stay.
func (l *look) reading() needs {
	n := needs{heap: tokenMemory*int64(l.config.Vocab) + examplesMemory(l.pass.tokens/max(1, l.mean), l.pass.tokens)}
	if l.carried {
		n.pages = l.bytes
	}
	return n
}

// readingAll is [look.reading], and the examples that are held out, of which so many
// tokens are cut.
func (l *look) readingAll(tokens float64) needs {
	return l.reading().and(needs{heap: examplesMemory(float64(len(l.own.held)), tokens)})
}

// examplesMemory is that of so many examples that are read, and cut into tokens.
func examplesMemory(examples, tokens float64) int64 {
	return int64(examples*exampleMemory + tokens*sequenceMemory)
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

// forward returns the seconds of a pass forward.
func forward(c arch.Config, packed bool, w work) float64 {
	if packed {
		return operations(c, w) * (packedProducts/int8Rate() + packedBeside/f32Rate())
	}
	return operations(c, w) / (forwardShare * f32Rate())
}

// passes returns how often a training with one learning rate reads its
// examples, and how often it validates: at its end too.
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
	const inexact = 1e-9 // of the quotients
	return passes, math.Ceil(validations - inexact)
}

// sweepMemory is that of passes without gradients.
func sweepMemory(c arch.Config, tokens float64, head bool) int64 {
	return 4 * int64(train.SweepFloats(c, int(tokens), head))
}

// adapted returns the weights of adapters of that rank.
func adapted(c arch.Config, rank int) int {
	q, kv := c.Heads*c.HeadDim, c.KVHeads*c.HeadDim
	return c.Layers * rank * (2*(c.Width+q) + 2*(c.Width+kv) + 3*(c.Width+c.FFN))
}

// checkRank refuses adapters of a rank above that of a projection that they stand
// beside, in a model of shape c: [train.Adapt] would.
func checkRank(r *recipe.Recipe, key string, l *recipe.LoRA, c arch.Config) error {
	most := min(c.Width, c.FFN, c.Heads*c.HeadDim, c.KVHeads*c.HeadDim)
	if l == nil || l.Rank <= most {
		return nil
	}
	return r.Problem(key+".lora.rank", fmt.Sprintf("cannot be %d: the smallest projection of the model has rank %d", l.Rank, most), fmt.Sprintf("1 to %d", most))
}

// plan returns the plan of a training, as the trainer will make it, in a step that
// has so much in memory beside it, and the memory of the step.
func (l *look) plan(c arch.Config, t *recipe.Train, aware bool, beside needs) (train.Plan, int64) {
	o := trainOptions(t, 0, beside)
	o.Aware = aware
	o.Checkpoint = "in the step's folder"
	p := train.NewPlan(c, trained(c, t), int(l.pass.tokens), l.longest, &o)
	most := p.Bytes
	if t.LoRA != nil {
		most = max(most, 4*int64(c.Params())) // merged at the end
	}
	return p, beside.and(needs{heap: most}).peak()
}

// trained returns how many weights a training of a model of shape c has.
func trained(c arch.Config, t *recipe.Train) int {
	if t.LoRA == nil {
		return c.Params()
	}
	return adapted(c, t.LoRA.Rank)
}

// beside is what a training from a file of so many bytes has in memory beside what
// is trained.
func (l *look) beside(file int64, t *recipe.Train) needs {
	n := l.readingAll(l.validation.tokens)
	if t.LoRA != nil {
		n.pages += file
	}
	return n
}

func (l *look) train(c arch.Config, t *recipe.Train, aware bool, beside needs) run.Cost {
	passes, validations := l.passes(t)
	tried := float64(max(1, len(t.LR)))
	plan, memory := l.plan(c, t, aware, beside)
	rate := f32Rate()
	if t.Compute == recipe.BF16 {
		rate = bf16Rate()
	}
	each := trainProducts/rate + trainBeside/f32Rate() // seconds an operation
	again := float64(plan.Recompute) / float64(c.Layers)
	// The checkpoints of the last rate lie beside the models of those before, then beside
	// its own; then all models lie beside the output.
	model, rates := 4*int64(c.Params()), int64(tried)
	lying, writing := train.CheckpointBytes(trained(c, t), l.validation.tokens > 0)
	most := max((rates-1)*model+writing, rates*model+lying, (rates+1)*model)
	return run.Cost{
		Seconds: tried * ((3+again)*operations(c, l.pass.times(passes))*each + forward(c, false, l.validation.times(validations))),
		Memory:  memory,
		Disk:    most,
		Passing: most - model,
	}
}

// A forecast predicts a step that trains: what it takes, and what it has in memory
// beside what is trained.
type forecast func() (cost run.Cost, beside needs, err error)

func (f forecast) cost() (run.Cost, error) {
	cost, _, err := f()
	return cost, err
}

// predictTrain predicts a training, by the settings of a key, of the model of ref, or
// of the student that is cut from it and learns to be rounded, if rounded is not nil.
func predictTrain(c *recipe.Chain, key, ref string, student bool, t *recipe.Train, rounded *recipe.Quantize) forecast {
	return func() (run.Cost, needs, error) { return predictFit(c, key, ref, student, t, rounded, needs{}) }
}

// predictFit is [predictTrain] in a step that has more in memory.
func predictFit(c *recipe.Chain, key, ref string, student bool, t *recipe.Train, rounded *recipe.Quantize, more needs) (run.Cost, needs, error) {
	l, err := examine(c, ref)
	if err != nil {
		return run.Cost{}, needs{}, err
	}
	m, file, tokens := l.config, l.bytes, l.own
	if student {
		m, file, tokens = l.student, 4*int64(l.student.Params()), l.cut
	}
	if learnsMade(key) {
		l = l.whole(c.Recipe.Data)
	}
	if err := checkRank(c.Recipe, key, t.LoRA, m); err != nil {
		return run.Cost{}, needs{}, err
	}
	l = l.losing(t.LossOn)
	l.validation = tokens.validation(t)
	l.longest = min(tokens.longest(t), int(l.pass.tokens))
	beside := l.beside(file, t).and(more)
	cost := l.train(m, t, rounded != nil, beside)
	if cost.Warnings, err = tokens.leftOut(c.Recipe, key, t); err != nil {
		return run.Cost{}, needs{}, err
	}
	if l.spelled != "" {
		cost.Warnings = append(cost.Warnings, run.Warning{Text: l.spelled})
	}
	return cost, beside, checkMemory(c.Recipe, key, t, cost)
}

// checkMemory refuses a budget that a training cannot keep to, though it computes
// twice what it can.
func checkMemory(r *recipe.Recipe, key string, t *recipe.Train, cost run.Cost) error {
	if t.Memory == 0 || cost.Memory <= int64(t.Memory) {
		return nil
	}
	const unit = 1e6
	least := recipe.Size((cost.Memory + unit - 1) / unit * unit)
	return r.Problem(key+".memory", fmt.Sprintf("cannot be %v: with all blocks but the last computed twice, the training takes %s", t.Memory, typeset.Bytes(cost.Memory)),
		fmt.Sprintf("at least %v", least))
}

const cacheCopies = 2 // of a part of the cache: as it is made, and uncollected

// predictCache predicts the time of the teachers' pass over the examples.
func predictCache(c *recipe.Chain, members int, ref string, d *recipe.Distill) func() (run.Cost, error) {
	return func() (run.Cost, error) {
		l, err := examineTeacher(c, ref)
		if err != nil {
			return run.Cost{}, err
		}
		if err := checkTeaching(c, studentRef(c), l.config); err != nil {
			return run.Cost{}, err
		}
		l = l.whole(c.Recipe.Data).losing(d.LossOn)
		row := int64(8*d.TopK + 8)
		part := min(l.pass.rows, float64(cachePart)*l.pass.rows/max(1, l.pass.tokens))
		reader := distill.ReaderFloats(l.config, members, l.student.Vocab, int(l.pass.tokens), countedThreads())
		need := l.reading().and(needs{heap: int64(members)*l.bytes + 4*int64(reader) + cacheCopies*int64(part)*row})
		return run.Cost{
			Seconds: float64(members) * forward(l.config, l.packed, l.pass),
			Memory:  need.peak(),
			Disk:    2 * int64(l.pass.rows) * row,
		}, nil
	}
}

// predictDistill predicts a training of the student (of student, or cut from
// the teacher) with, if the teacher is live, its passes.
func predictDistill(c *recipe.Chain, student, teacher string, d *recipe.Distill, rounded *recipe.Quantize) forecast {
	return func() (run.Cost, needs, error) {
		l, err := examineTeacher(c, teacher)
		if err == nil {
			err = checkTeaching(c, student, l.config)
		}
		if err != nil {
			return run.Cost{}, needs{}, err
		}
		l = l.whole(c.Recipe.Data).losing(d.LossOn)
		var taught needs
		var seconds float64
		switch {
		case d.Cached():
			taught.heap = int64(l.pass.rows) * int64(8*d.TopK+8)
		case d.Taught():
			passes, _ := l.passes(&d.Train)
			seconds = float64(max(1, len(d.LR))) * forward(l.config, l.packed, l.pass.times(passes))
			taught.heap = l.bytes + sweepMemory(l.config, l.pass.tokens, true) + 4*int64(op.HeadRows(l.student.Vocab))*int64(l.student.Vocab)
		}
		cost, beside, err := predictFit(c, "distill", student, student == teacher, &d.Train, rounded, taught)
		cost.Seconds += seconds
		return cost, beside, err
	}
}

// predictWriter predicts the training of the model of ref to write prompts.
func predictWriter(c *recipe.Chain, ref string, t *recipe.Train) forecast {
	return func() (run.Cost, needs, error) {
		l, err := examine(c, ref)
		if err != nil {
			return run.Cost{}, needs{}, err
		}
		if err := checkRank(c.Recipe, "synthesize", t.LoRA, l.config); err != nil {
			return run.Cost{}, needs{}, err
		}
		l.pass = l.prompts
		for _, h := range l.own.validating(t) { // prompts as those of pass: all of a length
			prompt := h.tokens + 1 - h.rows
			l.validation = l.validation.and(work{prompt, prompt})
		}
		beside := l.beside(l.bytes, t)
		cost := l.train(l.config, t, false, beside)
		return cost, beside, checkMemory(c.Recipe, "synthesize", t, cost)
	}
}

// predictSynthesize predicts the writing of prompts, of up to so many tokens, and
// of answers: the tokens written grow by one of many a pass, the prompts are read
// at once. The writer is Q8_0.
func predictSynthesize(c *recipe.Chain, ref string, prompts float64, most int) func() (run.Cost, error) {
	return func() (run.Cost, error) {
		l, err := examineTeacher(c, ref)
		if err != nil {
			return run.Cost{}, err
		}
		if err := checkFrame(c); err != nil {
			return run.Cost{}, err
		}
		examples := l.examples(c.Recipe.Data)
		one := l.prompts.tokens / max(1, examples)
		ask, answer := prompts*one, prompts*l.mean
		writer := generating(l.config, int64(dtype.Q8_0.Bytes(l.config.Params())), float64(most), one)
		var warnings []run.Warning
		if c.Has("teacher.1") {
			warnings = append(warnings, run.Warning{Text: c.Recipe.Called("synthesize") + ": the first model of the teacher's ensemble answers the prompts alone"})
		}
		written := forward(l.config, true, work{ask, ask}) + forward(l.config, l.packed, work{answer - ask, answer - ask})
		return run.Cost{
			Seconds: written/batchedShare + forward(l.config, l.packed, work{ask, 0}),
			Memory:  l.readingAll(0).and(needs{heap: int64(prompts) * writtenMemory}).and(writer.orHeap(l.answering(l.config, l.bytes))).peak(),

			Warnings: warnings,
		}, nil
	}
}

// calibration returns what n examples have that calibrate a model of shape c.
func (l *look) calibration(c arch.Config, n int) work {
	return work{min(float64(n)*min(l.mean, float64(calibrated(c))), l.pass.tokens), 0}
}

// predictPrune predicts the teacher's pass over what calibrates.
func predictPrune(c *recipe.Chain, ref string, calibration int) func() (run.Cost, error) {
	return func() (run.Cost, error) {
		l, err := examineTeacher(c, ref)
		if err != nil {
			return run.Cost{}, err
		}
		var w work
		if c.Recipe.Student.From.Text != recipe.FromScratch { // whose weights say nothing
			w = l.calibration(l.config, calibration)
		}
		l = l.whole(c.Recipe.Data)
		return run.Cost{
			Seconds: forward(l.config, false, w) + slowness()*readSeconds*l.pass.tokens/max(1, l.mean),
			Memory:  l.pruning(w.tokens).peak(),
			Disk:    4 * int64(l.student.Params()),

			Warnings: oddShape(c.Recipe, l.config, l.student),
		}, nil
	}
}

// pruning is what reads so many tokens, then the student in f32, both beside the
// teacher as it lies in its file.
func (l *look) pruning(tokens float64) needs {
	n := l.reading().and(needs{heap: max(sweepMemory(l.config, tokens, false), 4*int64(l.student.Params()))})
	n.pages = l.bytes
	return n
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
		cost := run.Cost{Disk: int64(weights) / 3}
		need := needs{file, min(writingMemory, cost.Disk)}
		threads := float64(countedThreads())
		cost.Seconds = weights / (roundRate * threads)
		if q.Weighed() {
			w := l.calibration(m, int(q.Calibration))
			cost.Seconds = forward(m, false, w) + weights/(searchRate*threads)
			need = need.and(l.reading()).and(needs{heap: sweepMemory(m, w.tokens, false)})
		} else {
			need.heap += tokenMemory * int64(m.Vocab)
		}
		cost.Memory = need.peak()
		return cost, nil
	}
}
