package train

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"limbeck/model/gguf"
	"limbeck/tensor"
	"limbeck/tensor/dtype"
)

// state is what a training has come to, weights and moments apart.
type state struct {
	Step      int
	Losses    []float64
	Curve     []Point
	Best      int
	BestPoint Point
	Stopped   string
	Options   Options // of the training that the checkpoint belongs to

	best [][]float32 // the best validation's weights
}

// validated returns the step of the last validation, 0 before the first.
func (s *state) validated() int {
	if n := len(s.Curve); n > 0 {
		return s.Curve[n-1].Step
	}
	return 0
}

const (
	checkpointFile = "checkpoint.gguf"
	stateKey       = "train.state"
)

func (t *Trainer) keepBest() {
	if t.state.best == nil {
		for _, w := range t.weights {
			t.state.best = append(t.state.best, make([]float32, w.Rows*w.Cols))
		}
	}
	for i, w := range t.weights {
		copy(t.state.best[i], w.F32())
	}
}

func (t *Trainer) restoreBest() {
	for i, v := range t.state.best {
		copy(t.weights[i].F32(), v)
	}
}

// parts calls f for everything that a checkpoint stores, by name.
func (t *Trainer) parts(best bool, f func(name string, v []float32, rows, cols int)) {
	for i, w := range t.weights {
		name := fmt.Sprintf("%d.%s", i, w.Name)
		f("weight."+name, w.F32(), w.Rows, w.Cols)
		f("mean."+name, t.opt.m[i], w.Rows, w.Cols)
		f("variance."+name, t.opt.v[i], w.Rows, w.Cols)
		if best {
			f("best."+name, t.state.best[i], w.Rows, w.Cols)
		}
	}
}

// checkpoint writes the training's state, atomically; without a folder for it,
// nothing.
func (t *Trainer) checkpoint() error {
	if t.o.Checkpoint == "" {
		return nil
	}
	t.state.Options = t.o
	text, err := json.Marshal(t.state)
	if err != nil {
		return err
	}
	var meta gguf.Meta
	meta.Set("general.architecture", "checkpoint")
	meta.Set(stateKey, string(text))
	var tensors []*tensor.Tensor
	t.parts(t.state.best != nil, func(name string, v []float32, rows, cols int) {
		tensors = append(tensors, tensor.FromF32(name, v, rows, cols))
	})
	if err := os.MkdirAll(t.o.Checkpoint, 0o777); err != nil {
		return err
	}
	return gguf.Write(filepath.Join(t.o.Checkpoint, checkpointFile), &meta, tensors)
}

// resume goes on from the folder's checkpoint, if there is one. One of another
// training is an error.
func (t *Trainer) resume(steps int) (err error) {
	if t.o.Checkpoint == "" {
		return nil
	}
	path := filepath.Join(t.o.Checkpoint, checkpointFile)
	f, err := gguf.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := t.load(f, steps); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// load takes over a checkpoint, or nothing of it.
func (t *Trainer) load(f *gguf.File, steps int) error {
	text, err := f.Meta().StringErr(stateKey)
	if err != nil {
		return err
	}
	var s state
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return fmt.Errorf("%s: %w", stateKey, err)
	}
	was, is := s.Options, t.o
	was.Checkpoint, was.CheckpointEvery, is.Checkpoint, is.CheckpointEvery = "", 0, "", 0
	if was != is || s.Step > steps {
		return errors.New("is of a training with other options; remove it to start anew")
	}
	if err := s.check(); err != nil {
		return fmt.Errorf("%s: %w; remove the file to start anew", stateKey, err)
	}
	before := t.state
	t.state = s
	if s.Best > 0 {
		t.keepBest() // makes room
	}
	t.parts(s.Best > 0, func(name string, v []float32, _, _ int) {
		stored := f.Tensor(name)
		switch {
		case stored == nil || stored.Type != dtype.F32 || len(stored.Data) != 4*len(v):
			err = errors.Join(err, fmt.Errorf("tensor %q is missing or not of %d f32; remove the file to start anew", name, len(v)))
		case stored.Type.NotFinite(stored.Data) >= 0:
			err = errors.Join(err, fmt.Errorf("tensor %q has NaN or infinite elements; remove the file to start anew", name))
		}
	})
	if err != nil {
		t.state = before
		return err
	}
	t.parts(s.Best > 0, func(name string, v []float32, _, _ int) { copy(v, dtype.Floats(f.Tensor(name).Data)) })
	return nil
}

// check refuses a state that no training comes to.
func (s *state) check() error {
	if s.Step < 0 || len(s.Losses) != s.Step {
		return fmt.Errorf("%d losses after %d steps, want one a step", len(s.Losses), s.Step)
	}
	last := 0
	for _, p := range s.Curve {
		if p.Step <= last || p.Step > s.Step {
			return fmt.Errorf("a point of the curve at step %d, want one in (%d, %d]", p.Step, last, s.Step)
		}
		last = p.Step
	}
	if s.Best < 0 || s.Best > s.Step {
		return fmt.Errorf("the best validation after step %d of %d", s.Best, s.Step)
	}
	return nil
}
