package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"limbeck/internal/disk"
	"limbeck/internal/machine"
)

// Options of Make. The zero value works.
type Options struct {
	Until    string // stops after the steps of this name or kind
	Force    bool   // begins even if the preflight says that it cannot fit
	Verify   bool   // reads every byte of finished outputs again
	Threads  int    // of each step; 0: one a core
	Progress Progress
	Warned   func(text string)
	Said     func(text string) // how a step goes, as the validations of a training
	Finished func(s *Planned, took time.Duration)

	// Started is told that a step begins, the number-th of so many in the plan, and what
	// it and those after it are expected to take; atMost if one of them was interrupted:
	// what it did already is not taken off.
	Started func(s *Planned, number, of int, left time.Duration, atMost bool)

	// Recipe is what the lineage says about the recipe, as JSON.
	Recipe any
	// Program names the program and its version, for the lineage.
	Program string
}

// Make does what is to do of steps, and locks the folder for that time if it is not
// locked. When ctx ends, it returns an error that wraps ctx.Err(), and a later Make
// goes on.
func (f *Folder) Make(ctx context.Context, steps []*Step, o Options) (*Plan, error) {
	if f.held == nil {
		if err := f.Lock(); err != nil {
			return nil, err
		}
		defer f.Unlock()
	}
	f.digests.fresh = o.Verify
	whole, err := f.Plan(ctx, steps)
	if err != nil {
		return nil, err
	}
	f.digests.fresh = false // every byte was read once
	if err := f.sweep(whole); err != nil {
		return nil, err
	}
	p, err := whole.Until(o.Until)
	if err != nil {
		return nil, err
	}
	if err := f.placeable(whole, p); err != nil {
		return p, err
	}
	if err := f.Fits(p); err != nil && !o.Force {
		return p, err
	}
	if o.Warned != nil {
		for _, text := range p.Warnings() {
			o.Warned(text)
		}
	}
	for i, s := range p.Steps {
		if !s.Done {
			s.Why = s.own
			if o.Started != nil {
				rest := &Plan{Steps: p.Steps[i:]}
				o.Started(s, i+1, len(p.Steps), rest.expected(), rest.Resumes())
			}
			took, err := f.do(ctx, p, s, o)
			if err != nil {
				return p, explain(s, err)
			}
			if o.Finished != nil {
				o.Finished(s, took)
			}
		}
		if err := f.show(whole, s, o); err != nil {
			return p, explain(s, err)
		}
	}
	f.digests.save()
	return p, f.writeLineage(whole, o)
}

// expected returns what the steps are predicted to take, from their beginnings.
func (p *Plan) expected() time.Duration {
	seconds := 0.0
	for _, s := range p.Steps {
		seconds += s.Cost.Seconds
	}
	return time.Duration(seconds * float64(time.Second))
}

// interrupted is the end of a run by its context: why it ended is no news.
type interrupted struct {
	step  string
	cause error
}

func (e *interrupted) Error() string {
	return fmt.Sprintf("interrupted in step %s; started again, it goes on from there", e.step)
}

func (e *interrupted) Unwrap() error { return e.cause }

// explain says in the user's terms why a step failed.
func explain(s *Planned, err error) error {
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return &interrupted{s.Name, err}
	case disk.Full(err):
		return fmt.Errorf("step %s: the disk is full; what is finished stays: %w", s.Name, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("step %s: no permission: %w", s.Name, err)
	}
	return fmt.Errorf("step %s: %w", s.Name, err)
}

// garbageShare is how much memory may lie uncollected while a step runs, in
// percent of what is used: most of that is large arrays, which take the
// collector no time.
const garbageShare = 10

// do runs one step and gives its output its name.
func (f *Folder) do(ctx context.Context, p *Plan, s *Planned, o Options) (time.Duration, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	final, temp := f.StepDir(s.Kind, s.Key), f.tempDir(s.Kind, s.Key)
	if err := f.checkInputs(s); err != nil {
		return 0, err
	}
	if err := f.discard(final); err != nil {
		return 0, err
	}
	if err := prepare(temp, s.Key); err != nil {
		return 0, err
	}
	log, err := f.openLog(s)
	if err != nil {
		return 0, err
	}
	defer log.Close()
	w := f.work(p, s, temp, log, o)
	debug.FreeOSMemory() // what the step before left is no part of this one's peak
	defer debug.SetGCPercent(debug.SetGCPercent(garbageShare))
	start, fresh := time.Now(), machine.ResetPeak()
	err = s.Run(ctx, w)
	took := time.Since(start)
	memory := int64(0)
	if fresh {
		memory = machine.PeakMemory()
	}
	f.recordTime(s, took, memory, err)
	if changed := f.checkInputs(s); changed != nil && !errors.Is(changed, fs.ErrNotExist) {
		err = errors.Join(changed, os.RemoveAll(w.Checkpoints)) // which may be of the same bytes
	}
	if err == nil {
		s.output, err = finish(s, w, f.Machine)
	}
	if err == nil {
		err = disk.Rename(w.Dir, final)
	}
	if err != nil {
		fmt.Fprintf(log, "%s failed: %v\n", stamp(), err)
		return 0, errors.Join(err, abandon(temp))
	}
	s.Done, s.Why = true, ""
	fmt.Fprintf(log, "%s done in %s\n", stamp(), took.Round(time.Millisecond))
	return took, os.RemoveAll(temp)
}

