package train

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"limbeck/internal/disk"
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

	best [][]float32 // the best validation's weights, if there is no folder for them
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

// CheckpointBytes returns what checkpoints of a training of so many weights take of the
// disk at most: as they lie there, and as the next is written beside them. One that is
// validated keeps two validations' weights: of the best one, and of what was the best at
// the last checkpoint, from which a killed training goes on.
func CheckpointBytes(trained int, validated bool) (lying, writing int64) {
	alone, all := 4*int64(trained), 3*4*int64(trained) // all: with moments
	lying = all
	if validated {
		lying += 2 * alone
	}
	return lying, lying + all
}

// bestFile is where the best validation's weights lie, beside the checkpoint.
// Those of the validation that the checkpoint calls the best stay until a later
// one calls another so.
func (t *Trainer) bestFile(step int) string {
	return filepath.Join(t.o.Checkpoint, fmt.Sprintf("best-%d.gguf", step))
}

// keepBest keeps the weights as they are, in the folder for checkpoints, or in memory
// without one, and then calls the validation p, which is theirs, the best.
func (t *Trainer) keepBest(p Point) error {
	s := &t.state
	if t.o.Checkpoint != "" {
		if err := t.write(t.bestFile(p.Step), "", t.weightParts); err != nil {
			return err
		}
		s.Best, s.BestPoint = p.Step, p
		return t.dropBest()
	}
	if s.best == nil {
		for _, w := range t.weights {
			s.best = append(s.best, make([]float32, w.Rows*w.Cols))
		}
	}
	for i, w := range t.weights {
		copy(s.best[i], w.F32())
	}
	s.Best, s.BestPoint = p.Step, p
	return nil
}

func (t *Trainer) restoreBest() error {
	if t.state.Best == 0 || t.state.Best == t.state.Step {
		return nil
	}
	if t.o.Checkpoint != "" {
		return t.openBest(t.state.Best, t.take)
	}
	for i, v := range t.state.best {
		copy(t.weights[i].F32(), v)
	}
	return nil
}

