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

// Context returns how many tokens of prompt and reply together the session has
// room for.
func (s *Session) Context() int { return s.context }

// Reply answers prompt, calling emit, if not nil, with pieces of text as they
// are written. If ctx ends, the reply so far comes with ctx's error. A prompt
// without room for a reply is a [ContextError].
func (s *Session) Reply(ctx context.Context, prompt []int, o Options, emit func(text string)) (*Reply, error) {
	if err := checkPrompt(prompt, s.context); err != nil {
		return nil, err
	}
	if s.kv == nil {
		s.kv = s.r.Model.Config().NewKV(s.context)
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

// sync notes which tokens of the prompt and of w's reply the cache has read.
func (s *Session) sync(w *writer) {
	s.held = append(s.held, w.reply.IDs...)
	s.held = s.held[:min(len(s.held), s.kv.Len())]
}

// PromptRate returns the rate at which the prompt was read, in tokens a second.
func (r *Reply) PromptRate() float64 { return rate(r.PromptTokens-r.CachedTokens, r.First) }

// DecodeRate returns the rate at which the tokens after the first were written,
// in tokens a second; 0 if there are none.
func (r *Reply) DecodeRate() float64 { return rate(len(r.IDs)-1, r.Total-r.First) }

func rate(n int, d time.Duration) float64 {
	if n <= 0 || d <= 0 {
		return 0
	}
	return float64(n) / d.Seconds()
}
