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
	text, err := f.Meta().StringErr(stateKey)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	var s state
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return fmt.Errorf("%s: %s: %w", path, stateKey, err)
	}
	was, is := s.Options, t.o
	was.Checkpoint, was.CheckpointEvery, is.Checkpoint, is.CheckpointEvery = "", 0, "", 0
	if was != is || s.Step > steps {
		return fmt.Errorf("%s is of a training with other options; remove it to start anew", path)
	}
	t.state = s
	if s.Best > 0 {
		t.keepBest()
	}
	t.parts(s.Best > 0, func(name string, v []float32, _, _ int) {
		stored := f.Tensor(name)
		if stored == nil || stored.Type != dtype.F32 || len(stored.Data) != 4*len(v) {
			err = errors.Join(err, fmt.Errorf("%s: tensor %q is missing or of another size", path, name))
			return
		}
		copy(v, dtype.Floats(stored.Data))
	})
	return err
}
