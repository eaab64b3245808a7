package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"limbeck/internal/disk"
	"limbeck/internal/typeset"
	"limbeck/recipe/run"
	"limbeck/recipe/steps"
	"limbeck/train"
)

// oneResult is what a command that does a single step prints.
type oneResult struct {
	Path     string          `json:"path"`
	Bytes    int64           `json:"bytes"`
	Training *trainingResult `json:"training,omitempty"`
}

// trainingResult is how the training of a command went.
type trainingResult struct {
	Curve   string       `json:"curve"` // the file that holds all of it
	Steps   int          `json:"steps"`
	Rate    float64      `json:"lr"`
	Best    *train.Point `json:"best,omitempty"` // the step of the model; none without validation
	Last    *train.Point `json:"last,omitempty"`
	Stopped string       `json:"stopped,omitempty"` // why it ended early

	lossAlone bool    // decided what was kept
	dropped   float64 // of the teacher's probability
}

// curveSuffix names what is kept beside a model that was trained.
const curveSuffix = ".training.json"

// keepOne moves what a command made from its work folder to out: the model, and
// beside it a copy of how it was trained, if it was.
func keepOne(folder *run.Folder, plan *run.Plan, model, out string) (oneResult, error) {
	r := oneResult{Path: out}
	if err := disk.Rename(model, out); err != nil {
		return r, err
	}
	info, err := os.Stat(out)
	if err != nil {
		return r, err
	}
	r.Bytes = info.Size()
	for _, s := range plan.Steps {
		path := filepath.Join(folder.StepDir(s.Kind, s.Key), steps.TrainingFile)
		t, err := steps.ReadTraining(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = disk.CopyFile(path, out+curveSuffix)
		}
		if err != nil {
			return r, err
		}
		r.Training = &trainingResult{Curve: out + curveSuffix, Steps: t.Steps, Rate: t.Rate, Last: t.At(t.Steps), Stopped: t.Stopped,
			lossAlone: t.LossAlone, dropped: t.Dropped}
		if t.Best > 0 {
			r.Training.Best = t.At(t.Best)
		}
	}
	return r, nil
}

// write prints r for people.
func (r oneResult) write(w io.Writer) {
	fmt.Fprintf(w, "%s, %s\n", r.Path, typeset.Bytes(r.Bytes))
	t := r.Training
	if t == nil {
		return
	}
	point := func(name string, p *train.Point) {
		fmt.Fprintf(w, "%s: step %d, training loss %.4f", name, p.Step, p.Loss)
		if t.Best != nil {
			fmt.Fprintf(w, ", validation loss %.4f", p.Validation)
		}
		if t.Best != nil && !t.lossAlone {
			fmt.Fprintf(w, ", exact replies %.1f %%", 100*p.Metric)
		}
		fmt.Fprintln(w)
	}
	if t.Best != nil {
		point("best, and kept", t.Best)
	}
	if t.Last != nil {
		point("last", t.Last)
	}
	if t.Stopped != "" {
		fmt.Fprintf(w, "stopped early: %s\n", t.Stopped)
	}
	fmt.Fprintf(w, "curve: %s\n", t.Curve)
}
