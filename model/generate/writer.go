package generate

import (
	"context"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"limbeck/tensor/kernel"
)

// A writer is one request on its way.
type writer struct {
	*Request
	ctx   context.Context
	limit int   // tokens to write at most
	stops []int // tokens that end the reply
	named []int // control tokens that Stop names

	seq   *sequence
	lead  *sequence // holds, or will hold, what the prompt begins with; nil once that is copied
	share int       // how many tokens that are
	feed  int       // tokens that this step reads

	guided  bool // by Guide
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
	repeatLast = 64      // tokens of prompt and reply that RepeatPenalty looks back on
	longest    = 1 << 17 // tokens that a reply has memory for from the start, at most
	tokenBytes = 8       // of text: tokens are hardly longer, on average
)

// expected returns how many tokens a reply has memory for before any is written: as many
// as it may have, unless a file claims a context that is longer than most.
func (w *writer) expected() int { return min(w.limit, longest) }

// begin makes w ready to write.
func (w *writer) begin() {
	w.start = time.Now()
	w.sampler.init(w.Options)
	if w.guided = w.Guide != nil; w.guided {
		w.Guide.Start()
	}
	w.text.stops = w.Stop
	w.text.grow(tokenBytes * w.expected())
	w.reply.PromptTokens = len(w.Prompt)
	w.reply.IDs = make([]int, 0, w.expected())
	w.reply.LogProbs = make([]float64, 0, w.expected())
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
	if w.guided {
		id = w.guide(id, logits)
	}
	w.reply.IDs = append(w.reply.IDs, id)
	w.reply.LogProbs = append(w.reply.LogProbs, float64(plain[id])-float64(lse))
}

// redraws is how many of the likeliest tokens a guide is asked about before all are, which
// takes as long as to find the likeliest some 200 times. Where tokens are drawn, all are
// asked about at once.
const redraws = 128

// guide returns id, or if the guide does not allow that to come next, what is chosen of the
// tokens that it allows. Without filters, each has the probability that it would have if
// there were no others. If there is none, the reply goes on with id, and without the guide.
func (w *writer) guide(id int, logits []float32) int {
	if !w.allows(id) {
		likely := logits[id]
		chosen := w.chooseAgain(id, logits)
		if chosen < 0 {
			w.guided, logits[id] = false, likely
			return id
		}
		id = chosen
	}
	w.Guide.Add(w.textOf(id))
	return id
}

// chooseAgain chooses without id, which the guide does not allow, and takes out of logits
// what else it does not; -1 if it allows none.
func (w *writer) chooseAgain(id int, logits []float32) int {
	for n := 0; n < redraws && w.Temperature <= 0; n++ {
		logits[id] = float32(math.Inf(-1))
		if id = argmax(logits); w.allows(id) {
			return id
		}
	}
	first := -1
	for id := range logits {
		if !w.allows(id) {
			logits[id] = float32(math.Inf(-1))
		} else if first < 0 {
			first = id
		}
	}
	if first < 0 {
		return -1
	}
	if id = w.sampler.next(logits, nil); math.IsInf(float64(logits[id]), -1) {
		return first // the temperature is so high that even the impossible is drawn
	}
	return id
}

// allows reports whether the guide allows token id to come next: none that ends the reply,
// which the guide does.
func (w *writer) allows(id int) bool {
	piece := w.textOf(id)
	return len(piece) > 0 && !slices.Contains(w.stops, id) && w.Guide.Allows(piece)
}

// write adds the token that was chosen last to the text, unless it ends the reply.
func (w *writer) write() {
	id := w.reply.IDs[len(w.reply.IDs)-1]
	if len(w.reply.IDs) == 1 {
		w.reply.First = time.Since(w.start)
	}
	switch {
	case slices.Contains(w.stops, id), slices.Contains(w.named, id), w.add(w.textOf(id)), w.guided && w.Guide.Complete():
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

// finish ends the reply, which from now on takes no more memory than it has to.
func (w *writer) finish(reason string) {
	w.mu.Lock()
	w.text.close()
	w.mu.Unlock()
	w.done = true
	w.reply.IDs, w.reply.LogProbs = slices.Clone(w.reply.IDs), slices.Clone(w.reply.LogProbs)
	w.reply.Finish = reason
	w.reply.Text = strings.Clone(w.text.text.String())
	w.reply.Total = time.Since(w.start)
}

// fail ends the reply where it is.
func (w *writer) fail(err error) {
	w.finish(Interrupted)
	w.err = err
}

// end says that the batch, or the line before it, has let go of w.
func (w *writer) end() {
	if w.ended != nil {
		w.ended()
	}
}
