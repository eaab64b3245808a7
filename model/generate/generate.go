// Package generate makes models write: sampling, stopping, streaming, one
// request or many in a batch. What a request gets depends on the request and
// the model alone, not on the batch it ran in.
package generate

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"limbeck/internal/par"
	"limbeck/model"
	"limbeck/nn/op"
	"limbeck/tensor/kernel"
)

// Options say how a reply is made. The zero value is greedy and ends where the
// model ends, or where its context is full.
type Options struct {
	MaxTokens     int     // 0: as many as the context has room for
	Temperature   float64 // 0: greedy
	TopK          int     // 0: off
	TopP          float64 // 0 or 1: off
	MinP          float64 // 0: off
	RepeatPenalty float64 // 0 or 1: off; divides the positive logits of the last tokens, multiplies the negative
	Seed          uint64
	Stop          []string // a reply ends before the first of these
}

// Reasons why a reply ended.
const (
	Stopped = "stop"   // the model ended it, or a stop string did
	Length  = "length" // MaxTokens, or the context is full
)

// A Reply is what a model wrote, and how sure it was.
type Reply struct {
	Text     string
	IDs      []int     // with the token that ended the turn, if one did
	LogProbs []float64 // of each of IDs under the model, before sampling's filters
	Finish   string    // Stopped or Length

	PromptTokens int
	CachedTokens int           // of the prompt, already in the cache
	First        time.Duration // from the start of the prompt to the first token
	Total        time.Duration
}

// Confidence is the probability of the whole reply under the model.
func (r *Reply) Confidence() float64 {
	var sum float64
	for _, l := range r.LogProbs {
		sum += l
	}
	return math.Exp(sum)
}

// TokenConfidence is the probability of the reply's i-th token under the model.
func (r *Reply) TokenConfidence(i int) float64 { return math.Exp(r.LogProbs[i]) }

// A ContextError reports a prompt that is longer than its room. Tokens counts
// one token of the reply too.
type ContextError struct{ Tokens, Room int }

func (e *ContextError) Error() string {
	return fmt.Sprintf("the prompt, with one token to reply, has %d tokens, %d more than the context of %d has room for; shorten it or raise the context",
		e.Tokens, e.Tokens-e.Room, e.Room)
}

// A Runner runs a packed model. It serves one goroutine at a time.
type Runner struct {
	Model *model.Model
	tape  *op.Tape
	ids   []int
	seqs  []op.Seq
	rows  []int
}

// NewRunner returns a runner whose operations run on pool; see [op.Tape] for
// exact.
func NewRunner(m *model.Model, pool *par.Pool, exact bool) *Runner {
	t := op.NewTape(pool)
	t.Exact = exact
	return &Runner{Model: m, tape: t}
}

// Tape returns the tape that the runner computes on, for work between replies.
func (r *Runner) Tape() *op.Tape { return r.tape }

const (
	chunkTokens = 256 // a long prompt is read in pieces of this many tokens
	repeatLast  = 64  // tokens that RepeatPenalty looks back on
)

// A writer is one request on its way.
type writer struct {
	opts    Options
	kv      *op.KV
	limit   int   // tokens to write at most
	pending []int // tokens to read before the next one is written
	feed    int   // how many of them this step reads
	sampler sampler
	text    streamer
	reply   Reply
	start   time.Time
	done    bool
}

// newWriter returns the writer of a reply to pending, which continues kv.
func (r *Runner) newWriter(pending []int, kv *op.KV, o Options, emit func(string)) *writer {
	room := kv.Cap() - kv.Len() - len(pending)
	limit := room
	if o.MaxTokens > 0 {
		limit = min(limit, o.MaxTokens)
	}
	w := &writer{opts: o, kv: kv, limit: limit, pending: pending, start: time.Now()}
	w.sampler.init(o)
	w.text = streamer{stops: o.Stop, emit: emit}
	return w
}

