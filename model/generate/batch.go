package generate

import (
	"context"
	"math"
	"slices"

	"limbeck/model/arch"
	"limbeck/nn/op"
)

// Limits bound a [Batcher]. The zero value works. Long prompts are read in chunks, so that
// other replies go on.
type Limits struct {
	Rows    int // requests that are answered at once; 0: 16
	Waiting int // requests that wait until they can be; 0: 64
	Chunk   int // tokens that one step reads; 0: [DefaultChunk]'s
	Memory  int // bytes of KV caches, those of finished requests included; 0: [DefaultMemory]
}

// DefaultChunk is the Chunk of limits that set none, for models of shape c. A pass
// holds two f32 for each token and neuron, where [op.Gated] does not make them in
// parts: the more neurons a model has, the fewer tokens it reads at once, and the
// fewer are worth reading its weights for.
func DefaultChunk(c arch.Config) int {
	const step, least, most, memory = 16, 64, 256, 17e6
	return min(most, max(least, int(memory/(2*4*float64(c.FFN)))/step*step))
}

// DefaultMemory is the Memory of limits that set none.
const DefaultMemory = 1e9

const (
	defaultRows    = 16
	defaultWaiting = 64
)

// A batch is a set of requests that a runner answers together. It serves one
// goroutine at a time. Between steps, requests join by admit; they leave by
// themselves when they are done or their context is.
type batch struct {
	r *Runner
	Limits
	most    int   // sequences, those of rows included
	context int   // tokens of prompt and reply together
	stops   []int // tokens that end a reply

	rows []*writer   // in the order in which they joined
	seqs []*sequence // of rows, and of what has been read before: least recently used first

	// Of the step under way.
	ids   []int
	runs  []op.Seq
	heads []int     // of ids, those whose logits are wanted; not nil, which would be all
	reads []*writer // those whose prompts are read

	choosing []*writer // those that write a token of logits
	logits   *op.Value
}

// newBatch returns an empty batch. A Memory of 0 is no limit.
func newBatch(r *Runner, l Limits) *batch {
	orElse(&l.Rows, defaultRows)
	orElse(&l.Chunk, DefaultChunk(r.Model.Config()))
	l.Chunk = max(l.Chunk, l.Rows) // which a step reads of as many replies
	b := &batch{r: r, Limits: l, most: math.MaxInt, context: r.Model.Config().Context, stops: r.Model.Tokenizer.Stops(), heads: []int{}}
	if l.Memory > 0 {
		b.context = min(b.context, r.positions(l.Memory))
	} else {
		b.Memory = math.MaxInt
	}
	return b
}

func orElse(n *int, other int) {
	if *n <= 0 {
		*n = other
	}
}

// newWriter returns a writer for q, or an error if its prompt cannot be answered.
func (b *batch) newWriter(ctx context.Context, q *Request) (*writer, error) {
	room := b.context
	if q.Context > 0 {
		room = min(room, q.Context)
	}
	if err := checkPrompt(q.Prompt, room); err != nil {
		return nil, err
	}
	w := &writer{Request: q, ctx: ctx, limit: room - len(q.Prompt), textOf: b.r.Model.Tokenizer.Text}
	if !q.Endless {
		w.stops = b.stops
	}
	for _, stop := range q.Stop { // the name of a token without text is in no text
		if id, ok := b.r.Model.Tokenizer.ID(stop); ok && b.r.Model.Tokenizer.IsSpecial(id) {
			w.named = append(w.named, id)
		}
	}
	if q.MaxTokens > 0 {
		w.limit = min(w.limit, q.MaxTokens)
	}
	return w, nil
}

// admit makes w a row, if there is room for it now. In an empty batch there is.
func (b *batch) admit(w *writer) bool {
	if len(b.rows) == b.Rows || !b.place(w) {
		return false
	}
	w.begin()
	w.follow()
	b.rows = append(b.rows, w)
	return true
}

// step reads a piece of what the rows have to read, in one pass, and lets those
// that have read everything write a token.
func (b *batch) step() {
	b.settle()
	if len(b.rows) == 0 {
		return
	}
	b.plan()
	b.r.begin(len(b.ids), slices.ContainsFunc(b.rows, func(w *writer) bool { return len(w.reply.IDs) > 0 }))
	m, t := b.r.Model, b.r.tape
	t.Reset()
	hidden := m.Forward(t, op.Batch{IDs: b.ids, Seqs: b.runs, Rows: b.heads})
	if len(b.heads) > 0 {
		b.logits, b.choosing = m.Head(t, hidden, nil), b.choosing[:0]
		for _, w := range b.rows {
			if len(w.seq.unread()) == 0 {
				b.choosing = append(b.choosing, w)
			}
		}
		t.Pool.Run((*choice)(b), len(b.choosing))
		for _, w := range b.choosing {
			if !w.done {
				w.write()
			}
		}
	}
	b.settle()
}

// choice lets writers choose tokens, or fail, each for itself.
type choice batch

func (c *choice) Do(_, i int) { c.choosing[i].choose(c.logits.Row(i)) }

// plan chooses what the step reads: the last token of each reply that is being
// written, and with what is left of Chunk, but at least one token, prompts.
func (b *batch) plan() {
	b.ids, b.runs, b.heads, b.reads = b.ids[:0], b.runs[:0], b.heads[:0], b.reads[:0]
	left := b.Chunk
	for _, w := range b.rows {
		w.feed = 0
		switch {
		case w.lead != nil:
		case len(w.reply.IDs) > 0:
			w.feed = 1
			left--
		default:
			b.reads = append(b.reads, w)
		}
	}
	b.share(max(left, 1))
	for _, w := range b.rows {
		if w.feed == 0 {
			continue
		}
		unread := w.seq.unread()
		b.ids = append(b.ids, unread[:w.feed]...)
		b.runs = append(b.runs, op.Seq{Len: w.feed, KV: w.seq.kv})
		if w.feed == len(unread) {
			b.heads = append(b.heads, len(b.ids)-1)
		}
	}
}

// share has the step read n tokens of prompts: half of the one that joined first, so that
// none waits for ever, and else of those that have the least left, so that a short one
// need not wait for a long one.
func (b *batch) share(n int) {
	read := func(w *writer, most int) {
		more := min(len(w.seq.unread())-w.feed, most, n)
		w.feed += more
		n -= more
	}
	if len(b.reads) > 0 {
		read(b.reads[0], (n+1)/2)
	}
	slices.SortStableFunc(b.reads, func(v, w *writer) int { return len(v.seq.unread()) - len(w.seq.unread()) })
	for _, w := range b.reads {
		read(w, n)
	}
}

// settle lets rows take what others have read for them, and those leave that are
// done or whose context is.
func (b *batch) settle() {
	for _, w := range b.rows {
		if err := w.ctx.Err(); err != nil && !w.done {
			w.fail(err)
		}
	}
	for _, w := range b.rows { // before any sequence is given away
		w.follow()
	}
	b.rows = slices.DeleteFunc(b.rows, func(w *writer) bool {
		if w.done {
			b.keep(w.seq)
			w.end()
		}
		return w.done
	})
}
