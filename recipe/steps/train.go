package steps

import (
	"context"
	"fmt"

	"limbeck/data"
	"limbeck/internal/par"
	"limbeck/internal/typeset"
	"limbeck/model"
	"limbeck/recipe"
	"limbeck/recipe/run"
)

func init() { recipe.Register("train", buildTrain) }

// trainSettings are what a training depends on besides its inputs.
type trainSettings struct {
	Seed    int64
	Train   recipe.Train
	Rounded *recipe.Quantize `json:",omitempty"`
}

// result returns the settings that what is made depends on.
func (s trainSettings) result() trainSettings {
	s.Train.Memory = 0
	return s
}

// buildTrain adds the student's training on the data alone.
func buildTrain(c *recipe.Chain) error {
	if c.Recipe.Train == nil {
		return nil
	}
	from, err := c.Get("student", "model")
	if err != nil {
		return err
	}
	s, err := trainStep(c, "train", "train", studentRef(c), from, trainSettings{c.Seed, *c.Recipe.Train, aware(c.Recipe.Quantize)}, true)
	if err != nil {
		return err
	}
	c.Put("student", run.Input{Of: s, Path: modelFile})
	c.Put("training", run.Input{Of: s, Path: TrainingFile})
	return nil
}

// trainStep adds a step that trains a model on the data alone, as the recipe's key
// says. ref names the model from which its shape follows: itself, if it is built in.
func trainStep(c *recipe.Chain, key, name, ref string, from run.Input, settings trainSettings, student bool) (*run.Step, error) {
	from.Name = "model"
	s := &run.Step{Kind: "train", Name: name, Version: 7, Settings: settings.result(), Inputs: []run.Input{from}}
	if err := addData(c, s); err != nil {
		return nil, err
	}
	predict := predictTrain(c, key, ref, student, &settings.Train, settings.Rounded)
	s.Predict = predict.cost
	plan := planFit(c, key, settings, predict)
	s.Run = func(ctx context.Context, w *run.Work) error { return trainModel(ctx, w, ref, plan) }
	return c.Add(s), nil
}

// aware returns how the student will be stored, if it learns to be; else nil.
func aware(q *recipe.Quantize) *recipe.Quantize {
	if q == nil || !q.Aware {
		return nil
	}
	return &recipe.Quantize{Format: q.Format, Embedding: q.Embedding}
}

// addData gives a step the examples to train on and to validate with.
func addData(c *recipe.Chain, s *run.Step) error {
	for _, name := range []string{"train", "validation"} {
		in, err := c.Get("data."+name, name)
		if err != nil {
			return err
		}
		s.Inputs = append(s.Inputs, in)
	}
	return nil
}

// A fitPlan is what is known of a training before its step runs.
type fitPlan struct {
	settings recipe.Train
	seed     int64
	rounded  *recipe.Quantize // how the model will be stored, if it learns to be; nil otherwise
	bound    string           // what the recipe calls its max_tokens
	predict  forecast
}

// planFit returns the plan of the training that the recipe asks for by a key.
func planFit(c *recipe.Chain, key string, s trainSettings, predict forecast) fitPlan {
	return fitPlan{s.Train, s.Seed, s.Rounded, boundOf(c.Recipe, key), predict}
}

// trainModel is the step that trains a model (the input "model", or the
// built-in that ref names) on the examples of "train", choosing the best by
// those of "validation".
func trainModel(ctx context.Context, w *run.Work, ref string, plan fitPlan) error {
	f, done, err := newFit(w, plan)
	if err != nil {
		return err
	}
	defer done()
	f.open = func() (*model.Model, error) {
		m, err := openInput(w, "model", ref)
		if err != nil {
			return nil, err
		}
		if err := adaptTemplate(m, f.train); err != nil {
			return nil, err
		}
		m.SetExtractive(data.Extractive(f.train))
		return m, speak(w, m, f.train)
	}
	m, t, err := f.run(ctx)
	if err != nil {
		return err
	}
	defer m.Close()
	made := "trained on " + f.learned(t)
	if t.NewTokens > 0 {
		made += fmt.Sprintf(", with %s for what replies repeat", typeset.Counted(t.NewTokens, "new token"))
	}
	return save(w, m, made+f.made())
}

// newFit returns a fit of the step's examples; done ends its threads.
func newFit(w *run.Work, plan fitPlan) (f *fit, done func(), err error) {
	f = &fit{fitPlan: plan, work: w}
	if f.settings.Memory > 0 {
		if _, f.beside, err = f.predict(); err != nil {
			return nil, nil, err
		}
	}
	if f.train, err = loadExamples(w, "train"); err != nil {
		return nil, nil, err
	}
	if w.Input("validation") != "" {
		if f.validation, err = loadAny(w, "validation"); err != nil {
			return nil, nil, err
		}
	}
	f.pool = par.New(w.Threads)
	return f, f.pool.Close, nil
}
