package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"limbeck/internal/par"
	"limbeck/model"
	"limbeck/model/generate"
)

// leastTime is how long a work is repeated, at least.
const leastTime = 250 * time.Millisecond

// A timer does works with one model.
type timer struct {
	runner *generate.Runner
	pool   *par.Pool
	vocab  int
	seed   uint64
	held   map[int]*held // by length: sessions whose cache holds a prompt
}

// A held session has read a prompt.
type held struct {
	session *generate.Session
	ids     []int
}

// newTimer returns a timer for a packed model.
func newTimer(m *model.Model, pool *par.Pool, p generate.Precision) *timer {
	return &timer{runner: generate.NewRunner(m, pool, p), pool: pool, vocab: m.Config().Vocab, held: map[int]*held{}}
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
	_, err := t.decode(ctx, Work{Decode, 1, 1, 2}, 0)
	return err
}

// rate does a work and returns its tokens a second.
func (t *timer) rate(ctx context.Context, w Work) (float64, error) {
	switch w.Kind {
	case Prompt:
		return t.read(ctx, w, leastTime)
	case Decode:
		if w.Batch == 1 {
			return t.decode(ctx, w, leastTime)
		}
		return t.many(ctx, w)
	case Requests:
		return t.many(ctx, w)
	}
	return 0, fmt.Errorf("no work of kind %q", w.Kind)
}

// read returns the rate of reading prompts, each in an empty cache.
func (t *timer) read(ctx context.Context, w Work, least time.Duration) (float64, error) {
	tokens, took := 0, time.Duration(0)
	for first := true; first || took < least; first = false {
		h := &held{t.runner.NewSession(w.Tokens + writeTokens + 1), t.prompt(w.Tokens)}
		reply, err := h.session.Reply(ctx, h.ids, generate.Options{MaxTokens: 1}, nil)
		if err != nil {
			return 0, err
		}
		tokens, took = tokens+reply.PromptTokens-reply.CachedTokens, took+reply.First
		t.held[w.Tokens] = h
	}
	return float64(tokens) / took.Seconds(), nil
}

// decode returns the rate of writing after a prompt, which is read first if no
// session holds one.
func (t *timer) decode(ctx context.Context, w Work, least time.Duration) (float64, error) {
	h := t.held[w.Tokens]
	if h == nil {
		if _, err := t.read(ctx, w, 0); err != nil {
			return 0, err
		}
		h = t.held[w.Tokens]
	}
	tokens, took := 0, time.Duration(0)
	for first := true; first || took < least; first = false {
		reply, err := h.session.Reply(ctx, h.ids, generate.Options{MaxTokens: w.Write, Endless: true}, nil)
		if err != nil {
			return 0, err
		}
		tokens, took = tokens+len(reply.IDs)-1, took+reply.Total-reply.First
	}
	return float64(tokens) / took.Seconds(), nil
}

// many lets several requests run at once. The time of a decode begins when all
// have written a token, that of requests before their prompts are read.
func (t *timer) many(ctx context.Context, w Work) (float64, error) {
	requests := make([]generate.Request, w.Batch)
	for i := range requests {
		requests[i] = generate.Request{Prompt: t.prompt(w.Tokens), Options: generate.Options{MaxTokens: w.Write, Endless: true}}
	}
	written := 0
	var first, last time.Duration
	start := time.Now()
	err := t.runner.Many(ctx, requests, w.Batch, func(_ int, reply *generate.Reply) {
		written += len(reply.IDs)
		first, last = max(first, reply.First), max(last, reply.Total)
	})
	if err != nil {
		return 0, err
	}
	if w.Kind == Requests {
		return float64(written) / time.Since(start).Seconds(), nil
	}
	return float64(written-w.Batch) / (last - first).Seconds(), nil
}

// works does all works and returns their rates.
func (t *timer) works(ctx context.Context, works []Work) ([]float64, error) {
	if len(works) == 0 {
		return nil, nil
	}
	if err := t.warm(ctx); err != nil {
		return nil, err
	}
	var rates []float64
	for _, w := range works {
		r, err := t.rate(ctx, w)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", w, err)
		}
		rates = append(rates, r)
	}
	return rates, nil
}
