// Package generate makes models write: sampling, stopping, streaming, one
// request or many in a batch. What a request gets, to the bit, depends on the
// request and the model alone: not on the batch it ran in, nor on how its prompt
// was cut, nor on what a cache spared it of reading.
//
// A [Batcher] answers requests as they come, from any goroutine. A [Session] is
// one conversation, and [Runner.Many] answers a list; these work on the
// goroutine of their caller. All three step the same batch: rows, which are
// requests on their way, and sequences, which hold what rows have read and stay
// when they end.
package generate

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"limbeck/internal/par"
	"limbeck/model"
	"limbeck/model/arch"
	"limbeck/model/guide"
	"limbeck/nn/op"
	"limbeck/tensor/dtype"
)

// Options say how a reply is made. The zero value is greedy and ends where the
// model ends, or where its context is full. A repeat penalty divides the positive logits of
// the last 64 tokens of prompt and reply, and multiplies the negative.
type Options struct {
	MaxTokens     int     // 0: as many as the context has room for
	Temperature   float64 // 0: greedy
	TopK          int     // 0: off
	TopP          float64 // 0 or 1: off
	MinP          float64 // 0: off
	RepeatPenalty float64 // 0 or 1: off; see [CheckRepeatPenalty]
	Seed          uint64
	Stop          []string // a reply ends before the first of these, or at a control token so named
	Endless       bool     // goes on where the model would end, for timing

	// Guide, if not nil, says what the reply may say; where no token says it, the reply
	// goes on without. It serves one request at a time.
	Guide guide.Guide
}

// CheckRepeatPenalty refuses a repeat penalty that a user cannot mean: 0 would divide
// by nothing, what is hardly more would make logits infinite, and one below 0 would turn
// what is likely into what is unlikely.
func CheckRepeatPenalty(v float64) error {
	const least, most = 0.01, 100
	if !(v >= least && v <= most) {
		return fmt.Errorf("is %v, want %v to %v (1: no penalty; more: repeat less; less: repeat more)", v, least, most)
	}
	return nil
}

// Reasons why a reply ended.
const (
	Stopped = "stop"   // the model ended it, or a stop string did
	Length  = "length" // MaxTokens, or the context is full

	// Interrupted is of replies that an error comes with: of the request's context, say.
	Interrupted = "interrupted"
)

// A Reply is what a model wrote, and how sure it was.
type Reply struct {
	Text     string    // of IDs, to which control and unused tokens give nothing
	IDs      []int     // with the token that ended the turn, if one did: a guide ends it without
	LogProbs []float64 // of each of IDs under the model, before sampling's filters and any guide
	Finish   string    // Stopped, Length or Interrupted

	PromptTokens int
	CachedTokens int           // of the prompt, already in the cache
	First        time.Duration // from when the prompt was begun to the first token
	Total        time.Duration
}

// A Piece is what has become ready of a reply on its way: nothing to come can change it.
// The tokens are those whose text begins in its text, so that one without text comes
// with what follows it, and one that a stop string cuts comes whole. The last tokens
// of a reply, if they have no text, are in no piece.
type Piece struct {
	Text     string
	IDs      []int
	LogProbs []float64 // of each of IDs, as in [Reply]
}

