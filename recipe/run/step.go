// Package run makes what a recipe asks for, step by step, in a folder of its
// own: it decides what is to do, survives interruptions, and keeps the lineage.
// It knows nothing about models; see package recipe for what steps there are.
//
// A run's folder:
//
//	steps/KIND-KEY/      a step's output, whole or absent, with step.json, its manifest
//	steps/KIND-KEY.tmp/  a step that is under way or was interrupted
//	logs/                one file a step, and timings.jsonl
//	recipe.lock.json     the lineage: digests, seeds, versions, licenses; no times
//	digests.json         a cache: the digests of files that have not changed since
//	in-use               held while a process makes something here
//	…                    what steps export: the student, the report
//
// A step's key is the SHA-256 of all that its output depends on: its kind and
// version, its settings, the digests of its inputs and the class of machine.
// So a step whose key has an output is done, whoever made it and when; and a
// changed setting makes anew only what depends on it.
package run

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
)

// A Step makes one folder out of others. Equal settings and inputs must give
// equal bytes on one class of machine, interrupted or not.
type Step struct {
	Kind string // what it does, as "distill"; part of the output's name
	Name string // unique in a run, as "distill-random-2"

	// Version counts the changes of Run, and of what it calls, that change its output:
	// else what was made before counts as done.
	Version int

	// Settings is all else that the output depends on, with defaults filled
	// in: a struct that encodes as JSON.
	Settings any
	Inputs   []Input

	// Portable: the output is the same on every class of machine.
	Portable bool

	// Exports are files or folders of the output (keys) that appear in the
	// run's folder too (values: one name each).
	Exports map[string]string

	// Predict estimates what Run takes. nil: too little to mention.
	Predict func() (Cost, error)

	// Run fills w.Dir. When ctx ends it saves a checkpoint and returns
	// ctx.Err(); started again, it goes on from the checkpoint.
	Run func(ctx context.Context, w *Work) error
}

// An Input is what a step reads: a file or folder (Path), the output of an
// earlier step or a part of it (Of, and Path in it), or bytes that the program
// holds (Digest).
type Input struct {
	Name   string // what the step calls it
	Of     *Step
	Path   string
	Digest string // of an input that is no file: hexadecimal SHA-256

	// For the lineage, and for errors.
	Shown   string // the path as the user wrote it; Path if empty
	Key     string // the recipe's key that names it, as "data.train"
	Where   string // for errors: the key with the file and the line where it stands; Key if empty
	License string // as the recipe has it
	Stated  string // the license that the file itself states
	Labels  string // where the labels in it came from
}

// Cost is what a step takes.
type Cost struct {
	Seconds float64
	Memory  int64 // bytes at the peak
	Disk    int64 // bytes of output and checkpoints, at most at one time
	Passing int64 // bytes of Disk that the step's end gives back, as checkpoints

	Warnings []Warning
}

// Then returns what a step of cost d takes after all that c is of. Warnings are left out.
func (c Cost) Then(d Cost) Cost {
	kept := c.Disk - c.Passing
	most := max(c.Disk, kept+d.Disk)
	return Cost{Seconds: c.Seconds + d.Seconds, Memory: max(c.Memory, d.Memory), Disk: most, Passing: most - (kept + d.Disk - d.Passing)}
}

// A Warning tells, before any work, of what can be made but is hardly meant.
type Warning struct {
	Text string // as the step itself tells it while it works, if it does
	More string // what follows it before all work
}

func (w Warning) String() string { return w.Text + w.More }

// A Progress is told how far a stage of work is. total 0: not known.
type Progress = func(stage string, done, total int64, note string)

// Work is what a running step gets.
type Work struct {
	Dir         string    // empty; what is in it at the end is the output
	Checkpoints string    // what is in it survives an interruption
	Progress    Progress  // never nil
	Log         io.Writer // the step's log
	Threads     int       // workers; 0: one a core. No output depends on it
	Warned      func(text string)
	Said        func(text string)

	inputs   map[string]string
	origins  []Origin
	exports  map[string]string
	facts    map[string]string
	measured map[string]bool
	written  map[string]known // by [Work.Write]
	told     []string         // warnings
}

// NewWork returns the work of a step outside of a run, as within another step. inputs
// are paths by the names that the step calls them.
func NewWork(dir, checkpoints string, inputs map[string]string, progress Progress, log io.Writer) *Work {
	if progress == nil {
		progress = func(string, int64, int64, string) {}
	}
	return &Work{Dir: dir, Checkpoints: checkpoints, Progress: progress, Log: log,
		inputs: inputs, facts: map[string]string{}, measured: map[string]bool{}, written: map[string]known{}}
}

// Input returns the path of the input with that name, or "" if it is no file.
func (w *Work) Input(name string) string {
	path, ok := w.inputs[name]
	if !ok {
		panic(fmt.Sprintf("run: the step has no input %q", name))
	}
	return path
}

// Has tells whether the step has an input of that name.
func (w *Work) Has(name string) bool {
	_, ok := w.inputs[name]
	return ok
}

// Origins returns what the step's inputs were made from, for what it makes to
// remember. What they say besides digests is no part of the step's key: an output
// keeps what was said when it was made, and the lineage says what holds now.
func (w *Work) Origins() []Origin { return w.origins }

// Export returns the name under which a file of the output appears in the run's
// folder, or "".
func (w *Work) Export(path string) string { return w.exports[path] }

// Warn tells the user once of something that is no error, unless a [Warning] told it
// before any work; and notes it in the log.
func (w *Work) Warn(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	fmt.Fprintln(w.Log, "warning:", text)
	if w.Warned != nil && !slices.Contains(w.told, text) {
		w.told = append(w.told, text)
		w.Warned(text)
	}
}

// Say tells the user how the work goes, and notes it in the log.
func (w *Work) Say(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	fmt.Fprintln(w.Log, text)
	if w.Said != nil {
		w.Said(text)
	}
}

// Fact adds a line to the lineage that was found while working, as a model's
// license. It must not depend on the time or on interruptions.
func (w *Work) Fact(key, value string) { w.facts[key] = value }

// Measured marks a file of the output (a slash-separated path) that holds
// measured times: the lineage then leaves its digest out.
func (w *Work) Measured(path string) { w.measured[path] = true }

var (
	kindRule = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)
	nameRule = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]*$`)
)

// checkSteps finds a programmer's mistakes.
func checkSteps(steps []*Step) error {
	names, earlier := map[string]bool{}, map[*Step]bool{}
	for _, s := range steps {
		if !kindRule.MatchString(s.Kind) || !nameRule.MatchString(s.Name) || names[s.Name] {
			return fmt.Errorf("run: step %q of kind %q: impossible or repeated name", s.Name, s.Kind)
		}
		inputs := map[string]bool{}
		for _, in := range s.Inputs {
			if inputs[in.Name] {
				return fmt.Errorf("run: step %s: two inputs named %q", s.Name, in.Name)
			}
			inputs[in.Name] = true
			if in.Of != nil && !earlier[in.Of] {
				return fmt.Errorf("run: step %s: input %q comes from no earlier step", s.Name, in.Name)
			}
			if in.Of != nil && in.Path != "" && !filepath.IsLocal(in.Path) {
				return fmt.Errorf("run: step %s: input %q: %s is outside of the step %s", s.Name, in.Name, in.Path, in.Of.Name)
			}
		}
		names[s.Name], earlier[s] = true, true
	}
	return nil
}
