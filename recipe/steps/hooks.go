package steps

import (
	"context"
	"fmt"
	"time"

	"limbeck/model"
	"limbeck/nn/op"
	"limbeck/recipe"
	"limbeck/train"
)

// hooks tell of the training t of m, with one learning rate, and validate it.
func (f *fit) hooks(m *model.Model, t *Training) (train.Hooks, error) {
	h, rate := train.Hooks{}, t.Rate
	f.tell(&h, rate)
	examples := f.validation[:validating(&f.settings, len(f.validation))]
	set, tooLong, err := f.cut(m, examples)
	if err != nil {
		return h, err
	}
	if t.HeldLong = len(tooLong); len(f.settings.LR) > 1 && len(examples) > 0 && len(set) == 0 {
		return h, fmt.Errorf("%s, and none is left to choose the learning rate by", leftOut(f.bound, t.HeldLong, len(examples), validationExample, &f.settings))
	}
	f.warnLeftOut(t.HeldLong, len(examples), validationExample)
	h.Point = func(p train.Point) { f.work.Say("%s", f.describe(p, rate, len(set) > 0)) }
	if len(set) == 0 {
		return h, nil
	}
	h.Validate = func(ctx context.Context, tape *op.Tape) (loss, metric float64, err error) {
		loss, metric, err = train.Assess(ctx, tape, m.Model, set)
		if f.lossAlone() {
			metric = 0
		}
		return loss, metric, err
	}
	return h, nil
}

// tell has h show how far a training with one learning rate is: from its beginning, as
// times are counted from there, and within steps of many passes.
func (f *fit) tell(h *train.Hooks, rate float64) {
	var made, of int64 // steps
	tokens, start, lost := 0, time.Now(), ""
	speed := func(more int) string {
		return fmt.Sprintf("%s%.0f tokens/s", lost, float64(tokens+more)/time.Since(start).Seconds())
	}
	h.Begun = func(step, steps int) {
		if step > 0 {
			f.work.Say("%s", f.ofRate(rate, fmt.Sprintf("goes on from step %d of %d", step, steps)))
		}
		made, of, start = int64(step), int64(steps), time.Now()
		f.work.Progress("", made, of, "")
	}
	h.Pass = func(pass, passes, n int) {
		f.work.Progress("", made, of, fmt.Sprintf("%s, pass %d of %d", speed(n), pass, passes))
	}
	h.Progress = func(step, _ int, loss float64, n int) {
		made, lost = int64(step), fmt.Sprintf("loss %.3f, ", loss)
		tokens += n
		f.work.Progress("", made, of, speed(0))
	}
}

// validating returns how many of n held-out examples validate a training.
func validating(t *recipe.Train, n int) int {
	switch {
	case t.Keep == "last":
		return 0
	case t.EvalLimit > 0:
		return min(n, int(t.EvalLimit))
	}
	return n
}

// ofRate says in front of text which of several learning rates it is about.
func (f *fit) ofRate(rate float64, text string) string {
	if len(f.settings.LR) > 1 {
		return fmt.Sprintf("learning rate %g, %s", rate, text)
	}
	return text
}

// describe says in a line how far a training is.
func (f *fit) describe(p train.Point, rate float64, validated bool) string {
	text := f.ofRate(rate, fmt.Sprintf("step %d: training loss %.4f", p.Step, p.Loss))
	if validated {
		text += fmt.Sprintf(", validation loss %.4f", p.Validation)
	}
	if validated && !f.lossAlone() {
		text += fmt.Sprintf(", exact replies %.1f %%", 100*p.Metric)
	}
	return text
}
