package generate

import (
	"context"
	"slices"
	"time"

	"limbeck/nn/op"
)

// A Session is a conversation: what the cache holds of one request serves the
// next as far as their prompts agree.
type Session struct {
	r       *Runner
	context int
	kv      *op.KV
	held    []int // the tokens that kv holds
}

// NewSession returns an empty session with room for context tokens; 0 stands
// for the model's context.
func (r *Runner) NewSession(context int) *Session {
	c := r.Model.Config()
	if context <= 0 || context > c.Context {
		context = c.Context
	}
	return &Session{r: r, context: context}
}

// Reply answers prompt, calling emit, if not nil, with pieces of text as they
// are written. If ctx ends, the reply so far comes with ctx's error.
func (s *Session) Reply(ctx context.Context, prompt []int, o Options, emit func(text string)) (*Reply, error) {
	if len(prompt) >= s.context {
		return nil, &ContextError{len(prompt) + 1, s.context}
	}
	if err := s.ready(prompt, o.MaxTokens); err != nil {
		return nil, err
	}
	same := 0
	for same < min(len(s.held), len(prompt)-1) && s.held[same] == prompt[same] {
		same++
	}
	s.kv.Truncate(same)
	s.held = append(s.held[:same], prompt[same:]...)
	w := s.r.newWriter(slices.Clone(prompt[same:]), s.kv, o, emit)
	w.limit = min(w.limit, s.context-len(prompt))
	w.reply.PromptTokens, w.reply.CachedTokens = len(prompt), same
	for !w.done {
		if err := ctx.Err(); err != nil {
			w.finish(Length)
			s.sync(w)
			return &w.reply, err
		}
		s.r.step([]*writer{w})
	}
	s.sync(w)
	return &w.reply, nil
}

// ready makes a cache with room for prompt and its reply, if there is none or
// the present one is too small.
func (s *Session) ready(prompt []int, maxTokens int) error {
	want := s.context
	if maxTokens > 0 {
		want = min(want, len(prompt)+maxTokens)
	}
	if s.kv != nil && s.kv.Cap() >= want {
		return nil
	}
	kv, err := s.r.cache(&Request{Prompt: prompt, Options: Options{MaxTokens: maxTokens}, Context: s.context})
	if err != nil {
		return err
	}
	s.kv, s.held = kv, s.held[:0]
	return nil
}

// sync notes which tokens of w's reply the cache has read.
func (s *Session) sync(w *writer) {
	s.held = append(s.held, w.reply.IDs...)
	s.held = s.held[:min(len(s.held), s.kv.Len())]
}

// Since returns the rate of n tokens over d, in tokens a second; 0 for no time.
func Since(n int, d time.Duration) float64 {
	if d <= 0 {
		return 0
	}
	return float64(n) / d.Seconds()
}
