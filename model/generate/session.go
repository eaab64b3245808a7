package generate

import "context"

// A Session is a conversation: what the cache holds of one request serves the
// next as far as their prompts agree.
type Session struct {
	batch   *batch
	context int
}

// NewSession returns an empty session with room for context tokens; 0 stands
// for the model's context.
func (r *Runner) NewSession(context int) *Session {
	b := newBatch(r, Limits{Rows: 1})
	b.most = 1
	if context <= 0 || context > b.context {
		context = b.context
	}
	return &Session{b, context}
}

// Context returns how many tokens of prompt and reply together the session has
// room for.
func (s *Session) Context() int { return s.context }

// Forget forgets what has been read, and keeps its memory for what comes.
func (s *Session) Forget() { s.batch.left() }

// Close gives the memory back. The session is empty then, and may be used again.
func (s *Session) Close() { s.batch.release() }

// Reply answers prompt, calling emit, if not nil, with pieces of text as they
// are written. If ctx ends, the reply so far comes with ctx's error. Other
// errors are [ErrNotFinite] and [ContextError], of a prompt without room for a reply.
func (s *Session) Reply(ctx context.Context, prompt []int, o Options, emit func(text string)) (*Reply, error) {
	w, err := s.batch.newWriter(ctx, &Request{Prompt: prompt, Options: o, Context: s.context})
	if err != nil {
		return nil, err
	}
	var tell func(Piece)
	if emit != nil {
		tell = func(p Piece) { emit(p.Text) }
	}
	for s.batch.admit(w); !w.done; w.tell(tell) {
		s.batch.step()
	}
	return &w.reply, w.err
}
