// Package compare proves how good models are: it lets contestants answer the
// same examples, scores them, tests the paired differences, measures how far
// each is from its teacher, times all of them, and fills in the report.
//
// Whatever takes long is kept in a folder of checkpoints by contestant, so that
// a comparison that was interrupted goes on with the next one.
package compare

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"limbeck/data"
	"limbeck/eval"
	"limbeck/eval/bench"
	"limbeck/eval/report"
	"limbeck/internal/par"
	"limbeck/measure"
)

// A Contestant is a model in a comparison.
type Contestant struct {
	Name   string // unique, for people
	Role   report.Role
	Ref    string // what Options.Open opens, also in a child process
	Digest string // of the model, hexadecimal SHA-256; empty: computed from the file

	// Variant and Seed tell repetitions of one recipe apart.
	Variant string
	Seed    int64
}

// Options say how to compare. Open is needed; the rest may be zero.
type Options struct {
	Title     string
	DataPath  string    // as the report names the data
	DataFile  string    // SHA-256 of the file at DataPath, hexadecimal; may be empty
	Split     string    // test, validation
	Task      string    // one of [TaskNames]; empty or auto: by the form
	Form      data.Form // of the data that models learned; empty: of Train, else of what is judged
	Metrics   []string
	Bootstrap measure.Bootstrap

	Rounds   int // of timing; 0: speed is not measured
	Prompts  int // a round; 0: all examples
	Examples int // shown of those that differ; 0: none
	Prices   Prices

	// Train are the examples that the classical baseline learns; nil: none.
	Train []data.Example

	Threads     int
	Exact       bool   // f32 activations
	Cache       string // format of caches; empty: see [generate.Precision]
	Open        bench.Opener
	Look        bench.Opener // opens a model to count tokens, not to compute; nil: Open
	Checkpoints string       // an existing folder; empty: nothing is kept
	Progress    func(stage string, done, total int64, note string)
	Sample      func(s Sample) // is told of each example, in order, if models reply; may be nil

	Recorded []report.Model
	Curves   []report.Curve
	Notes    []report.Note
}

func (o Options) withDefaults() Options {
	if o.Progress == nil {
		o.Progress = func(string, int64, int64, string) {}
	}
	if o.Look == nil {
		o.Look = o.Open
	}
	if o.Bootstrap.Resamples == 0 {
		o.Bootstrap.Resamples = measure.Resamples
	}
	return o
}

// A comparison is one call of Run.
type comparison struct {
	Options
	pool     *par.Pool
	examples []data.Example
	metrics  []metric
	task     *eval.Task // nil: there is only perplexity
	rows     []*row
}

// A row is a contestant with all that was found out about it.
type row struct {
	Contestant
	outcome
	scores  []eval.ItemScore
	numbers [][]float64 // of each metric, item by item
	local   func(text string) string
}

// Run compares contestants on examples. The first is what the others are
// measured against: the teacher, or the larger or older model.
func Run(ctx context.Context, contestants []Contestant, examples []data.Example, o Options) (*report.Report, error) {
	if len(contestants) == 0 || len(examples) == 0 {
		return nil, errors.New("compare: no models or no examples")
	}
	c := &comparison{Options: o.withDefaults(), examples: examples}
	if err := c.chooseMetrics(); err != nil {
		return nil, err
	}
	c.pool = par.New(o.Threads)
	defer c.pool.Close()
	names := map[string]bool{report.Classical: o.Train != nil}
	for _, x := range contestants {
		if names[x.Name] {
			return nil, fmt.Errorf("compare: two contestants are called %q", x.Name)
		}
		names[x.Name] = true
		c.rows = append(c.rows, &row{Contestant: x})
	}
	if err := c.leaveOut(ctx); err != nil {
		return nil, err
	}
	if c.task != nil { // before all work, as judging would say it after
		if err := c.task.Check(c.examples); err != nil {
			return nil, fmt.Errorf("compare: %w", err)
		}
	}
	classical := c.learnClassical(ctx)
	defer classical.stop()
	for _, r := range c.rows {
		if err := c.answer(ctx, r); err != nil {
			return nil, fmt.Errorf("compare: %s: %w", r.Name, err)
		}
	}
	c.noteFormats()
	c.noteReplies()
	c.noteCut()
	if err := c.diverge(ctx); err != nil {
		return nil, err
	}
	if err := c.addClassical(classical); err != nil {
		return nil, err
	}
	if err := c.score(); err != nil {
		return nil, err
	}
	c.tellSamples()
	if err := c.time(ctx); err != nil {
		return nil, err
	}
	return c.report(ctx)
}

// report puts everything together.
func (c *comparison) report(ctx context.Context) (*report.Report, error) {
	r := &report.Report{
		Title: c.Title, Task: c.taskName(), Machine: c.machine(),
		Data: report.Data{Path: c.DataPath, Examples: "sha256:" + data.Digest(c.examples), N: len(c.examples), Split: c.Split},
		Interval: report.Interval{Level: report.N(measure.Level), Method: report.Bootstrap,
			Resamples: c.Bootstrap.Resamples, Seed: c.Bootstrap.Seed},
		Curves: c.Curves, Notes: c.Notes,
	}
	if c.DataFile != "" {
		r.Data.File = "sha256:" + c.DataFile
	}
	if r.Interval.Seed == 0 {
		r.Interval.Seed = measure.Seed
	}
	for _, m := range c.metrics {
		r.Metrics = append(r.Metrics, m.info)
	}
	if err := c.estimate(ctx); err != nil {
		return nil, err
	}
	pairs, err := c.pairs(ctx)
	if err != nil {
		return nil, err
	}
	r.Pairs = pairs
	r.Models = slices.Clone(c.Recorded)
	for i := range r.Models {
		r.Models[i].Role = report.Recorded
	}
	for _, x := range c.rows {
		r.Models = append(r.Models, x.Model)
	}
	if t, ok := c.seeds(); ok {
		r.Tables = append(r.Tables, t)
	}
	r.Examples = c.differing()
	return r, nil
}
