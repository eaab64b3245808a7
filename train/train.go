// Package train fits the weights of a model: batches, objectives, the
// optimizer, schedules, adapters, checkpoints. Two trainings of the same model,
// data and options end in the same bytes, whatever the number of threads and
// however often they were interrupted.
package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"limbeck/internal/par"
	"limbeck/model/arch"
	"limbeck/nn/op"
)

// Options say how a training goes. Fill in from [Defaults].
type Options struct {
	Epochs      float64 // passes over the sequences
	Steps       int     // instead of Epochs, if positive
	BatchTokens int     // tokens of one optimizer step, at most, but for a longer sequence
	MicroTokens int     // tokens of one forward pass, likewise; the rest of the step follows it

	LR       float64
	Schedule string  // of LR, as [Cosine]
	Warmup   int     // steps
	FinalLR  float64 // share of LR where the schedule ends

	Beta1, Beta2, Eps float64
	Decay             float64 // decoupled, of matrices
	Clip              float64 // greatest norm of the gradient; 0: no limit

	// BF16 multiplies in bf16, if the processor does that faster than in f32: what
	// is multiplied is rounded, while sums, weights, gradients and moments stay f32
	// (mixed precision, Kalamkar et al. 2019, arXiv:1905.12322).
	BF16 bool

	// Aware says that matrices are rounded to smaller formats before they are
	// multiplied, while masters in f32 learn: quantization-aware training (Jacob
	// et al. 2018, arXiv:1712.05877). [New] sets it if there are such weights.
	Aware bool

	// Memory is what the training should take at most, in bytes; 0: as much as
	// there is. To stay below it, blocks are computed twice, which changes no
	// bit; see [NewPlan].
	Memory int64

	Seed uint64

	EvalEvery int // steps between validations; 0: once an epoch's worth
	Patience  int // stop after this many validations without a gain; 0: never

	// Checkpoint is a folder for what an interrupted training goes on from;
	// empty: none. CheckpointEvery is the least time between two, and
	// CheckpointShare the share of the time that writing them may take; 0: any.
	Checkpoint      string
	CheckpointEvery time.Duration
	CheckpointShare float64
}

// Defaults returns the options that most fine-tunings start from.
func Defaults() Options {
	return Options{
		Epochs: 1, BatchTokens: 1024, MicroTokens: 2048,
		LR: 2e-4, Schedule: Cosine, FinalLR: 0.1,
		Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, Decay: 0.01, Clip: 1,
		CheckpointEvery: 3 * time.Second, CheckpointShare: 0.03,
	}
}

// An Objective computes the loss of a batch on a recording tape. Terms over
// rows weigh each row by b.Weight.
type Objective interface {
	Loss(t *op.Tape, m arch.Model, b *Batch) *op.Value
}

// A Weighted objective has weights of its own, which are trained with the
// model's and dropped after it.
type Weighted interface{ Weights() []*op.Weight }

// HardLabels is the objective of the data's own tokens: mean cross-entropy.
type HardLabels struct{}

// Loss implements [Objective].
func (HardLabels) Loss(t *op.Tape, m arch.Model, b *Batch) *op.Value {
	hidden := m.Forward(t, b.Batch)
	loss := op.Alloc[op.CrossEntropy](t)
	*loss = op.CrossEntropy{Targets: b.Targets, Weight: b.Weight}
	return m.Loss(t, hidden, nil, loss)
}

// A Point is one place on a training's curves.
type Point struct {
	Step       int     `json:"step"` // steps made
	Loss       float64 `json:"loss"` // mean of the training loss since the last point
	Validation float64 `json:"validation,omitempty"`
	Metric     float64 `json:"metric,omitempty"` // higher is better
}

// Better tells whether the validation of p is better than that of q: by metric, then
// by loss.
func (p Point) Better(q Point) bool {
	if p.Metric != q.Metric {
		return p.Metric > q.Metric
	}
	return p.Validation < q.Validation
}

// Hooks are what a training tells and asks while it runs. Each may be nil.
type Hooks struct {
	// Begun is told, before the first step, how many steps a checkpoint had, none if
	// there was none, and of how many.
	Begun func(step, steps int)

	// Pass is told of every pass of a step but the last, which ends it: how many are
	// made, of how many, and the tokens that they took.
	Pass func(pass, passes, tokens int)

	// Progress is told of every step: how many are made, of how many, the
	// step's loss, and the tokens it took.
	Progress func(step, steps int, loss float64, tokens int)

	// Validate measures the model as it is, on a tape that is exact and does
	// not record: a loss, and a metric of which more is better. The best
	// validation's weights are kept.
	Validate func(ctx context.Context, t *op.Tape) (loss, metric float64, err error)

	// Point is told of every point of the curve: when a validation is due, if there is
	// one or not.
	Point func(Point)
}

