package steps

import (
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"io/fs"
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
	"limbeck/train"
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
	s := &run.Step{Kind: "cache", Name: "cache", Version: 3, Settings: settings, Inputs: append([]run.Input{student}, teachers...)}
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
	total, before := 0, 0
	for _, q := range set {
		total += len(q.IDs) - 1
	}
	progress := func(done, _ int) {
		w.Progress("", int64(before+done), int64(total), "tokens read by the teacher")
	}
	var cache *distill.Cache
	for _, part := range cacheParts(set) {
		path := filepath.Join(w.Checkpoints, fmt.Sprintf("cache-%d.gob", before))
		read, err := readCache(path, student.Config().Vocab)
		if errors.Is(err, fs.ErrNotExist) {
			if read, err = distill.NewCache(ctx, t.archs(), vocab, student.Config().Vocab, part, s.TopK, s.Temperature, pool, progress); err == nil {
				err = writeCache(path, read)
			}
		}
		if err != nil {
			return err
		}
		for _, q := range part {
			before += len(q.IDs) - 1
		}
		if cache == nil {
			cache = read
		} else {
			cache.Append(read)
		}
	}
	if cache == nil {
		return errors.New("no training example is short enough for the teacher to read")
	}
	w.Fact(Dropped, fmt.Sprintf("%.3g", cache.Dropped))
	return writeCache(filepath.Join(w.Dir, cacheFile), cache)
}

// cachePart is how many tokens the teacher reads between two checkpoints; tests
// lower it.
var cachePart = 64 << 10

// cacheParts cuts a training set into what the teacher reads between two
// checkpoints.
func cacheParts(set []train.Sequence) (parts [][]train.Sequence) {
	first, tokens := 0, 0
	for i, q := range set {
		if tokens += len(q.IDs); tokens >= cachePart || i == len(set)-1 {
			parts = append(parts, set[first:i+1])
			first, tokens = i+1, 0
		}
	}
	return parts
}

func writeCache(path string, c *distill.Cache) error {
	return disk.Write(path, func(out io.Writer) error { return gob.NewEncoder(out).Encode(c) })
}

// readCache reads the cache for a student of so many tokens.
func readCache(path string, vocab int) (*distill.Cache, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	c, err := decodeCache(f, vocab)
	if err != nil {
		return nil, fmt.Errorf("%s: not a teacher's cache: %w", path, err)
	}
	return c, nil
}

// decodeCache reads a cache whose numbers fit together. Package gob takes no length
// above 10 MB on trust: an element that it allocates was in the file, in a byte at
// least.
func decodeCache(r io.Reader, vocab int) (*distill.Cache, error) {
	var c distill.Cache
	if err := gob.NewDecoder(r).Decode(&c); err != nil {
		return nil, err
	}
	return &c, c.Check(vocab)
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
