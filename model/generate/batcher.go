package generate

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// Errors of [Batcher.Reply].
var (
	ErrBusy   = errors.New("too many requests are waiting")
	ErrClosed = errors.New("the batch is shut down")
)

// A Batcher answers requests as they come, from any number of goroutines, in one
// batch that they join and leave between steps. Those that find no room wait in
// the order in which they came. What a request's prompt has in common with one
// that is held, of a finished request or of one on its way, is not read again.
//
// It works on a goroutine that lives while there are requests.
type Batcher struct {
	batch *batch // belongs to the goroutine, or to who holds mu while there is none

	mu      sync.Mutex
	waiting []*writer
	free    int           // rows that waiting requests get after the step under way
	working chan struct{} // closed when the goroutine ends; nil if there is none
	closed  bool          // new requests are refused
	cut     bool          // the batch's rows must leave
}

// NewBatcher returns a batcher that works with r, which must serve nobody else
// until [Batcher.Shutdown] returns.
func NewBatcher(r *Runner, l Limits) *Batcher {
	orElse(&l.Waiting, defaultWaiting)
	orElse(&l.Memory, DefaultMemory)
	b := &Batcher{batch: newBatch(r, l)}
	b.free = b.batch.Rows
	return b
}

// Context returns how many tokens of prompt and reply together a request has
// room for: those of the model's context, or as many as the memory holds.
func (b *Batcher) Context() int { return b.batch.context }

// Reply answers q, calling emit, if not nil, with pieces of the reply as they are
// written; a slow emit gets longer ones and holds up nobody else. If ctx ends, or
// the batch is shut down, the reply so far comes with ctx's error or [ErrClosed]; it
// is nil if it had not begun. Other errors are [ErrBusy], [ErrNotFinite] and
// [ContextError], of a prompt without room for a reply. The batch has let go of q when
// Reply returns.
func (b *Batcher) Reply(ctx context.Context, q Request, emit func(Piece)) (*Reply, error) {
	w, err := b.batch.newWriter(ctx, &q)
	if err != nil {
		return nil, err
	}
	w.news = make(chan struct{}, 1)
	w.ended = func() { close(w.news) }
	if err := b.join(w); err != nil {
		return nil, err
	}
	for range w.news {
		w.tell(emit)
	}
	w.tell(emit)
	if w.seq == nil {
		return nil, w.err
	}
	return &w.reply, w.err
}

// join puts w at the end of the line.
func (b *Batcher) join(w *writer) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed:
		return ErrClosed
	case len(b.waiting) >= b.free+b.batch.Waiting:
		return ErrBusy
	}
	b.waiting = append(b.waiting, w)
	if b.working == nil {
		b.working = make(chan struct{})
		go b.work()
	}
	return nil
}

// work steps the batch until no request is left.
func (b *Batcher) work() {
	for b.next() {
		b.batch.step()
	}
}

// next lets requests join the batch and reports whether there is anything to do.
func (b *Batcher) next() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cut {
		for _, w := range b.batch.rows {
			w.fail(ErrClosed)
		}
	}
	b.waiting = slices.DeleteFunc(b.waiting, func(w *writer) bool {
		if w.err = w.ctx.Err(); w.err != nil {
			w.end()
		}
		return w.err != nil
	})
	for len(b.waiting) > 0 && b.batch.admit(b.waiting[0]) {
		b.waiting = slices.Delete(b.waiting, 0, 1)
	}
	b.free = 0
	if len(b.waiting) == 0 {
		b.free = b.batch.Rows - len(b.batch.rows)
	}
	if len(b.batch.rows) > 0 {
		return true
	}
	close(b.working)
	b.working = nil
	return false
}

// Shutdown refuses requests from now on, those that wait included, and returns
// when the replies on their way are finished. If ctx ends before, it cuts them off.
// The memory of all caches has been given back then.
func (b *Batcher) Shutdown(ctx context.Context) {
	b.mu.Lock()
	b.closed = true
	for _, w := range b.waiting {
		w.err = ErrClosed
		w.end()
	}
	b.waiting = nil
	working := b.working
	b.mu.Unlock()
	if working != nil {
		select {
		case <-working:
		case <-ctx.Done():
			b.mu.Lock()
			b.cut = true
			b.mu.Unlock()
			<-working
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.batch.release()
}
