package steps

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"

	"limbeck/compress/quantize"
	"limbeck/data"
	"limbeck/internal/disk"
	"limbeck/internal/machine"
	"limbeck/internal/par"
	"limbeck/internal/typeset"
	"limbeck/model"
	"limbeck/nn/op"
	"limbeck/recipe"
	"limbeck/recipe/run"
	"limbeck/train"
)

// TrainingFile is the name of a [Training] in the output of a step that
// trains.
const TrainingFile = "training.json"

// A Training tells how a training went.
type Training struct {
	Parameters int           `json:"parameters"` // trainable
	Sequences  int           `json:"sequences"`
	TooLong    int           `json:"too_long"`                      // examples left out
	HeldLong   int           `json:"validation_too_long,omitempty"` // that would have validated
	NewTokens  int           `json:"new_tokens,omitempty"`          // for what replies repeat
	Tokens     int           `json:"tokens"`                        // of one pass
	Steps      int           `json:"steps"`
	Best       int           `json:"best_step"` // whose weights were kept
	Rate       float64       `json:"lr"`        // whose training was kept
	Tried      []Tried       `json:"tried"`
	Curve      []train.Point `json:"curve"`             // at validations, or where they would be
	Course     []train.Point `json:"course"`            // means of training loss, of even stretches
	Stopped    string        `json:"stopped,omitempty"` // why it ended early

	// Dropped is of the teacher's, on tokens that the student lacks.
	Dropped float64 `json:"dropped_probability,omitempty"`

	// LossAlone decided what was kept: there is no one right reply.
	LossAlone bool `json:"loss_alone,omitempty"`
}

// maxTraining bounds a training.json: one with a point for every step of a long
// training is a hundredth of it.
const maxTraining = 64 << 20

// ReadTraining reads a training.json.
func ReadTraining(path string) (*Training, error) {
	text, err := disk.Read(path, maxTraining)
	if err != nil {
		return nil, err
	}
	t, err := parseTraining(text)
	if err != nil {
		return nil, fmt.Errorf("%s: not a %s: %w", path, TrainingFile, err)
	}
	return t, nil
}

func parseTraining(text []byte) (*Training, error) {
	t := new(Training)
	if err := json.Unmarshal(text, t); err != nil {
		return nil, err
	}
	return t, cmp.Or(inOrder("curve", t.Curve), inOrder("course", t.Course))
}

// inOrder checks that no point is of an earlier step than the one before it.
func inOrder(name string, points []train.Point) error {
	for i, p := range points {
		if p.Step < 0 || i > 0 && p.Step < points[i-1].Step {
			return fmt.Errorf("point %d of the %s is of step %d, after step %d", i+1, name, p.Step, points[max(0, i-1)].Step)
		}
	}
	return nil
}

// At returns the point of the curve at a step: of Best the best one, of Steps
// the last. It is nil without one.
func (t *Training) At(step int) *train.Point {
	for i := range t.Curve {
		if t.Curve[i].Step == step {
			return &t.Curve[i]
		}
	}
	return nil
}

// Tried is one learning rate of a search, with its best validation.
type Tried struct {
	Rate       float64 `json:"lr"`
	Validation float64 `json:"validation"`
	Metric     float64 `json:"exact"`
	Error      string  `json:"error,omitempty"`
}

// point returns the validation alone, to compare it.
func (t Tried) point() train.Point {
	return train.Point{Validation: t.Validation, Metric: t.Metric}
}

// A fit is one training, tried with one or several learning rates.
type fit struct {
	fitPlan
	work       *run.Work
	open       func() (*model.Model, error) // the model as it is before
	train      []data.Example
	validation []data.Example
	pool       *par.Pool
	prompts    bool  // learns to write the examples' prompts, not to answer them
	beside     needs // what the step has in memory beside what is trained; set if there is a budget

	// objective makes the loss of one training of m on set; nil: the data's
	// own tokens. It also returns the mean probability that the teacher gives
	// to tokens that m lacks.
	objective func(m *model.Model, set []train.Sequence) (train.Objective, float64, error)
}

// checkpoints says how often a training is saved; tests have it saved more often.
var checkpoints = func(o *train.Options) {}

// lossAlone tells whether the loss decides alone which weights are kept: there is no
// one right prompt, and no one right text.
func (f *fit) lossAlone() bool {
	return f.prompts || plain(f.train)
}

// learned counts what the model of a training learned from, for its history.
func (f *fit) learned(t *Training) string {
	if plain(f.train) {
		return typeset.Counted(len(f.train), "text")
	}
	return typeset.Counted(len(f.train)-t.TooLong, "example")
}

// boundOf returns what a recipe calls the setting that bounds the examples of the
// training of a key.
func boundOf(r *recipe.Recipe, key string) string { return r.Called(key + ".max_tokens") }

// leftOut says how many of a training's examples are longer than its settings allow;
// bound is what the recipe calls the one that bounds them.
func leftOut(bound string, n, of int, what string, t *recipe.Train) string {
	return fmt.Sprintf("%s: %d of %s are left out: they have more than %s tokens", bound, n, typeset.Counted(of, what), typeset.Number(int(t.MaxTokens)))
}

