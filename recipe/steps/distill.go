package steps

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"limbeck/compress/distill"
	"limbeck/data"
	"limbeck/internal/par"
	"limbeck/model"
	"limbeck/model/arch"
	"limbeck/model/token"
	"limbeck/recipe"
	"limbeck/recipe/run"
	"limbeck/train"
)

func init() { recipe.Register("distill", buildDistill) }

// distillSettings are what a distillation depends on besides its inputs.
type distillSettings struct {
	Seed    int64
	Distill recipe.Distill
	Rounded *recipe.Quantize `json:",omitempty"`
}

// result returns the settings that what is made depends on.
func (s distillSettings) result() distillSettings {
	s.Distill.Memory = 0
	return s
}

// buildDistill adds the student's training by the teacher, and before it the
// teacher's cache if it asks for one.
func buildDistill(c *recipe.Chain) error {
	d := c.Recipe.Distill
	if d == nil {
		return nil
	}
	student, err := c.Get("student", "student")
	if err != nil {
		return err
	}
	teachers, err := teacherInputs(c)
	if err != nil {
		return err
	}
	ref := c.Recipe.Teacher[0].From.Text
	settings := distillSettings{c.Seed, *d, aware(c.Recipe.Quantize)}
	s := &run.Step{Kind: "distill", Name: "distill", Version: 9, Settings: settings.result(), Inputs: []run.Input{student}}
	if d.Cached() {
		cache, err := cacheStep(c, d, teachers, ref, student)
		if err != nil {
			return err
		}
		s.Inputs = append(s.Inputs, run.Input{Name: "cache", Of: cache, Path: cacheFile})
	} else {
		s.Inputs = append(s.Inputs, teachers...)
	}
	if err := addData(c, s); err != nil {
		return err
	}
	predict := predictDistill(c, studentRef(c), ref, d, settings.Rounded)
	s.Predict = predict.cost
	plan := planFit(c, "distill", trainSettings{settings.Seed, d.Train, settings.Rounded}, predict)
	own := studentRef(c)
	s.Run = func(ctx context.Context, w *run.Work) error { return distillModel(ctx, w, ref, own, d, plan) }
	c.Add(s)
	c.Put("student", run.Input{Of: s, Path: modelFile})
	c.Put("training", run.Input{Of: s, Path: TrainingFile})
	return nil
}

// studentRef names the model from which the student's shape follows: itself, if it
// is one that no step changes.
func studentRef(c *recipe.Chain) string {
	if c.Recipe.Student.From.Model() {
		return c.Recipe.Student.From.Text
	}
	return c.Recipe.Teacher[0].From.Text
}

// distillModel is the step that trains the model "student" (or the built-in that own
// names) on the examples of "train" by what the teacher ("teacher.0", or the built-in
// that ref names) says of them, or by what all its members said, if there is an input
// "cache".
func distillModel(ctx context.Context, w *run.Work, ref, own string, d *recipe.Distill, plan fitPlan) error {
	f, done, err := newFit(w, plan)
	if err != nil {
		return err
	}
	defer done()
	o := distill.Options{Hard: d.Hard, Response: d.Response, Feature: d.Feature, Relation: d.Relation,
		Temperature: d.Temperature, Direction: d.Divergence, Pairs: d.LayerPairs, Heads: d.RelationHeads, Seed: f.draws()}
	var t *teachers
	if d.Taught() && !w.Has("cache") {
		if t, err = openTeachers(w, 1, ref, f.pool); err != nil {
			return err
		}
		defer t.close()
	}
	var cache *distill.Cache // read for the first training, whose student it must fit
	f.objective = func(m *model.Model, set []train.Sequence) (train.Objective, float64, error) {
		if t != nil {
			return liveObjective(ctx, m, t.models[0], o, set, f.pool)
		}
		if cache == nil && w.Has("cache") {
			var err error
			if cache, err = readCache(w.Input("cache"), m.Config().Vocab); err != nil {
				return nil, 0, err
			}
		}
		return cachedObjective(m, cache, o, set, f.pool)
	}
	f.open = func() (*model.Model, error) {
		m, err := openInput(w, "student", own)
		if err != nil {
			return nil, err
		}
		if err := lendTemplate(m, f.train); err != nil {
			return nil, err
		}
		m.SetExtractive(data.Extractive(f.train))
		return m, speak(w, m, f.train)
	}
	m, training, err := f.run(ctx)
	if err != nil {
		return err
	}
	defer m.Close()
	w.Fact("training steps", fmt.Sprint(training.Steps))
	if d.Response > 0 { // else nothing of the teacher's probabilities was read
		w.Fact(Dropped, fmt.Sprintf("%.3g", training.Dropped))
	}
	return save(w, m, "distilled on "+f.learned(training)+f.made())
}