// prepare makes the temporary folder: a new, empty output beside the
// checkpoints of an earlier, interrupted attempt.
func prepare(temp, key string) error {
	text, err := os.ReadFile(filepath.Join(temp, keyFile))
	if err != nil || string(text) != key+"\n" {
		// Another key with the same first digits, or a folder not ready yet.
		if err := os.RemoveAll(temp); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(filepath.Join(temp, outDir)); err != nil {
		return err
	}
	for _, d := range []string{outDir, checkpointDir} {
		if err := os.MkdirAll(filepath.Join(temp, d), 0o777); err != nil {
			return err
		}
	}
	if err := disk.Sweep(filepath.Join(temp, checkpointDir), nil); err != nil {
		return err
	}
	return writeFile(filepath.Join(temp, keyFile), []byte(key))
}

// abandon removes what a failed attempt wrote, except its checkpoints.
func abandon(temp string) error {
	if err := os.RemoveAll(filepath.Join(temp, outDir)); err != nil {
		return err
	}
	left, err := os.ReadDir(filepath.Join(temp, checkpointDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) || len(left) > 0 {
		return err
	}
	return os.RemoveAll(temp)
}

func (f *Folder) work(p *Plan, s *Planned, temp string, log io.Writer, o Options) *Work {
	w := NewWork(filepath.Join(temp, outDir), filepath.Join(temp, checkpointDir), map[string]string{}, nil, log)
	w.Threads, w.Warned = o.Threads, o.Warned
	if o.Said != nil {
		w.Said = func(text string) { o.Said(s.Name + ": " + text) }
	}
	w.origins, w.exports = s.origins, s.Exports
	for _, warning := range p.warnings() {
		w.told = append(w.told, warning.Text)
	}
	for _, in := range s.Inputs {
		w.inputs[in.Name] = in.Path
		if in.Of != nil {
			n := p.find(in.Of)
			w.inputs[in.Name] = filepath.Join(f.StepDir(n.Kind, n.Key), in.Path)
		}
	}
	w.Progress = func(stage string, done, total int64, note string) {
		if o.Progress == nil {
			return
		}
		if stage == "" || stage == s.Name {
			stage = s.Name
		} else {
			stage = s.Name + ": " + stage
		}
		o.Progress(stage, done, total, note)
	}
	return w
}

// finish writes the output's manifest.
func finish(s *Planned, w *Work, machine string) (*manifest, error) {
	m := &manifest{Kind: s.Kind, Version: s.Version, Key: s.Key, Settings: s.settings, Inputs: s.inputs, Facts: w.facts}
	if !s.Portable {
		m.Machine = machine
	}
	return m, seal(w, m)
}

func stamp() string { return time.Now().Format(time.RFC3339) }

func (f *Folder) openLog(s *Planned) (*os.File, error) {
	dir := filepath.Join(f.Dir, logsDir)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(filepath.Join(dir, s.Name+".log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o666)
	if err != nil {
		return nil, err
	}
	_, err = fmt.Fprintf(log, "%s %s, key %s, version %d, settings %s\n", stamp(), s.Kind, s.Key, s.Version, s.settings)
	if err != nil {
		log.Close()
		return nil, err
	}
	return log, nil
}

// timing is a line of logs/timings.jsonl: what an attempt took, beside what
// was predicted for the whole step.
type timing struct {
	Step, Key        string
	When             string
	Seconds          float64
	Memory           int64 `json:",omitempty"` // peak of the process while it ran
	PredictedSeconds float64
	PredictedMemory  int64
	Resumed          bool
	Error            string `json:",omitempty"`
}

// recordTime is a service: failing, it fails nothing.
func (f *Folder) recordTime(s *Planned, took time.Duration, memory int64, err error) {
	t := timing{Step: s.Name, Key: s.Key, When: stamp(), Seconds: took.Seconds(), Memory: memory,
		PredictedSeconds: s.Cost.Seconds, PredictedMemory: s.Cost.Memory, Resumed: s.Resumes}
	if err != nil {
		t.Error = err.Error()
	}
	line, jsonErr := json.Marshal(t)
	out, openErr := os.OpenFile(filepath.Join(f.Dir, logsDir, "timings.jsonl"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o666)
	if jsonErr != nil || openErr != nil {
		return
	}
	_, _ = out.Write(append(line, '\n'))
	_ = out.Close()
}