// A Result tells how a training went.
type Result struct {
	Steps   int
	Best    int // step of the best validation, whose weights the model has; 0 without validation
	Curve   []Point
	Losses  []float64 // of every step
	Stopped string    // why it ended early; empty if it did not
}

// Course returns the mean losses of at most n stretches of the training, as even as steps
// allow, each at its last step.
func (r *Result) Course(n int) []Point {
	n = min(n, len(r.Losses))
	out := make([]Point, n)
	for i, from := 0, 0; i < n; i++ {
		to := (i + 1) * len(r.Losses) / n
		out[i], from = Point{Step: to, Loss: mean(r.Losses[from:to])}, to
	}
	return out
}

// outsidePasses is how an [op.Profile] names what a step does besides its passes.
const outsidePasses = "optimizer"

// ErrDiverged is returned, wrapped, by a training whose numbers left what floats hold
// before any validation: another learning rate may do better, another attempt will
// not. After one, the training ends early, with the best weights so far.
var ErrDiverged = errors.New("training has diverged; a lower learning rate or a longer warm-up may help")

// A Trainer fits one model.
type Trainer struct {
	model     arch.Model
	set       []Sequence
	objective Objective
	o         Options
	hooks     Hooks
	tape      *op.Tape
	weights   []*op.Weight // trainable
	opt       *optimizer
	state     state
	named     int // by the folder's checkpoint: the best validation; 0 for none
	batch     Batch
	planned   Plan
	runs      [][]int // of the step at hand
}

// New returns a trainer of the model's trainable weights, and the objective's, on set. It
// is an error if set is empty or has a sequence of which no token carries loss, or if no
// weight is trainable.
func New(m arch.Model, set []Sequence, objective Objective, o Options, pool *par.Pool, h Hooks) (*Trainer, error) {
	if len(set) == 0 {
		return nil, errors.New("there is nothing to train on")
	}
	for i, s := range set {
		if s.From < 1 || s.Targets() < 1 {
			return nil, fmt.Errorf("sequence %d has no token that carries loss", i+1)
		}
	}
	t := &Trainer{model: m, set: set, objective: objective, o: o, hooks: h, tape: op.NewTape(pool)}
	t.tape.Exact, t.tape.BF16 = true, o.BF16
	var own int
	t.weights, own = trainable(m, objective)
	if len(t.weights) == 0 {
		return nil, errors.New("no weight is trainable")
	}
	t.o.Aware = slices.ContainsFunc(t.weights, (*op.Weight).Rounded)
	t.opt = newOptimizer(&t.o, pool, t.weights, own)
	t.plan()
	return t, nil
}

// plan makes the tape hold what the plan says.
func (t *Trainer) plan() {
	longest, all := 0, 0
	for _, s := range t.set {
		longest, all = max(longest, len(s.IDs)-1), all+len(s.IDs)-1
	}
	trained := 0
	for _, w := range t.weights {
		trained += w.Rows * w.Cols
	}
	t.planned = NewPlan(t.model.Config(), trained, all, longest, &t.o)
	t.tape.Reserve(t.planned.Tokens)
	t.tape.Recompute = t.planned.Recompute
}

// trainable returns what is trained: the model's own weights, and after so many the
// objective's.
func trainable(m arch.Model, objective Objective) (out []*op.Weight, own int) {
	add := func(all []*op.Weight) {
		for _, w := range all {
			if w.Grad != nil {
				out = append(out, w)
			}
		}
	}
	add(m.Weights())
	own = len(out)
	if w, ok := objective.(Weighted); ok {
		add(w.Weights())
	}
	return out, own
}

// Run trains to the end, or until ctx ends, which it looks at before every pass. A
// checkpoint of the whole steps is then written, if there is a folder for it, and
// ctx's error returned: a step that was cut short is made anew.
func (t *Trainer) Run(ctx context.Context) (*Result, error) {
	steps := Steps(t.set, t.o)
	if err := t.resume(steps); err != nil {
		return nil, err
	}
	if t.hooks.Begun != nil {
		t.hooks.Begun(t.state.Step, steps)
	}
	every := t.every()
	t.state.Losses = slices.Grow(t.state.Losses, min(max(0, steps-t.state.Step), lossesAtOnce))
	p := order{set: t.set, batchTokens: t.o.BatchTokens, seed: t.o.Seed}
	saved, wait := time.Now(), t.firstCheckpoint()
	for s := &t.state; s.Stopped == "" && (s.Step < steps || t.due(every, steps)); {
		err := ctx.Err()
		if err == nil {
			err = t.next(ctx, &p, every, steps)
		}
		if errors.Is(err, ErrDiverged) && s.Best > 0 { // what was best before is a result
			s.Stopped = err.Error()
			break
		}
		if err != nil && ctx.Err() != nil { // what was cut short is made anew
			err = errors.Join(err, t.checkpoint())
		}
		if err != nil {
			return nil, err
		}
		if t.o.Checkpoint != "" && time.Since(saved) >= wait {
			begun := time.Now()
			if err := t.checkpoint(); err != nil {
				return nil, err
			}
			saved = time.Now()
			wait = t.o.checkpointAfter(saved.Sub(begun))
		}
	}
	if err := t.restoreBest(); err != nil {
		return nil, err
	}
	s := t.state
	return &Result{Steps: s.Step, Best: s.Best, Curve: s.Curve, Losses: s.Losses, Stopped: s.Stopped}, nil
}