// cachedObjective is the loss against what a teacher said of set; a nil cache
// leaves the data's own labels.
func cachedObjective(m *model.Model, cache *distill.Cache, o distill.Options, set []train.Sequence, pool *par.Pool) (train.Objective, float64, error) {
	dropped := 0.0
	if cache != nil {
		if err := cache.Covers(set); err != nil {
			return nil, 0, err
		}
		dropped = cache.Dropped
	}
	objective, err := distill.New(m.Config(), nil, nil, cache, o, pool)
	return objective, dropped, err
}

// droppedSample is how many examples a live teacher's dropped probability is
// measured on before the training: the mean over a training would depend on
// where it was interrupted.
const droppedSample = 64

// liveObjective is the loss against a teacher that runs beside the student.
func liveObjective(ctx context.Context, m, teacher *model.Model, o distill.Options, set []train.Sequence, pool *par.Pool) (train.Objective, float64, error) {
	vocab, err := distill.Match(m.Tokenizer.Spec(), teacher.Tokenizer.Spec())
	if err != nil {
		return nil, 0, err
	}
	dropped := 0.0
	if vocab != nil && o.Response > 0 {
		sample, err := distill.NewReader([]arch.Model{teacher.Model}, vocab, m.Config().Vocab, 1, o.Temperature, pool).Read(ctx, spread(set, droppedSample), nil)
		if err != nil {
			return nil, 0, err
		}
		dropped = sample.Dropped
	}
	objective, err := distill.New(m.Config(), teacher.Model, vocab, nil, o, pool)
	return objective, dropped, err
}

// checkTeaching refuses what the student, which is of ref or cut from it, cannot
// learn as the recipe asks from a teacher of that shape.
func checkTeaching(c *recipe.Chain, ref string, teacher arch.Config) error {
	l, err := examine(c, ref)
	if err != nil {
		return err
	}
	r, d := c.Recipe, c.Recipe.Distill
	if d.Cached() && d.TopK > l.student.Vocab {
		return r.Problem("distill.topk", fmt.Sprintf("cannot be %d: the student has %d tokens", d.TopK, l.student.Vocab), fmt.Sprintf("1 to %d", l.student.Vocab))
	}
	if d.Relation > 0 && d.RelationHeads > 0 {
		heads := new(distill.HeadsError)
		if err := distill.CheckHeads(l.student, teacher, d.RelationHeads); errors.As(err, &heads) {
			return r.Problem("distill.relation_heads", heads.What, heads.Allowed)
		}
	}
	wrong := new(distill.PairError)
	if err := distill.CheckPairs(l.student, teacher, d.LayerPairs); errors.As(err, &wrong) {
		return r.Problem(fmt.Sprintf("distill.layer_pairs[%d]", wrong.Pair), wrong.What, wrong.Allowed)
	}
	return checkTokens(c)
}

// checkTokens refuses a student, if it is a model of its own, with tokens that the
// teacher which is to teach it lacks. Where a training adds tokens, only that knows.
func checkTokens(c *recipe.Chain) error {
	r, d := c.Recipe, c.Recipe.Distill
	extended := slices.ContainsFunc(r.Trainings(), func(t recipe.Training) bool { return t.ReplyTokens > 0 })
	if !r.Student.From.Model() || extended || !d.Taught() {
		return nil
	}
	var specs []token.Spec
	for _, ref := range []string{r.Student.From.Text, r.Teacher[0].From.Text} {
		m, err := openRef(c, ref, Look)
		if err != nil {
			return err
		}
		specs = append(specs, m.Tokenizer.Spec())
		if err := m.Close(); err != nil {
			return err
		}
	}
	if _, err := distill.Match(specs[0], specs[1]); err != nil {
		return r.Problem(studentKey, err.Error(), "a model with all of the teacher's tokens or some, as limbeck prune makes it")
	}
	return nil
}
