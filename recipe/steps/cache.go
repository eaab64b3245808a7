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
	"limbeck/model/token"
	"limbeck/recipe"
	"limbeck/recipe/run"
	"limbeck/train"
)

// cacheFile holds a [distill.Cache] in parts of consecutive sequences: a gob
// stream of the number of rows, then of the parts.
const cacheFile = "cache.gob"

// cacheSettings are what the stored probabilities depend on besides models and
// data.
type cacheSettings struct {
	TopK        int
	Temperature float64
	MaxTokens   int
	LossOn      string `json:",omitempty"` // if not the replies; other caches keep their keys
}

// cacheStep adds the step that stores what the teachers say of the training
// examples, in the student's tokens.
func cacheStep(c *recipe.Chain, d *recipe.Distill, teachers []run.Input, ref string, student run.Input) (*run.Step, error) {
	settings := cacheSettings{TopK: d.TopK, Temperature: d.Temperature, MaxTokens: int(d.MaxTokens)}
	if d.LossOn != recipe.LossOnReply {
		settings.LossOn = d.LossOn
	}
	s := &run.Step{Kind: "cache", Name: "cache", Version: 5, Settings: settings, Inputs: append([]run.Input{student}, teachers...)}
	in, err := c.Get("data.train", "train")
	if err != nil {
		return nil, err
	}
	s.Inputs = append(s.Inputs, in)
	s.Predict = predictCache(c, len(teachers), ref, d)
	own := studentRef(c)
	s.Run = func(ctx context.Context, w *run.Work) error { return settings.make(ctx, w, len(teachers), ref, own) }
	return c.Add(s), nil
}

// make is the step: ref names the first teacher if it is built in, own the student.
func (s cacheSettings) make(ctx context.Context, w *run.Work, teachers int, ref, own string) error {
	pool := par.New(w.Threads)
	defer pool.Close()
	t, err := openTeachers(w, teachers, ref, pool)
	if err != nil {
		return err
	}
	defer t.close()
	ask, err := s.questions(w, own, t.models[0].Tokenizer.Spec())
	if err != nil {
		return err
	}
	read := cached{vocab: ask.tokens}
	if err := read.all(ctx, w, distill.NewReader(t.archs(), ask.vocab, ask.tokens, s.TopK, s.Temperature, pool), ask.set); err != nil {
		return err
	}
	w.Fact(Dropped, fmt.Sprintf("%.3g", read.dropped/float64(read.rows)))
	return w.Write(cacheFile, func(out io.Writer) error { return encodeCache(out, read.rows, read.parts) })
}

// questions are what the teachers are to read: sequences in the student's tokens.
type questions struct {
	vocab  distill.Vocabulary
	tokens int // the student's
	set    []train.Sequence
}

// questions makes them of the training examples. It closes the student, whose
// pages stay in memory otherwise while its teachers read.
func (s cacheSettings) questions(w *run.Work, own string, teacher token.Spec) (q questions, err error) {
	student, err := openInput(w, "student", own)
	if err != nil {
		return q, err
	}
	defer func() { err = errors.Join(err, student.Close()) }()
	if q.vocab, err = distill.Match(student.Tokenizer.Spec(), teacher); err != nil {
		return q, err
	}
	examples, err := loadExamples(w, "train")
	if err != nil {
		return q, err
	}
	if err := lendTemplate(student, examples); err != nil {
		return q, err
	}
	if q.set, _, err = data.Sequences(student, examples, s.MaxTokens); err == nil && len(q.set) == 0 {
		err = errors.New("no training example is short enough for the teacher to read")
	}
	putLoss(q.set, s.LossOn)
	q.tokens = student.Config().Vocab
	return q, err
}

// cached is what the teachers have read: parts, in files of their own that a run
// which was interrupted goes on from.
type cached struct {
	vocab   int // the student's tokens
	paths   []string
	rows    int
	dropped float64 // mass of the tokens that the student lacks, added up over rows
}

// all lets the teachers read what no file holds of a training set.
func (c *cached) all(ctx context.Context, w *run.Work, teachers *distill.Reader, set []train.Sequence) error {
	total, before := 0, 0
	for _, q := range set {
		total += len(q.IDs) - 1
	}
	progress := func(done, _ int) {
		w.Progress("", int64(before+done), int64(total), "tokens read by the teacher")
	}
	for _, part := range cacheParts(set) {
		path := filepath.Join(w.Checkpoints, fmt.Sprintf("cache-%d.gob", before))
		read, err := readCache(path, c.vocab)
		if errors.Is(err, fs.ErrNotExist) {
			if read, err = teachers.Read(ctx, part, progress); err == nil {
				err = disk.Write(path, func(out io.Writer) error { return encodeCache(out, len(read.Tail), one(read)) })
			}
		}
		if err != nil {
			return err
		}
		for _, q := range part {
			before += len(q.IDs) - 1
		}
		c.paths = append(c.paths, path)
		c.rows += len(read.Tail)
		c.dropped += read.Dropped * float64(len(read.Tail))
	}
	return nil
}

// parts yields them in order, one in memory at a time.
func (c *cached) parts(yield func(*distill.Cache) error) error {
	for _, path := range c.paths {
		part, err := readCache(path, c.vocab)
		if err != nil {
			return err
		}
		if err := yield(part); err != nil {
			return err
		}
	}
	return nil
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

// encodeCache writes the parts of a cache of so many rows. They are not held
// together.
func encodeCache(out io.Writer, rows int, parts func(yield func(*distill.Cache) error) error) error {
	e := gob.NewEncoder(out)
	if err := e.Encode(rows); err != nil {
		return err
	}
	return parts(func(c *distill.Cache) error {
		for piece := range c.Pieces(messageSequences) {
			if err := e.Encode(piece); err != nil {
				return err
			}
		}
		return nil
	})
}

// messageSequences is how many sequences lie in one message of a cache's file: a
// message is encoded, and decoded, as a whole.
const messageSequences = 64

// one is the parts of a cache that is whole.
func one(c *distill.Cache) func(yield func(*distill.Cache) error) error {
	return func(yield func(*distill.Cache) error) error { return yield(c) }
}

// readCache reads the cache for a student of so many tokens.
func readCache(path string, vocab int) (*distill.Cache, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	c, err := decodeCache(f, info.Size(), vocab)
	if err != nil {
		return nil, fmt.Errorf("%s: not a teacher's cache: %w", path, err)
	}
	return c, nil
}

// decodeCache reads a cache, from size bytes, whose numbers fit together. Package
// gob takes no length above 10 MB on trust: an element that it allocates was in
// the file, in a byte at least.
func decodeCache(r io.Reader, size int64, vocab int) (*distill.Cache, error) {
	d := gob.NewDecoder(r)
	rows := 0
	if err := d.Decode(&rows); err != nil {
		return nil, err
	}
	var c *distill.Cache
	for {
		part := new(distill.Cache)
		if err := d.Decode(part); err == io.EOF && c != nil {
			break
		} else if err != nil {
			return nil, err
		}
		if err := part.Check(vocab); err != nil {
			return nil, err
		}
		if c == nil {
			if rows < 0 || int64(rows) > size/int64(2*part.K+1) {
				return nil, fmt.Errorf("%d rows of %d tokens in %d bytes", rows, part.K, size)
			}
			c = part.Room(rows)
		}
		if err := c.Append(part); err != nil {
			return nil, err
		}
	}
	if len(c.Tail) != rows {
		return nil, fmt.Errorf("%d rows, want %d", len(c.Tail), rows)
	}
	return c, nil
}
