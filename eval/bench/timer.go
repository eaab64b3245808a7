package bench

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"time"

	"limbeck/internal/par"
	"limbeck/model"
	"limbeck/model/generate"
)

// A timer does works with one model. One sequence after the other fills the same
// cache, so that there is one at a time.
type timer struct {
	runner  *generate.Runner
	pool    *par.Pool
	vocab   int
	seed    uint64
	session *generate.Session
	ids     []int // the prompt that session read last, but for what was written since
}

// newTimer returns a timer for a packed model.
func newTimer(m *model.Model, pool *par.Pool, p generate.Precision) *timer {
	runner := generate.NewRunner(m, pool, p)
	return &timer{runner: runner, pool: pool, vocab: m.Config().Vocab, session: runner.NewSession(0)}
}

// forget lets go what has been read.
func (t *timer) forget() {
	t.session.Close()
	t.ids = nil
}

// prompt returns n tokens that no prompt before began with.
func (t *timer) prompt(n int) []int {
	t.seed++
	r := rand.New(rand.NewPCG(t.seed, 11))
	ids := make([]int, n)
	for i := range ids {
		ids[i] = r.IntN(t.vocab)
	}
	return ids
}

// warm reads and writes a little: pages are touched, and threads awake.
func (t *timer) warm(ctx context.Context) error {
	w := Work{Decode, 1, 1, 2}
	if err := t.ready(ctx, w); err != nil {
		return err
	}
	_, err := t.decode(ctx, w, 0)
	return err
}

// rate does a work and returns its tokens a second.
func (t *timer) rate(ctx context.Context, w Work) (float64, error) {
	if err := t.ready(ctx, w); err != nil {
		return 0, err
	}
	d, err := t.do(ctx, w)
	return d.rate(), err
}

// A done is what was timed of a work: the tokens that count, and how often it was done.
type done struct {
	tokens, times int
	took          time.Duration
}

func (d *done) add(tokens int, took time.Duration) {
	d.tokens, d.times, d.took = d.tokens+tokens, d.times+1, d.took+took
}

// rate returns the tokens a second.
func (d *done) rate() float64 { return float64(d.tokens) / d.took.Seconds() }

// ready does what is not to be timed of a work. Memory that has been let go is
// collected: neither do caches of works before add up, nor does a clock run
// meanwhile. That which the work takes is there already, as where models are served,
// and in other programs that time them.
func (t *timer) ready(ctx context.Context, w Work) error {
	if w.Batch > 1 {
		t.forget()
		t.runner.Prepare(0, 0) // lets go of what works before left
		runtime.GC()
		t.runner.Prepare(w.Batch, w.Tokens+w.Write)
		return nil
	}
	runtime.GC()
	return t.hold(ctx, w.Tokens+w.Write-1)
}

// hold makes the cache large enough for n tokens, and has the first of them in it:
// those of the last prompt, as far as it goes.
func (t *timer) hold(ctx context.Context, n int) error {
	if short := n - len(t.ids); short > 0 {
		t.ids = append(t.ids, t.prompt(short)...)
	}
	_, err := t.session.Reply(ctx, t.ids[:n], generate.Options{MaxTokens: 1}, nil)
	return err
}

// do does a work that is ready.
func (t *timer) do(ctx context.Context, w Work) (done, error) {
	switch w.Kind {
	case Prompt:
		return t.read(ctx, w, TimeLeast)
	case Decode:
		if w.Batch == 1 {
			return t.decode(ctx, w, TimeLeast)
		}
		return t.many(ctx, w)
	case Requests:
		return t.many(ctx, w)
	}
	return done{}, fmt.Errorf("no work of kind %q", w.Kind)
}

// read reads prompts, of each nothing is in the cache.
func (t *timer) read(ctx context.Context, w Work, least time.Duration) (d done, err error) {
	for d.times == 0 || d.took < least {
		t.ids = t.prompt(w.Tokens)
		reply, err := t.session.Reply(ctx, t.ids, generate.Options{MaxTokens: 1}, nil)
		if err != nil {
			return done{}, err
		}
		d.add(reply.PromptTokens-reply.CachedTokens, reply.First)
	}
	return d, nil
}

// decode writes after a prompt, which the cache holds.
func (t *timer) decode(ctx context.Context, w Work, least time.Duration) (d done, err error) {
	for d.times == 0 || d.took < least {
		reply, err := t.session.Reply(ctx, t.ids[:w.Tokens], generate.Options{MaxTokens: w.Write, Endless: true}, nil)
		if err != nil {
			return done{}, err
		}
		d.add(len(reply.IDs)-1, reply.Total-reply.First)
	}
	return d, nil
}

// many lets several requests run at once. The time of a decode begins when all
// have written a token, that of requests before their prompts are read.
func (t *timer) many(ctx context.Context, w Work) (d done, err error) {
	requests := make([]generate.Request, w.Batch)
	for i := range requests {
		requests[i] = generate.Request{Prompt: t.prompt(w.Tokens), Options: generate.Options{MaxTokens: w.Write, Endless: true}}
	}
	written := 0
	var first, last time.Duration
	start := time.Now()
	err = t.runner.Many(ctx, requests, w.Batch, func(_ int, reply *generate.Reply) {
		written += len(reply.IDs)
		first, last = max(first, reply.First), max(last, reply.Total)
	})
	if err != nil {
		return done{}, err
	}
	if w.Kind == Requests {
		d.add(written, time.Since(start))
	} else {
		d.add(written-w.Batch, last-first)
	}
	return d, nil
}

// works does all works and returns their rates.
func (t *timer) works(ctx context.Context, works []Work) ([]float64, error) {
	if len(works) == 0 {
		return nil, nil
	}
	if err := t.warm(ctx); err != nil {
		return nil, err
	}
	rates := make([]float64, len(works))
	for _, i := range order(works) {
		r, err := t.rate(ctx, works[i])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", works[i], err)
		}
		rates[i] = r
	}
	return rates, nil
}

// order returns the order in which works are done: those of one sequence first, and
// of the decodes, which come after the prompts, the deepest, which then holds what
// the others want.
func order(works []Work) []int {
	out := make([]int, len(works))
	for i := range out {
		out[i] = i
	}
	rank := func(i int) int {
		switch w := works[i]; {
		case w.Batch > 1:
			return 0
		case w.Kind == Decode:
			return -w.Tokens
		}
		return math.MinInt
	}
	slices.SortStableFunc(out, func(a, b int) int { return cmp.Compare(rank(a), rank(b)) })
	return out
}
