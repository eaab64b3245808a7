package steps

import (
	"context"
	"fmt"

	"limbeck/compress/quantize"
	"limbeck/internal/par"
	"limbeck/model"
	"limbeck/recipe"
	"limbeck/recipe/run"
)

func init() { recipe.Register("quantize", buildQuantize) }

// quantizeSettings are what a quantized model depends on besides its inputs.
// Another name costs no training, so the file always has the recipe's.
type quantizeSettings struct {
	recipe.Quantize
	Name string
}

// quantizeVersion is the [run.Step.Version] of all steps that store a model in fewer bits.
const quantizeVersion = 6

// buildQuantize adds the step that stores the student in fewer bits. The
// student that a recipe ends with is exported under its name, quantized or not.
func buildQuantize(c *recipe.Chain) error {
	student, err := c.Get("student", "model")
	if err != nil {
		return err
	}
	name := c.Recipe.Name
	if t := c.Title(); t != "" {
		name += "-" + t
	}
	q := c.Recipe.Quantize
	if q == nil {
		if student.Of != nil {
			nameStep(c, student, name)
		}
		return nil
	}
	s := &run.Step{Kind: "quantize", Name: "quantize", Version: quantizeVersion, Settings: quantizeSettings{*q, name}, Inputs: []run.Input{student},
		Exports: map[string]string{modelFile: name + ".gguf"}}
	if q.Weighed() {
		in, err := c.Get("data.train", "train")
		if err != nil {
			return err
		}
		s.Inputs = append(s.Inputs, in)
	}
	ref := studentRef(c)
	s.Predict = predictQuantize(c, ref, !c.Recipe.Student.From.Model(), q)
	s.Run = func(ctx context.Context, w *run.Work) error { return quantizeModel(ctx, w, ref, *q) }
	c.Add(s)
	c.Put("unquantized", student)
	c.Put("student", run.Input{Of: s, Path: modelFile})
	return nil
}

// quantizeModel is the step that stores "model" (or the built-in that ref
// names) in another format, weighing its rounding errors by what the examples
// of "train" show, if that input is there.
func quantizeModel(ctx context.Context, w *run.Work, ref string, q recipe.Quantize) error {
	m, err := openInput(w, "model", ref)
	if err != nil {
		return err
	}
	defer m.Close()
	pool := par.New(w.Threads)
	defer pool.Close()
	var o quantize.Options
	examples := 0
	if w.Has("train") {
		set, err := calibration(w, m, int(q.Calibration))
		if err != nil {
			return err
		}
		progress := func(done, total int) { w.Progress("calibrating", int64(done), int64(total), "") }
		if o.Importance, err = quantize.Calibrate(ctx, m, set.sample, pool, progress); err != nil {
			return err
		}
		examples = len(set.sample)
	}
	if err := formats(&o, m, q, len(sources(w))); err != nil {
		return err
	}
	if n := o.Fallbacks(m); n > 0 {
		w.Warn("%d matrices are stored as F16, since %s needs rows of a multiple of %d: another width or number of neurons makes a smaller file",
			n, o.Format.Name, o.Format.Len)
	}
	if from := o.RoundedAlready(m); from != nil {
		w.Warn("the model's weights are rounded to %s already: what that lost stays lost, and rounding them to %s adds to it; its f16 or f32 file, if there is one, makes a better model",
			from.Name, o.Format.Name)
	}
	w.Fact("format", o.Format.Name)
	made := "quantized to " + o.Format.Name
	if o.Weighs() {
		made += fmt.Sprintf(", errors weighed by %d examples", examples)
	}
	return saveIn(ctx, w, m, made, o, pool)
}

// formats chooses the formats that the settings ask for, in a file that names its
// sources in so many bytes.
func formats(o *quantize.Options, m *model.Model, q recipe.Quantize, sources int) (err error) {
	if q.Size > 0 {
		*o, err = quantize.Fit(m, int64(q.Size), int64(sources), o.Importance)
		return err
	}
	name := q.Format
	if name == "" {
		name = recipe.DefaultFormat
	}
	if o.Format, err = quantize.Parse(name); err != nil {
		return err
	}
	if q.Embedding != "" {
		o.Embedding, err = quantize.Parse(q.Embedding)
	}
	if err != nil {
		return fmt.Errorf("embedding: %w", err)
	}
	return nil
}