// step reads a piece of each writer's pending tokens, in one batch, and lets
// those that have read everything write a token.
func (r *Runner) step(ws []*writer) {
	r.tape.Reset()
	r.ids, r.seqs, r.rows = r.ids[:0], r.seqs[:0], r.rows[:0]
	budget := chunkTokens
	for _, w := range ws {
		w.feed = min(len(w.pending), max(budget, 1))
		budget -= w.feed
		r.ids = append(r.ids, w.pending[:w.feed]...)
		r.seqs = append(r.seqs, op.Seq{Len: w.feed, KV: w.kv})
		if w.feed == len(w.pending) {
			r.rows = append(r.rows, len(r.ids)-1)
		}
	}
	hidden := r.Model.Forward(r.tape, op.Batch{IDs: r.ids, Seqs: r.seqs})
	var logits *op.Value
	if len(r.rows) > 0 {
		logits = r.Model.Head(r.tape, hidden, r.rows)
	}
	row := 0
	for _, w := range ws {
		all := w.feed == len(w.pending)
		w.pending = w.pending[w.feed:]
		if all {
			r.write(w, logits.Row(row))
			row++
		}
	}
}

// write adds the next token of w's reply, chosen by logits, which it may
// change.
func (r *Runner) write(w *writer, logits []float32) {
	lse := kernel.LogSumExp(logits)
	plain := w.sampler.keep(logits)
	id := w.sampler.next(logits, w.reply.IDs[max(0, len(w.reply.IDs)-repeatLast):])
	w.reply.IDs = append(w.reply.IDs, id)
	w.reply.LogProbs = append(w.reply.LogProbs, float64(plain[id])-float64(lse))
	if len(w.reply.IDs) == 1 {
		w.reply.First = time.Since(w.start)
	}
	switch tk := r.Model.Tokenizer; {
	case slices.Contains(tk.Stops(), id):
		w.finish(Stopped)
	case w.text.add(tk.Piece(id)):
		w.finish(Stopped)
	case len(w.reply.IDs) >= w.limit:
		w.finish(Length)
	default:
		w.pending = append(w.pending[:0], id)
	}
}

func (w *writer) finish(reason string) {
	w.text.close()
	w.done = true
	w.reply.Finish = reason
	w.reply.Text = string(w.text.text)
	w.reply.Total = time.Since(w.start)
}

// A Request is one prompt and how to answer it.
type Request struct {
	Prompt []int
	Options
	Context int // tokens of prompt and reply together; 0: the model's context
}

// checkPrompt returns an error if prompt is empty, or if room tokens do not hold
// it and one token of a reply.
func checkPrompt(prompt []int, room int) error {
	if len(prompt) == 0 {
		return errors.New("the prompt is empty")
	}
	if len(prompt) >= room {
		return &ContextError{len(prompt) + 1, room}
	}
	return nil
}

// cache returns a cache for the request, or an error if its prompt is too long.
func (r *Runner) cache(q *Request) (*op.KV, error) {
	c := r.Model.Config()
	room := c.Context
	if q.Context > 0 {
		room = min(room, q.Context)
	}
	if err := checkPrompt(q.Prompt, room); err != nil {
		return nil, err
	}
	if q.MaxTokens > 0 {
		room = min(room, len(q.Prompt)+q.MaxTokens)
	}
	return c.NewKV(room), nil
}

// Many answers requests, up to slots at a time in one batch, and calls done
// with each reply as it ends, in any order of i.
func (r *Runner) Many(ctx context.Context, requests []Request, slots int, done func(i int, reply *Reply)) error {
	var active []*writer
	index := map[*writer]int{}
	for next := 0; next < len(requests) || len(active) > 0; {
		if err := ctx.Err(); err != nil {
			return err
		}
		for ; next < len(requests) && len(active) < slots; next++ {
			q := &requests[next]
			kv, err := r.cache(q)
			if err != nil {
				return fmt.Errorf("request %d: %w", next+1, err)
			}
			w := r.newWriter(slices.Clone(q.Prompt), kv, q.Options, nil)
			w.reply.PromptTokens = len(q.Prompt)
			index[w] = next
			active = append(active, w)
		}
		r.step(active)
		active = slices.DeleteFunc(active, func(w *writer) bool {
			if w.done {
				done(index[w], &w.reply)
				delete(index, w)
			}
			return w.done
		})
	}
	return nil
}