func (f *fit) warnLeftOut(n, of int, what string) {
	if n > 0 {
		f.work.Warn("%s", leftOut(f.bound, n, of, what, &f.settings))
	}
}

// What examples of a training are called that may be left out.
const (
	trainingExample   = "training example"
	validationExample = "validation example"
)

// made says how the model learns to be stored, for its history.
func (f *fit) made() string {
	if f.rounded == nil {
		return ""
	}
	return ", rounded to " + f.rounded.Format + " at every step"
}

// options returns the trainer's options for one learning rate.
func (f *fit) options(rate float64) train.Options {
	o := trainOptions(&f.settings, rate, f.beside)
	o.Seed = f.draws()
	return o
}

// draws returns the seed of what the training draws.
func (f *fit) draws() uint64 { return cmp.Or(uint64(f.settings.Seed), uint64(f.seed)) }

// trainOptions returns them without the seed, for a step that has so much in memory
// beside what is trained.
func trainOptions(s *recipe.Train, rate float64, beside needs) train.Options {
	o := train.Defaults()
	o.Epochs, o.Steps, o.BatchTokens = s.Epochs, int(s.Steps), int(s.BatchTokens)
	o.LR, o.Schedule, o.FinalLR = rate, s.Schedule, float64(s.FinalLR)
	o.Beta1, o.Beta2, o.Eps, o.Decay, o.Clip = s.Beta1, s.Beta2, s.Epsilon, s.WeightDecay, s.Clip
	o.BF16, o.Patience, o.Memory = s.Compute == recipe.BF16, s.Patience, trainingMemory(s, beside)
	return o
}

// trainingMemory is what a training may hold, in bytes: what there is, but for room
// for the program, what is read, others, and garbage; or what is left of its
// settings' budget, if that is less. 0: not known.
func trainingMemory(s *recipe.Train, beside needs) int64 {
	n, known := machine.AvailableMemory()
	n = int64(float64(n-n/8) / collected)
	if s.Memory == 0 {
		return n
	}
	left := max(1, beside.left(int64(s.Memory))) // 0 would be no limit
	if !known {
		return left
	}
	return min(n, left)
}

// inSteps resolves what the settings give as shares of the steps.
func (f *fit) inSteps(o *train.Options, set []train.Sequence) {
	steps := train.Steps(set, *o)
	if w := f.settings.Warmup; w.Count > 0 || w.Share > 0 {
		o.Warmup = min(w.Of(steps), steps)
		if w.Count > int64(steps) {
			f.work.Warn("the learning rate rises to the end: the warm-up has %s, the training %s", typeset.Counted(int(w.Count), "step"), typeset.Number(steps))
		}
	}
	switch e := f.settings.EvalEvery; {
	case e.Share > 0: // rounded up, so that the last but one is not just before the last
		const inexact = 1e-9 // of the product
		o.EvalEvery = max(1, int(math.Ceil(float64(e.Share)*float64(steps)-inexact)))
	case e.Count > 0:
		o.EvalEvery = int(e.Count)
	}
}

// run trains, with each learning rate that is asked for, and returns the model
// whose validation was best. What is finished survives in the checkpoints.
func (f *fit) run(ctx context.Context) (*model.Model, *Training, error) {
	var best *Training
	var kept string
	var tried []Tried
	for i, rate := range f.settings.LR {
		path := filepath.Join(f.work.Checkpoints, fmt.Sprintf("rate-%d.gguf", i))
		t, err := f.one(ctx, rate, i, path)
		if err != nil {
			return nil, nil, err
		}
		tried = append(tried, t.Tried[0])
		if t.Tried[0].Error == "" && (best == nil || t.Tried[0].point().Better(best.Tried[0].point())) {
			best, kept = t, path
		}
	}
	if best == nil {
		return nil, nil, errors.New(tried[0].Error)
	}
	best.Tried = tried
	if best.TooLong > 0 {
		f.work.Fact("training examples left out as too long", fmt.Sprint(best.TooLong))
	}
	if best.HeldLong > 0 {
		f.work.Fact("validation examples left out as too long", fmt.Sprint(best.HeldLong))
	}
	debug.FreeOSMemory() // what the training held
	m, err := Open(kept)
	if err == nil {
		err = writeJSON(filepath.Join(f.work.Dir, TrainingFile), best)
	}
	return m, best, err
}

