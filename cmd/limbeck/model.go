package main

import (
	"time"

	"github.com/spf13/pflag"

	"limbeck/internal/par"
	"limbeck/model"
	"limbeck/model/generate"
	"limbeck/nn/op"
	"limbeck/recipe/steps"
)

// engineFlags say how a model computes.
type engineFlags struct {
	threads int
	exact   bool
	cache   string
	keep    bool // packed weights, in a file
	free    bool // replies, whatever the model's file holds them to
}

func (f *engineFlags) add(flags *pflag.FlagSet) {
	flags.IntVar(&f.threads, "threads", 0, "worker threads (default: one a core)")
	flags.BoolVar(&f.exact, "exact", false, "f32 activations instead of int8: slower, as references compute; with a --cache-type other than f32, attention may still round what it multiplies")
	flags.StringVar(&f.cache, "cache-type", "", "format of the KV cache: "+op.KVTypeNames()+" (default: f16, or f32 if --exact)")
}

// addKeep adds the flag of commands that load a model to run it.
func (f *engineFlags) addKeep(flags *pflag.FlagSet) {
	flags.BoolVar(&f.keep, "keep-packed", false, "keep a file's packed weights in MODEL.packed, else in the user's cache folder, about as large\nas MODEL: later starts are sooner")
}

// addFree adds the flag of commands whose replies a model's file may hold to a form.
func (f *engineFlags) addFree(flags *pflag.FlagSet) {
	flags.BoolVar(&f.free, "free", false, "let replies have values that are not in the prompt, though the model's file holds them to those that are")
}

// precision returns how a model computes.
func (f *engineFlags) precision(m *model.Model) (generate.Precision, error) {
	p, err := generate.NewPrecision(m.Config(), f.exact, f.cache)
	if err != nil {
		return p, usageErrorf("--cache-type: %v", err)
	}
	return p, nil
}

// An engine is a model that is ready to infer.
type engine struct {
	*generate.Runner
	pool *par.Pool
	load time.Duration
}

// open loads a model for inference. The caller closes the engine.
func (f *engineFlags) open(a *app, ref string) (*engine, error) {
	return f.load(a, ref, func(e *engine) { e.Model.Pack(e.pool) })
}

// openSoon is open for commands that a user waits for: the first token comes
// before the model is packed.
func (f *engineFlags) openSoon(a *app, ref string) (*engine, error) {
	return f.load(a, ref, func(e *engine) { e.PackLater() })
}

func (f *engineFlags) load(a *app, ref string, ready func(*engine)) (*engine, error) {
	start := time.Now()
	opened := generate.LimitGarbage()
	pool := par.New(f.threads)
	m, p, err := f.openWith(a, ref, pool)
	if err != nil {
		pool.Close()
		opened(nil)
		return nil, err
	}
	e := &engine{generate.NewRunner(m, pool, p), pool, 0}
	ready(e)
	e.load = time.Since(start)
	opened(m)
	return e, nil
}

// openWith opens a model, packed as far as that was kept, and says how it computes.
func (f *engineFlags) openWith(a *app, ref string, pool *par.Pool) (m *model.Model, p generate.Precision, err error) {
	if f.keep {
		m, err = steps.OpenPacked(ref, pool, a.remark)
	} else {
		m, err = steps.Open(ref)
	}
	if err != nil {
		return nil, p, err
	}
	if f.free {
		if m.Replies() == "" {
			a.remark("--free changes nothing: the file of %s holds replies to nothing", ref)
		}
		m.SetExtractive(false)
	}
	if p, err = f.precision(m); err != nil {
		m.Close()
		return nil, p, err
	}
	return m, p, nil
}

func (e *engine) close() {
	e.pool.Close()
	e.Model.Close() // nothing was written: there is no error to tell of
}
