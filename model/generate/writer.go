package generate

import (
	"context"
	"slices"
	"sync"
	"time"

	"limbeck/tensor/kernel"
)

// A writer is one request on its way.
type writer struct {
	*Request
	ctx   context.Context
	limit int   // tokens to write at most
	named []int // control tokens that Stop names

	seq   *sequence
	lead  *sequence // holds, or is going to hold, what the prompt begins with; nil once that is copied
	share int       // how many tokens that are
	feed  int       // tokens that this step reads

	sampler sampler
	reply   Reply
	start   time.Time
	done    bool
	err     error
	ended   func()        // called, if not nil, when the batch has let go of the writer
	news    chan struct{} // if not nil, sent to without waiting when text may be ready

	mu       sync.Mutex // guards text, and the tokens of it
	text     streamer
	ids      []int
	logProbs []float64

	textOf func(id int) []byte // what a token adds to the text
	told   int                 // tokens that tell has passed on
	begins int                 // where the text of the next one does
}

const (
	repeatLast = 64   // tokens of prompt and reply that RepeatPenalty looks back on
	atOnce     = 4096 // tokens that a reply has memory for from the start
)

// begin makes w ready to write.
func (w *writer) begin() {
	w.start = time.Now()
	w.sampler.init(w.Options)
	w.text.stops = w.Stop
	w.reply.PromptTokens = len(w.Prompt)
	w.reply.IDs = make([]int, 0, min(w.limit, atOnce))
	w.reply.LogProbs = make([]float64, 0, min(w.limit, atOnce))
}

// choose adds the next token to the reply, by logits, which it may change. Of logits
// that are no numbers there is none to choose.
func (w *writer) choose(logits []float32) {
	lse := kernel.LogSumExp(logits)
	if lse-lse != 0 {
		w.fail(ErrNotFinite)
		return
	}
	plain := w.sampler.keep(logits)
	read := w.seq.tokens // the prompt and the reply so far, however much of it a cache held
	id := w.sampler.next(logits, read[max(0, len(read)-repeatLast):])
	w.reply.IDs = append(w.reply.IDs, id)
	w.reply.LogProbs = append(w.reply.LogProbs, float64(plain[id])-float64(lse))
}

// write adds the token that was chosen last to the text. A token of stops ends the reply,
// unless it is endless.
func (w *writer) write(stops []int) {
	id := w.reply.IDs[len(w.reply.IDs)-1]
	if len(w.reply.IDs) == 1 {
		w.reply.First = time.Since(w.start)
	}
	switch {
	case !w.Endless && slices.Contains(stops, id), slices.Contains(w.named, id), w.add(w.textOf(id)):
		w.finish(Stopped)
	case len(w.reply.IDs) >= w.limit:
		w.finish(Length)
	default:
		w.seq.tokens = append(w.seq.tokens, id)
	}
}

// add adds the bytes of the last token to the text and reports whether they end it.
func (w *writer) add(piece []byte) (stopped bool) {
	w.mu.Lock()
	stopped = w.text.add(piece)
	w.ids, w.logProbs = w.reply.IDs, w.reply.LogProbs
	w.mu.Unlock()
	select {
	case w.news <- struct{}{}:
	default:
	}
	return stopped
}

// tell calls emit, if not nil, with the text that is new and ready, and its tokens.
func (w *writer) tell(emit func(Piece)) {
	if emit == nil {
		return
	}
	w.mu.Lock()
	p, end := Piece{w.text.take(), w.ids, w.logProbs}, w.text.sent
	w.mu.Unlock()
	if p.Text == "" {
		return
	}
	from := w.told
	for ; w.told < len(p.IDs) && w.begins < end; w.told++ {
		w.begins += len(w.textOf(p.IDs[w.told]))
	}
	p.IDs, p.LogProbs = p.IDs[from:w.told], p.LogProbs[from:w.told]
	emit(p)
}

func (w *writer) finish(reason string) {
	w.mu.Lock()
	w.text.close()
	w.mu.Unlock()
	w.done = true
	w.reply.Finish = reason
	w.reply.Text = w.text.text.String()
	w.reply.Total = time.Since(w.start)
}

// fail ends the reply where it is.
func (w *writer) fail(err error) {
	w.finish(Length)
	w.err = err
}

// end says that the batch, or the line before it, has let go of w.
func (w *writer) end() {
	if w.ended != nil {
		w.ended()
	}
}