// openBest calls f with the weights after a step.
func (t *Trainer) openBest(step int, f func(*gguf.File, parts) error) (err error) {
	path := t.bestFile(step)
	file, err := gguf.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := f(file, t.weightParts); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// dropBest removes the weights of validations that neither the training nor the folder's
// checkpoint calls the best. Names alone are matched: brackets in the folder's path are
// no pattern.
func (t *Trainer) dropBest() error {
	there, err := os.ReadDir(t.o.Checkpoint)
	for _, e := range there {
		path := filepath.Join(t.o.Checkpoint, e.Name())
		ours, _ := filepath.Match("best-*.gguf", e.Name())
		if ours && path != t.bestFile(t.state.Best) && path != t.bestFile(t.named) {
			err = errors.Join(err, os.Remove(path))
		}
	}
	return err
}

// tidy removes from the folder what a training that was killed there was writing, and
// the weights that no checkpoint of it names.
func (t *Trainer) tidy() error {
	err := disk.Sweep(t.o.Checkpoint, nil)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return errors.Join(err, t.dropBest())
}

// parts call f for what a file stores, by name.
type parts func(f func(name string, v []float32, rows, cols int))

func (t *Trainer) weightParts(f func(name string, v []float32, rows, cols int)) {
	for i, w := range t.weights {
		f(fmt.Sprintf("weight.%d.%s", i, w.Name), w.F32(), w.Rows, w.Cols)
	}
}

func (t *Trainer) allParts(f func(name string, v []float32, rows, cols int)) {
	for i, w := range t.weights {
		name := fmt.Sprintf("%d.%s", i, w.Name)
		f("weight."+name, w.Master(), w.Rows, w.Cols)
		f("mean."+name, t.opt.m[i], w.Rows, w.Cols)
		f("variance."+name, t.opt.v[i], w.Rows, w.Cols)
	}
}

// checkpoint writes the training's state, atomically; without a folder for it,
// nothing, as before the first step, and of weights that are no numbers any more: from
// the checkpoint before, the training ends as it is about to.
func (t *Trainer) checkpoint() error {
	if t.o.Checkpoint == "" || t.state.Step == 0 || !t.finite() {
		return nil
	}
	t.state.Options = t.o
	text, err := json.Marshal(t.state)
	if err != nil {
		return err
	}
	if err := t.write(filepath.Join(t.o.Checkpoint, checkpointFile), string(text), t.allParts); err != nil {
		return err
	}
	t.named = t.state.Best
	return t.dropBest()
}

// finite tells whether all that a checkpoint holds is finite.
func (t *Trainer) finite() bool {
	finite := true
	t.allParts(func(name string, v []float32, rows, cols int) {
		finite = finite && dtype.F32.NotFinite(tensor.FromF32(name, v, rows, cols).Data) < 0
	})
	return finite
}

// What the first checkpoint is expected to take, as none was measured: so many
// bytes a second, less than most disks write, and no longer than is worth waiting
// for with nothing saved.
const (
	firstRate = 250e6
	firstWait = 5 * time.Minute
)

// checkpointAfter returns how long to train before the next checkpoint, if the last
// took so long to write.
func (o *Options) checkpointAfter(took time.Duration) time.Duration {
	if o.CheckpointShare <= 0 {
		return o.CheckpointEvery
	}
	return max(o.CheckpointEvery, time.Duration(float64(took)/o.CheckpointShare))
}

// firstCheckpoint returns how long to train before the first.
func (t *Trainer) firstCheckpoint() time.Duration {
	bytes := 0
	t.allParts(func(_ string, v []float32, _, _ int) { bytes += 4 * len(v) })
	wait := t.o.checkpointAfter(time.Duration(float64(bytes) / firstRate * float64(time.Second)))
	return max(t.o.CheckpointEvery, min(wait, firstWait))
}

// write writes parts of the training, as they lie in memory, into its folder.
func (t *Trainer) write(path, state string, p parts) error {
	var meta gguf.Meta
	meta.Set("general.architecture", "checkpoint")
	if state != "" {
		meta.Set(stateKey, state)
	}
	var tensors []*tensor.Tensor
	p(func(name string, v []float32, rows, cols int) {
		tensors = append(tensors, tensor.FromF32(name, v, rows, cols))
	})
	if err := os.MkdirAll(t.o.Checkpoint, 0o777); err != nil {
		return err
	}
	return gguf.Write(path, &meta, tensors)
}

// resume goes on from the folder's checkpoint, if there is one, and tidies the folder.
// One of other options or shapes is an error, and all stays; that the examples, and what
// the training began with, are the same is up to who names the folder.
func (t *Trainer) resume(steps int) (err error) {
	if t.o.Checkpoint == "" {
		return nil
	}
	path := filepath.Join(t.o.Checkpoint, checkpointFile)
	f, err := gguf.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return t.tidy()
	} else if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := t.load(f, steps); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return t.tidy()
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
	for _, o := range []*Options{&was, &is} { // what changes no bit of the weights
		o.Checkpoint, o.CheckpointEvery, o.CheckpointShare, o.Memory = "", 0, 0, 0
	}
	if was != is || s.Step > steps {
		return errors.New("is of a training with other options; remove it to start anew")
	}
	if err := s.check(); err != nil {
		return fmt.Errorf("%s: %w; remove the file to start anew", stateKey, err)
	}
	if s.Best > 0 && t.o.Checkpoint != "" {
		if err := t.openBest(s.Best, checkParts); err != nil {
			return fmt.Errorf("%w; remove the folder to start anew", err)
		}
	}
	if err := t.take(f, t.allParts); err != nil {
		return err
	}
	for _, w := range t.weights {
		w.Round(0, w.Rows*w.Cols, t.opt.mem[0])
	}
	t.state, t.named = s, s.Best
	return nil
}

// take copies what f stores over p, or nothing. It lets go of f's pages as it
// goes: they are as much memory as the training itself.
func (t *Trainer) take(f *gguf.File, p parts) error {
	if err := checkParts(f, p); err != nil {
		return err
	}
	p(func(name string, v []float32, _, _ int) {
		stored := f.Tensor(name)
		copy(v, dtype.Floats(stored.Data))
		f.Release(stored)
	})
	return nil
}

// checkParts refuses a file that does not store p.
func checkParts(f *gguf.File, p parts) (err error) {
	p(func(name string, v []float32, _, _ int) {
		stored := f.Tensor(name)
		if stored == nil || stored.Type != dtype.F32 || len(stored.Data) != 4*len(v) {
			err = errors.Join(err, fmt.Errorf("tensor %q is missing or not of %d f32; remove the file to start anew", name, len(v)))
			return
		}
		if stored.Type.NotFinite(stored.Data) >= 0 {
			err = errors.Join(err, fmt.Errorf("tensor %q has NaN or infinite elements; remove the file to start anew", name))
		}
		f.Release(stored)
	})
	return err
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
