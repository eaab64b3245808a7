package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"limbeck/eval/bench"
)

// limbeckName is the side that the others are compared with.
const limbeckName = "Limbeck"

// cacheFlags choose the format that the peers' KV caches have.
var cacheFlags = []string{"--cache-type", "f16"}

// limbeck returns a command of Limbeck's program.
func (d *driver) limbeck(args ...string) command {
	return command{args: append([]string{d.set.limbeck}, args...)}
}

// only returns a side that is run in one way.
func only(name string, run func(ctx context.Context) (sample, error)) side {
	return side{name: name, variants: []variant{{run: run}}}
}

// limbeckWork returns the side that does a work with Limbeck's own bench, in a
// fresh process of its own.
func (d *driver) limbeckWork(model string, w bench.Work) side {
	lengths, depths := 1, 0
	if w.Kind == bench.Prompt {
		lengths = w.Tokens
	} else if w.Kind == bench.Decode && w.Tokens > 1 {
		depths = w.Tokens
	}
	args := append([]string{"bench", model, "--json", "--rounds", "1", "--threads", strconv.Itoa(d.set.threads),
		"--prompt", strconv.Itoa(lengths), "--depth", strconv.Itoa(depths), "--parallel", strconv.Itoa(w.Batch)}, cacheFlags...)
	return only(limbeckName, func(ctx context.Context) (sample, error) {
		p, err := d.limbeck(args...).run(ctx)
		if err != nil {
			return sample{}, err
		}
		return d.parseLimbeck(p.out, w)
	})
}

// parseLimbeck returns what limbeck bench --json tells of a work, of which it
// chooses the tokens to write itself.
func (d *driver) parseLimbeck(text []byte, w bench.Work) (sample, error) {
	var r bench.Result
	if err := json.Unmarshal(text, &r); err != nil {
		return sample{}, fmt.Errorf("limbeck bench: %w", err)
	}
	d.meet(r.Limits)
	for _, m := range r.Models {
		for _, x := range m.Works {
			if x.Kind == w.Kind && x.Tokens == w.Tokens && x.Batch == w.Batch {
				limit, by := m.Shape.Bound(x.Work, &r.Limits)
				cache := m.Shape.KV * int64(x.Batch*(x.Tokens+x.Write))
				return sample{Value: x.Rate.Median.Or(0), Memory: m.Memory, cache: cache, limit: limit, by: by}, nil
			}
		}
	}
	return sample{}, fmt.Errorf("limbeck bench printed nothing of %s", w)
}

// limbeckFirst returns the side that loads a model and writes one token.
func (d *driver) limbeckFirst(model string) side {
	return only(limbeckName, func(ctx context.Context) (sample, error) { return d.firstToken(ctx, model) })
}

// limbeckKept returns the side that does so with packed weights that a run before
// kept.
func (d *driver) limbeckKept(model string) side {
	return only(limbeckName, func(ctx context.Context) (sample, error) {
		const flag = "--keep-packed"
		if _, err := d.firstToken(ctx, model, flag); err != nil {
			return sample{}, err
		}
		return d.firstToken(ctx, model, flag)
	})
}

func (d *driver) firstToken(ctx context.Context, model string, flags ...string) (sample, error) {
	args := append([]string{"run", model, "a", "--raw", "--max-tokens", "1", "--threads", strconv.Itoa(d.set.threads)}, flags...)
	p, err := d.limbeck(args...).run(ctx)
	if err != nil {
		return sample{}, err
	}
	return sample{Value: p.seconds, Memory: p.memory}, nil
}

// quantizing returns the side that quantizes from to a format with the command
// that make returns, in bytes of from a second.
func (d *driver) quantizing(name, from, format string, make func(to string) command) side {
	return only(name, func(ctx context.Context) (sample, error) {
		dir, err := os.MkdirTemp(filepath.Dir(from), "quantized-")
		if err != nil {
			return sample{}, err
		}
		defer os.RemoveAll(dir)
		p, err := make(filepath.Join(dir, format+".gguf")).run(ctx)
		if err != nil {
			return sample{}, err
		}
		info, err := os.Stat(from)
		if err != nil {
			return sample{}, err
		}
		return sample{Value: float64(info.Size()) / 1e6 / p.seconds, Memory: p.memory}, nil
	})
}