// one trains with one learning rate, and saves the model at path. A training
// that diverges is a result, not an error: another rate may do better.
func (f *fit) one(ctx context.Context, rate float64, i int, path string) (*Training, error) {
	report := path + ".json"
	if t, err := ReadTraining(report); !errors.Is(err, fs.ErrNotExist) {
		if err == nil && len(t.Tried) != 1 {
			err = fmt.Errorf("%s: %d learning rates, want one", report, len(t.Tried))
		}
		return t, err
	}
	t := &Training{Rate: rate, LossAlone: f.lossAlone()}
	m, err := f.begin(t)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	set, err := f.sequences(m, t)
	if err != nil {
		return nil, err
	}
	f.warnLeftOut(t.TooLong, len(f.train), trainingExample)
	o := f.options(rate)
	objective, merge, err := f.prepare(m, set, o.Seed, t)
	if err != nil {
		return nil, err
	}
	f.inSteps(&o, set)
	checkpoints(&o)
	o.Checkpoint = filepath.Join(f.work.Checkpoints, fmt.Sprintf("rate-%d", i))
	hooks, err := f.hooks(m, t)
	if err != nil {
		return nil, err
	}
	trainer, err := train.New(m.Model, set, objective, o, f.pool, hooks)
	if err != nil {
		return nil, err
	}
	debug.FreeOSMemory() // what reading left
	result, err := trainer.Run(ctx)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, train.ErrDiverged) && len(f.settings.LR) > 1:
		t.Tried = []Tried{{Rate: rate, Error: err.Error()}}
	case err != nil:
		return nil, err
	default:
		t.add(result)
		if t.Stopped != "" {
			f.work.Say("%s", f.ofRate(rate, "stopped early: "+t.Stopped))
		}
		merge()
		if err := m.Save(path); err != nil {
			return nil, err
		}
	}
	if err := writeJSON(report, t); err != nil {
		return nil, err
	}
	return t, os.RemoveAll(o.Checkpoint)
}

// begin opens the model that a training starts from, with the new tokens that
// the settings ask for.
func (f *fit) begin(t *Training) (*model.Model, error) {
	debug.FreeOSMemory() // what the rate before held
	m, err := f.open()
	if err != nil {
		return nil, err
	}
	t.NewTokens, err = extend(m, f.train, f.settings)
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

// extend gives m tokens for what the examples' replies repeat, as many as the
// settings allow, and returns their number.
func extend(m *model.Model, examples []data.Example, settings recipe.Train) (int, error) {
	if settings.ReplyTokens == 0 {
		return 0, nil
	}
	return m.Extend(data.Pieces(examples, int(settings.ReplyTokens)))
}

// sequences cuts the training examples into m's tokens and counts them.
func (f *fit) sequences(m *model.Model, t *Training) ([]train.Sequence, error) {
	set, tooLong, err := f.cut(m, f.train)
	if err != nil {
		return nil, err
	}
	putLoss(set, f.settings.LossOn)
	t.Sequences, t.TooLong = len(set), len(tooLong)
	for _, s := range set {
		t.Tokens += len(s.IDs) - 1
	}
	return set, nil
}

// putLoss puts the loss of set on all tokens but the first of each sequence, if
// that is what the settings say; else it stays on the replies.
func putLoss(set []train.Sequence, on string) {
	if on != recipe.LossOnAll {
		return
	}
	for i := range set {
		set[i].From = 1
	}
}

// cut returns examples as what is learned of them, in m's tokens.
func (f *fit) cut(m *model.Model, examples []data.Example) (set []train.Sequence, tooLong []int, err error) {
	if f.prompts {
		return data.PromptSequences(m, examples, int(f.settings.MaxTokens))
	}
	return data.Sequences(m, examples, int(f.settings.MaxTokens))
}

// prepare makes the loss, and trainable what is to be trained: all weights of
// m, or adapters that merge then adds to them.
func (f *fit) prepare(m *model.Model, set []train.Sequence, seed uint64, t *Training) (o train.Objective, merge func(), err error) {
	o = train.HardLabels{}
	if f.objective != nil {
		if o, t.Dropped, err = f.objective(m, set); err != nil {
			return nil, nil, err
		}
	}
	l := f.settings.LoRA
	if l == nil {
		t.Parameters = m.SetTrainable(func(*op.Weight) bool { return true })
		if f.rounded != nil {
			var q quantize.Options
			if err := formats(&q, m, *f.rounded, 0); err != nil {
				return nil, nil, err
			}
			q.SetAware(m)
		}
		return o, func() {}, nil
	}
	adapters, err := train.Adapt(m.Model, l.Rank, l.Alpha, seed)
	if err != nil {
		return nil, nil, err
	}
	t.Parameters = adapters.Params()
	return adapters.Objective(o), adapters.Merge, nil
}

// coursePoints is how many points a plot of a training's loss has, at most.
const coursePoints = 100

// add takes over what a training came to.
func (t *Training) add(r *train.Result) {
	t.Steps, t.Best, t.Curve, t.Stopped = r.Steps, r.Best, r.Curve, r.Stopped
	t.Course = r.Course(coursePoints)
	t.Tried = []Tried{{Rate: t.Rate}}
	for _, p := range r.Curve {
		if p.Step == r.Best {
			t.Tried[0].Validation, t.Tried[0].Metric = p.Validation, p.Metric
		}
	}
}

func writeJSON(path string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return disk.WriteBytes(path, append(text, '\n'))
}