// Confidence is the probability of the whole reply under the model.
func (r *Reply) Confidence() float64 {
	var sum float64
	for _, l := range r.LogProbs {
		sum += l
	}
	return math.Exp(sum)
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

// TokenConfidence is the probability of the reply's i-th token under the model.
func (r *Reply) TokenConfidence(i int) float64 { return math.Exp(r.LogProbs[i]) }

// ErrNotFinite ends a reply of which no token has a probability.
var ErrNotFinite = errors.New("the model's logits are NaN or infinite, though its weights are finite: it is damaged or badly trained; get it or make it anew")

// A ContextError reports a prompt that is longer than its room. Tokens counts
// one token of the reply too.
type ContextError struct{ Tokens, Room int }

func (e *ContextError) Error() string {
	return fmt.Sprintf("the prompt, with one token to reply, has %d tokens, %d more than the context of %d has room for; shorten it",
		e.Tokens, e.Tokens-e.Room, e.Room)
}

// A Runner runs a packed model. It serves one goroutine at a time, and holds the memory
// of the last [Runner.Many]'s caches for the next.
type Runner struct {
	Model *model.Model
	tape  *op.Tape
	raw   bool        // the model is to be packed
	read  int         // tokens, of all passes
	spare []*sequence // whose memory the next [Runner.Many] takes over
}

// A Precision says how a runner computes. The zero value is what replies are
// made with, unless somebody asks for another.
type Precision struct {
	Exact bool        // f32 activations; see [op.Tape]
	KV    *dtype.Type // of caches; nil: f32 if Exact, f16 otherwise
}

// NewPrecision returns how a model of shape c computes with caches in the format
// of that name; none is the zero value's.
func NewPrecision(c arch.Config, exact bool, cache string) (Precision, error) {
	if cache == "" {
		return Precision{Exact: exact}, nil
	}
	t, err := op.KVType(cache, c.HeadDim)
	return Precision{exact, t}, err
}

// Cache returns the format of caches.
func (p Precision) Cache() *dtype.Type {
	switch {
	case p.KV != nil:
		return p.KV
	case p.Exact:
		return dtype.F32
	}
	return dtype.F16
}

// NewRunner returns a runner whose operations run on pool.
func NewRunner(m *model.Model, pool *par.Pool, p Precision) *Runner {
	t := op.NewTape(pool)
	t.Exact, t.KV = p.Exact, p.Cache()
	return &Runner{Model: m, tape: t}
}

// NewKV returns an empty cache for one sequence of so many tokens.
func (r *Runner) NewKV(capacity int) *op.KV { return r.Model.Config().NewKV(r.tape.KV, capacity) }

// A collection takes little, but several milliseconds, in which threads lose their cores
// to it and wait for each other: a small model then answers a sixth fewer requests, if it
// happens with every megabyte of garbage, as it would by Go's reckoning in shares of a heap.
const (
	garbageBytes = 16 << 20 // that are left uncollected
	garbageShare = 20       // percent of the heap, at most
)

// ballast fills a small heap up.
var ballast []byte

// LimitGarbage has the process, which is about to open a model, leave about 16 MB
// uncollected, however large its heap will be. Inference hardly allocates: Go's usual share,
// all of the heap, would only let the weights' size be wasted before the first collection.
// Until opened is called with the model, packed or not yet, nothing is collected: opening
// leaves little behind. With nil, as it failed, collections are as they were.
//
// The ballast is made before there is memory to be used again, which would be cleared: so
// nothing touches it, and the system gives none. Where the user limits memory (GOMEMLIMIT),
// there is no ballast, and a small heap is collected more often.
func LimitGarbage() (opened func(*model.Model)) {
	usual := debug.SetGCPercent(-1)
	if ballast == nil && debug.SetMemoryLimit(-1) == math.MaxInt64 {
		ballast = make([]byte, garbageBytes*100/garbageShare)
	}
	return func(m *model.Model) {
		if m == nil {
			debug.SetGCPercent(usual)
			return
		}
		debug.SetGCPercent(max(1, min(garbageShare, garbageBytes*100/(heapOf(m)+len(ballast)))))
		runtime.GC() // or one would come with the first reply
	}
}

// heapOf returns the bytes of this process's heap once m is packed, without the ballast.
// Weights that are mapped, as those that were kept packed, are none of it.
func heapOf(m *model.Model) int {
	var now runtime.MemStats
	runtime.ReadMemStats(&now)
	return int(now.HeapAlloc) - len(ballast) + op.PackedBytes(m.Weights())
}

// packAfter is how many tokens a runner reads at most with weights that are packed
// for each product anew. That costs a pass over a chunk of a prompt little beside what it
// computes, while memory for all packed weights has to be had first, which may take as long
// as hundreds of tokens.
const packAfter = 2048

// PackLater has the runner pack its model, which is not packed yet, before it goes on
// with a reply or has read more than [packAfter] tokens: the first token of a reply to
// a short prompt does not wait for it.
func (r *Runner) PackLater() {
	r.Model.PackLater()
	r.raw = true
}

// begin readies the model for one more pass, over so many tokens, among which may be
// some of replies.
func (r *Runner) begin(tokens int, replies bool) {
	if r.read += tokens; r.raw && (replies || r.read > packAfter) {
		debug.FreeOSMemory() // what loading left: packed, the model takes the most it ever does
		r.Model.Pack(r.tape.Pool)
		r.raw = false
	}
}

// Tape returns the tape that the runner computes on, for work between replies.
func (r *Runner) Tape() *op.Tape { return r.tape }

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

// A RequestError says which of several requests failed, counted from 0.
type RequestError struct {
	Request int
	Err     error
}

func (e *RequestError) Error() string { return fmt.Sprintf("request %d: %v", e.Request+1, e.Err) }

// Unwrap returns the cause.
func (e *RequestError) Unwrap() error { return e.Err }

// Many answers requests, up to rows at a time in one batch, which must be 1 or more,
// and calls done with each reply as it ends, in any order of i. The first that fails,
// as all do when ctx ends, ends it with a [RequestError]. The next call takes over the
// memory of its caches.
func (r *Runner) Many(ctx context.Context, requests []Request, rows int, done func(i int, reply *Reply)) error {
	b := newBatch(r, Limits{Rows: rows})
	b.most = rows
	n := min(rows, len(r.spare))
	b.seqs = slices.Clone(r.spare[:n])
	release(r.spare[n:])
	r.spare = nil
	var failed error
	for next := 0; next < len(requests) || len(b.rows) > 0; b.step() {
		if failed != nil {
			b.release()
			return failed
		}
		for ; next < len(requests) && len(b.rows) < rows; next++ {
			i := next
			w, err := b.newWriter(ctx, &requests[i])
			if err != nil {
				b.release()
				return &RequestError{i, err}
			}
			w.ended = func() {
				switch {
				case w.err == nil:
					done(i, &w.reply)
				case failed == nil:
					failed = &RequestError{i, w.err}
				}
			}
			b.admit(w)
		}
	}
	r.spare = b.left()
	return failed
}

// Prepare makes caches of so many tokens that the next [Runner.Many] takes over, for up to
// so many rows, and has the system give all of their memory: in a virtual machine that
// may take a tenth of the time of short requests. Those that were left are let go.
func (r *Runner) Prepare(rows, tokens int) {
	release(r.spare)
	r.spare = nil
	for range rows {
		kv := r.NewKV(tokens)
		kv.Reserve(tokens)
		kv.Touch()
		r.spare = append(r.spare, &sequence{kv: kv, bytes: kv.MaxBytes()})
	}
}
