package steps

import (
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"limbeck/compress/distill"
	"limbeck/data"
	"limbeck/internal/disk"
	"limbeck/internal/par"
	"limbeck/model"
	"limbeck/model/arch"
	"limbeck/recipe"
	"limbeck/recipe/run"
)

// cacheFile holds a [distill.Cache].
const cacheFile = "cache.gob"

// cacheSettings are what the stored probabilities depend on besides models and
// data.
type cacheSettings struct {
	TopK        int
	Temperature float64
	MaxTokens   int
}

// cacheStep adds the step that stores what the teachers say of the training
// examples, in the student's tokens.
func cacheStep(c *recipe.Chain, d *recipe.Distill, teachers []run.Input, ref string, student run.Input) (*run.Step, error) {
	settings := cacheSettings{d.TopK, d.Temperature, int(d.MaxTokens)}
	s := &run.Step{Kind: "cache", Name: "cache", Version: 2, Settings: settings, Inputs: append([]run.Input{student}, teachers...)}
	in, err := c.Get("data.train", "train")
	if err != nil {
		return nil, err
	}
	s.Inputs = append(s.Inputs, in)
	s.Predict = predictCache(c, len(teachers), ref, d.TopK)
	s.Run = func(ctx context.Context, w *run.Work) error { return settings.make(ctx, w, len(teachers), ref) }
	return c.Add(s), nil
}

func (s cacheSettings) make(ctx context.Context, w *run.Work, teachers int, ref string) error {
	pool := par.New(w.Threads)
	defer pool.Close()
	t, err := openTeachers(w, teachers, ref, pool)
	if err != nil {
		return err
	}
	defer t.close()
	student, err := Open(w.Input("student"))
	if err != nil {
		return err
	}
	defer student.Close()
	vocab, err := distill.Match(student.Tokenizer.Spec(), t.models[0].Tokenizer.Spec())
	if err != nil {
		return err
	}
	examples, err := loadExamples(w, "train")
	if err != nil {
		return err
	}
	set, _, err := data.Sequences(student, examples, s.MaxTokens)
	if err != nil {
		return err
	}
	progress := func(done, total int) { w.Progress("", int64(done), int64(total), "tokens read by the teacher") }
	cache, err := distill.NewCache(ctx, t.archs(), vocab, student.Config().Vocab, set, s.TopK, s.Temperature, pool, progress)
	if err != nil {
		return err
	}
	w.Fact("dropped probability", fmt.Sprintf("%.3g", cache.Dropped))
	return disk.Write(filepath.Join(w.Dir, cacheFile), func(out io.Writer) error { return gob.NewEncoder(out).Encode(cache) })
}

func readCache(path string) (*distill.Cache, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var c distill.Cache
	if err := gob.NewDecoder(f).Decode(&c); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &c, nil
}

// teachers are the members of an ensemble, packed as they are served.
type teachers struct{ models []*model.Model }

// openTeachers opens the inputs "teacher.0" and on; ref names the first if it
// is built in.
func openTeachers(w *run.Work, n int, ref string, pool *par.Pool) (*teachers, error) {
	t := &teachers{}
	for i := range n {
		m, err := openInput(w, fmt.Sprintf("teacher.%d", i), ref)
		if err != nil {
			return nil, errors.Join(err, t.close())
		}
		m.Pack(pool)
		t.models = append(t.models, m)
	}
	return t, nil
}

func (t *teachers) archs() []arch.Model {
	var out []arch.Model
	for _, m := range t.models {
		out = append(out, m.Model)
	}
	return out
}

func (t *teachers) close() error {
	var errs []error
	for _, m := range t.models {
		errs = append(errs, m.Close())
	}
	return errors.Join(errs...)
}