// lossesAtOnce is for how many losses there is room from the start: more steps than most
// trainings make, and little memory for those that are told to make any number.
const lossesAtOnce = 1 << 16

// every returns after how many steps a validation is due.
func (t *Trainer) every() int {
	if t.o.EvalEvery > 0 {
		return t.o.EvalEvery
	}
	return max(1, len(epoch(t.set, t.o.BatchTokens, t.o.Seed, 0)))
}

// next validates, if that is due, or makes the next step.
func (t *Trainer) next(ctx context.Context, p *order, every, steps int) error {
	s := &t.state
	if t.due(every, steps) {
		return t.validate(ctx, every, steps)
	}
	loss, tokens, err := t.step(ctx, p.at(s.Step), steps)
	if err != nil {
		return err
	}
	s.Losses = append(s.Losses, loss)
	s.Step++
	if t.hooks.Progress != nil {
		t.hooks.Progress(s.Step, steps, loss, tokens)
	}
	return nil
}

// due reports whether the steps made so far end in a validation that has not
// been made.
func (t *Trainer) due(every, steps int) bool {
	s := &t.state
	return s.Step > 0 && (s.Step%every == 0 || s.Step == steps) && s.Step != s.validated()
}

// step makes one optimizer step over the sequences that index names. If ctx ends
// between two of its passes, weights and moments are as before it.
func (t *Trainer) step(ctx context.Context, index []int, steps int) (loss float64, tokens int, err error) {
	targets := 0
	for _, i := range index {
		targets += t.set[i].Targets()
		tokens += len(t.set[i].IDs) - 1
	}
	t.runs = split(t.runs[:0], t.set, index, t.o.MicroTokens)
	made := 0 // tokens
	for i, run := range t.runs {
		if err := ctx.Err(); err != nil {
			t.opt.forget()
			return 0, 0, err
		}
		t.tape.Reset()
		t.tape.SetRecording(true)
		t.batch.pack(t.set, run, targets, tokens)
		l := t.objective.Loss(t.tape, t.model, &t.batch)
		loss += float64(l.Data[0])
		t.tape.Backward(l)
		t.tape.SetRecording(false)
		if made += len(t.batch.IDs); t.hooks.Pass != nil && i+1 < len(t.runs) {
			t.hooks.Pass(i+1, len(t.runs), made)
		}
	}
	norm := t.opt.gradNorm()
	if math.IsNaN(loss) || math.IsInf(loss, 0) || math.IsNaN(norm) || math.IsInf(norm, 0) {
		return 0, 0, fmt.Errorf("step %d: the loss is %g and the gradient's norm %g: %w", t.state.Step+1, loss, norm, ErrDiverged)
	}
	t.opt.step(t.state.Step, t.o.rate(t.state.Step, steps), norm)
	t.tape.Charge(outsidePasses)
	return loss, tokens, nil
}

// validate measures the model after a step and keeps its weights if it is the
// best so far; see [Point.Better].
func (t *Trainer) validate(ctx context.Context, every, steps int) error {
	s := &t.state
	p := Point{Step: s.Step, Loss: mean(s.Losses[s.validated():])}
	if t.hooks.Validate != nil {
		var err error
		t.tape.BF16 = false
		p.Validation, p.Metric, err = t.hooks.Validate(ctx, t.tape)
		t.tape.BF16 = t.o.BF16
		if err != nil {
			return err
		}
		if math.IsNaN(p.Validation) || math.IsInf(p.Validation, 0) {
			return fmt.Errorf("step %d: the validation loss is %g: %w", s.Step, p.Validation, ErrDiverged)
		}
		if s.Best == 0 || p.Better(s.BestPoint) {
			if err := t.keepBest(p); err != nil {
				return err
			}
		} else if t.o.Patience > 0 && s.Step >= s.Best+t.o.Patience*every && s.Step < steps {
			s.Stopped = fmt.Sprintf("no gain in %d validations", t.o.Patience)
		}
	}
	s.Curve = append(s.Curve, p)
	if t.hooks.Point != nil {
		t.hooks.Point(p)
	}
	return nil
}

func mean(x []float64) float64 {
	if len(x) == 0 {
		return 0
	}
	var sum float64
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}
