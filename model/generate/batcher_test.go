package generate

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"limbeck/internal/par"
	"limbeck/internal/testkit"
	"limbeck/internal/testkit/allocs"
	"limbeck/model"
	"limbeck/nn/op"
	"limbeck/tensor/dtype"
)

// A computation is how a model's weights are stored and multiplied.
type computation struct {
	format *dtype.Type
	exact  bool
}

func (c computation) String() string { return fmt.Sprintf("%s, exact %v", c.format, c.exact) }

// computations are those whose rows must not depend on each other: of floats, and
// of int8 in both forms in which layouts want activations.
var computations = []computation{{dtype.F32, true}, {dtype.F32, false}, {dtype.Q4_0, false}, {dtype.Q6_K, false}}

// packed returns a tiny model and a pool that it is packed for.
func packed(t testing.TB, threads int) (*model.Model, *par.Pool) {
	return packedAs(t, threads, dtype.F32)
}

func packedAs(t testing.TB, threads int, format *dtype.Type) (*model.Model, *par.Pool) {
	pool := par.New(threads)
	t.Cleanup(pool.Close)
	m := testkit.Stored(1, format)
	m.Pack(pool)
	return m, pool
}

// related returns n requests whose prompts begin like others' prompts, some of
// them like others' replies too, and what each gets alone.
func related(t testing.TB, r *Runner, rng *rand.Rand, n int) ([]Request, []*Reply) {
	t.Helper()
	var all []Request
	var alone []*Reply
	for i := range n {
		var q Request
		if i > 0 && rng.IntN(4) > 0 {
			k := rng.IntN(i)
			text := slices.Concat(all[k].Prompt, alone[k].IDs)
			q.Prompt = slices.Clone(text[:1+rng.IntN(min(len(text), 80))])
		}
		q.Prompt = append(q.Prompt, testkit.IDs(rng, 1+rng.IntN(30), r.Model.Config().Vocab)...)
		q.MaxTokens = rng.IntN(30)
		if rng.IntN(2) == 0 {
			q.Temperature, q.Seed = 1, rng.Uint64()
			q.RepeatPenalty = float64(rng.IntN(2)) * 1.3
		}
		reply, err := r.NewSession(0).Reply(t.Context(), q.Prompt, q.Options, nil)
		if err != nil {
			t.Fatal(err)
		}
		all, alone = append(all, q), append(alone, reply)
	}
	return all, alone
}

func same(a, b *Reply) bool {
	return a.Text == b.Text && a.Finish == b.Finish && slices.Equal(a.IDs, b.IDs) && slices.Equal(a.LogProbs, b.LogProbs)
}

// check fails if the batch breaks its limits or its accounts.
func (b *batch) check(t testing.TB) {
	t.Helper()
	reserved, taken := 0, 0
	for _, s := range b.seqs {
		reserved += s.bytes
		taken += s.kv.Bytes()
		for _, other := range b.seqs {
			if s != other && s.row == nil && other.row == nil && common(s.tokens, other.tokens) == len(s.tokens) {
				t.Errorf("%d tokens are kept twice", len(s.tokens))
			}
		}
		if s.kv.Bytes() > s.bytes || s.kv.Len() > len(s.tokens) {
			t.Errorf("a sequence of %d tokens takes %d bytes of %d", s.kv.Len(), s.kv.Bytes(), s.bytes)
		}
	}
	if reserved > b.Memory || taken > b.Memory || len(b.rows) > b.Rows || len(b.ids) > max(b.Chunk, b.Rows) {
		t.Errorf("%d bytes reserved, %d taken of %d; %d rows of %d; %d tokens a step of %d",
			reserved, taken, b.Memory, len(b.rows), b.Rows, len(b.ids), b.Chunk)
	}
}

// Whoever joins or leaves, and however prompts are cut: every request gets what
// it gets alone, or a beginning of that if it leaves early. Memory stays bounded.
func TestBatchIsExact(t *testing.T) {
	for _, c := range computations {
		t.Run(c.String(), func(t *testing.T) {
			for _, threads := range []int{1, 3} {
				batchIsExact(t, c, threads)
			}
		})
	}
}

func batchIsExact(t *testing.T, c computation, threads int) {
	m, pool := packedAs(t, threads, c.format)
	rng := rand.New(rand.NewPCG(5, uint64(threads)))
	r := NewRunner(m, pool, Precision{Exact: c.exact})
	all, alone := related(t, r, rng, 30)
	cached := 0
	for range 4 {
		kv := r.NewKV(testkit.Context).MaxBytes()
		b := newBatch(r, Limits{Rows: 1 + rng.IntN(6), Memory: kv + rng.IntN(5*kv)})
		cached += runRandomly(t, b, rng, all, alone)
	}
	if cached == 0 {
		t.Error("no prompt found anything of it in a cache")
	}
}

// runRandomly answers all in random order, cancels some, and returns how many
// tokens were not read again.
func runRandomly(t *testing.T, b *batch, rng *rand.Rand, all []Request, alone []*Reply) (cached int) {
	t.Helper()
	ctxs, cancels := make([]context.Context, len(all)), make([]func(), len(all))
	ended, writers := 0, make([]*writer, len(all))
	held, read := 0, 0 // tokens that sequences held when their rows left, and that steps read
	for i := range all {
		ctxs[i], cancels[i] = context.WithCancel(t.Context())
		defer cancels[i]()
		w, err := b.newWriter(ctxs[i], &all[i])
		if err != nil {
			t.Fatal(err)
		}
		w.ended = func() {
			ended++
			held += len(w.seq.tokens) - w.reply.CachedTokens
		}
		writers[i] = w
	}
	for order := rng.Perm(len(all)); ended < len(all); {
		for len(order) > 0 && rng.IntN(3) > 0 && b.admit(writers[order[0]]) {
			order = order[1:]
		}
		if rng.IntN(40) == 0 && len(b.rows) > 0 {
			cancels[slices.Index(writers, b.rows[rng.IntN(len(b.rows))])]()
		}
		b.Chunk = 1 + rng.IntN(50)
		b.ids = b.ids[:0]
		b.step()
		read += len(b.ids)
		b.check(t)
	}
	if read != held {
		t.Errorf("%d tokens were read, %d held and not cached before", read, held)
	}
	for i, w := range writers {
		cached += w.reply.CachedTokens
		got, want := &w.reply, alone[i]
		if w.err != nil {
			n := len(got.IDs)
			if !slices.Equal(got.IDs, want.IDs[:n]) || !slices.Equal(got.LogProbs, want.LogProbs[:n]) || !strings.HasPrefix(want.Text, got.Text) {
				t.Errorf("request %d, canceled after %d tokens, differs", i, n)
			}
			if got.Finish != Interrupted {
				t.Errorf("request %d, canceled after %d tokens: finish reason %q, want %q", i, n, got.Finish, Interrupted)
			}
		} else if !same(got, want) {
			t.Errorf("request %d differs: %d tokens, want %d", i, len(got.IDs), len(want.IDs))
		}
	}
	return cached
}

// Requests of many goroutines get what they get alone, streamed in pieces, and
// leave no goroutine behind.
func TestBatcherServesGoroutines(t *testing.T) {
	for _, c := range computations {
		t.Run(c.String(), func(t *testing.T) { servesGoroutines(t, c) })
	}
}

func servesGoroutines(t *testing.T, c computation) {
	m, pool := packedAs(t, 2, c.format)
	r := NewRunner(m, pool, Precision{Exact: c.exact})
	rng := rand.New(rand.NewPCG(7, 7))
	all, alone := related(t, r, rng, 24)
	before := runtime.NumGoroutine()
	b := NewBatcher(r, Limits{Rows: 5, Chunk: 16})
	var group sync.WaitGroup
	for i := range all {
		ctx, cancel := context.WithCancel(t.Context())
		leaves := rng.IntN(4) == 0
		group.Go(func() {
			defer cancel()
			var text strings.Builder
			var ids []int
			var logProbs []float64
			size := func(ids []int) int { // of their text
				n := 0
				for _, id := range ids {
					n += len(m.Tokenizer.Text(id))
				}
				return n
			}
			reply, err := b.Reply(ctx, all[i], func(p Piece) {
				text.WriteString(p.Text)
				ids, logProbs = append(ids, p.IDs...), append(logProbs, p.LogProbs...)
				if n := len(ids); n == 0 || size(ids) < text.Len() || size(ids[:n-1]) >= text.Len() {
					t.Errorf("request %d: %d tokens with the first %d bytes, want those that begin in them", i, n, text.Len())
				}
				if leaves {
					cancel()
				}
			})
			switch {
			case err != nil:
				if !leaves || !errors.Is(err, context.Canceled) || !strings.HasPrefix(alone[i].Text, text.String()) {
					t.Errorf("request %d: %v after %q", i, err, &text)
				}
			case !same(reply, alone[i]) || text.String() != reply.Text:
				t.Errorf("request %d differs, or its stream does", i)
			case !slices.Equal(ids, reply.IDs[:len(ids)]) || !slices.Equal(logProbs, reply.LogProbs[:len(ids)]):
				t.Errorf("request %d: the stream has other tokens or probabilities", i)
			}
		})
	}
	group.Wait()
	b.Shutdown(t.Context())
	if _, err := b.Reply(t.Context(), all[0], nil); !errors.Is(err, ErrClosed) {
		t.Errorf("error after the end: %v", err)
	}
	// A goroutine counts for a moment longer than what it was waited for by.
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines, before %d", runtime.NumGoroutine(), before)
		}
	}
}

// A prompt that begins like one on its way waits until that is read, and reads
// the rest only.
func TestPrefixOfRunningRequestIsShared(t *testing.T) {
	m, pool := packed(t, 1)
	b := newBatch(NewRunner(m, pool, Precision{Exact: true}), Limits{Rows: 3, Chunk: 16})
	common := testkit.IDs(rand.New(rand.NewPCG(1, 1)), 70, m.Config().Vocab)
	var ws []*writer
	for i := range 3 {
		w, err := b.newWriter(t.Context(), &Request{Prompt: append(slices.Clone(common), i, i+1), Options: Options{MaxTokens: 3}})
		if err != nil || !b.admit(w) {
			t.Fatal(err)
		}
		ws = append(ws, w)
	}
	read := 0
	for len(b.rows) > 0 {
		b.step()
		for _, run := range b.runs {
			if run.Len > 1 {
				read += run.Len
			}
		}
	}
	if ws[0].reply.CachedTokens != 0 || ws[1].reply.CachedTokens != 70 || ws[2].reply.CachedTokens != 70 || read > 72+2+2 {
		t.Errorf("%d, %d and %d tokens not read again; %d read",
			ws[0].reply.CachedTokens, ws[1].reply.CachedTokens, ws[2].reply.CachedTokens, read)
	}
}

// While a long prompt is read in pieces, others write a token a step.
func TestLongPromptDoesNotStallOthers(t *testing.T) {
	m, pool := packed(t, 1)
	b := newBatch(NewRunner(m, pool, Precision{Exact: true}), Limits{Rows: 2, Chunk: 8})
	rng := rand.New(rand.NewPCG(1, 1))
	var ws []*writer
	for _, n := range []int{4, 100} {
		w, err := b.newWriter(t.Context(), &Request{Prompt: testkit.IDs(rng, n, m.Config().Vocab), Options: Options{MaxTokens: 12}})
		if err != nil || !b.admit(w) {
			t.Fatal(err)
		}
		ws = append(ws, w)
	}
	for len(ws[1].reply.IDs) == 0 {
		before := len(ws[0].reply.IDs)
		b.step()
		if !ws[0].done && len(ws[0].reply.IDs) != before+1 {
			t.Fatal("a step without a token")
		}
	}
	if !ws[0].done {
		t.Errorf("the long prompt was read after %d tokens of the other", len(ws[0].reply.IDs))
	}
}

// Of prompts on their way, short ones do not wait for a long one, and it not for ever for
// them.
func TestShortPromptPassesLongOne(t *testing.T) {
	m, pool := packed(t, 1)
	const chunk = 8
	b := newBatch(NewRunner(m, pool, Precision{Exact: true}), Limits{Rows: 2, Chunk: chunk})
	rng := rand.New(rand.NewPCG(1, 1))
	join := func(n int) *writer {
		w, err := b.newWriter(t.Context(), &Request{Prompt: testkit.IDs(rng, n, m.Config().Vocab), Options: Options{MaxTokens: 1}})
		if err != nil || !b.admit(w) {
			t.Fatal("not admitted", err)
		}
		return w
	}
	long := join(100)
	for steps := 0; !long.done; steps += 2 {
		short := join(chunk)
		b.step()
		if b.step(); !short.done {
			t.Fatalf("after %d steps, a short prompt is not read in two", steps)
		}
		if left := len(long.seq.unread()); left > max(0, 100-(steps+2)*chunk/2) {
			t.Fatalf("after %d steps, %d tokens of the long prompt are left", steps, left)
		}
	}
}

// Those that the rows have room for are not in the line: it is as long as its limit
// beside them, before the first step and after it.
func TestLineBeginsBehindFreeRows(t *testing.T) {
	m, pool := packed(t, 1)
	const rows, waiting = 3, 2
	b := NewBatcher(NewRunner(m, pool, Precision{Exact: true}), Limits{Rows: rows, Waiting: waiting})
	b.working = make(chan struct{}) // the test steps the batch
	var ws []*writer
	join := func() error {
		w, err := b.batch.newWriter(t.Context(), &Request{Prompt: []int{1, 2, 3}, Options: Options{MaxTokens: 1 + len(ws), Endless: true}})
		if err != nil {
			t.Fatal(err)
		}
		w.ended = func() {}
		ws = append(ws, w)
		return b.join(w)
	}
	refuses := func(when string, room int) {
		t.Helper()
		for range room {
			if err := join(); err != nil {
				t.Fatalf("%s: %v with room for more", when, err)
			}
		}
		if err := join(); !errors.Is(err, ErrBusy) {
			t.Errorf("%s: the request after those got %v, want %v", when, err, ErrBusy)
		}
	}
	refuses("idle", rows+waiting)
	b.next()
	refuses("with all rows taken", 0)
	for !ws[2].done { // the first three end, one after the other, and the last two come in
		b.batch.step()
		b.next()
	}
	refuses("with one row free and nobody waiting", 1+waiting)
}

// Requests beyond the line's length are refused, those in it when the batch
// shuts down; replies on their way are finished, unless time is up.
func TestBatcherRefusesAndShutsDown(t *testing.T) {
	m, pool := packed(t, 1)
	r := NewRunner(m, pool, Precision{Exact: true})
	prompt := []int{1, 2, 3}
	for _, hurry := range []bool{false, true} {
		b := NewBatcher(r, Limits{Rows: 1, Waiting: 1})
		begun, hold := make(chan struct{}), make(chan struct{})
		results := make(chan error, 2)
		b.mu.Lock() // so that the batch does not go on without the test
		w, _ := b.batch.newWriter(t.Context(), &Request{Prompt: prompt})
		w.ended = func() { results <- w.err }
		if !b.batch.admit(w) {
			t.Fatal("not admitted")
		}
		waits, _ := b.batch.newWriter(t.Context(), &Request{Prompt: prompt})
		waits.ended = func() { results <- waits.err }
		b.waiting = append(b.waiting, waits)
		b.working = make(chan struct{})
		b.free = 0
		b.mu.Unlock()
		if _, err := b.Reply(t.Context(), Request{Prompt: prompt}, nil); !errors.Is(err, ErrBusy) {
			t.Errorf("with a full line: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			close(begun)
			<-hold
			b.work()
		}()
		<-begun
		var stopped sync.WaitGroup
		stopped.Go(func() { b.Shutdown(ctx) })
		if err := <-results; !errors.Is(err, ErrClosed) {
			t.Errorf("who waited got %v", err)
		}
		if hurry {
			cancel()
			for cut := false; !cut; time.Sleep(time.Millisecond) {
				b.mu.Lock()
				cut = b.cut
				b.mu.Unlock()
			}
		}
		close(hold)
		if err := <-results; errors.Is(err, ErrClosed) != hurry {
			t.Errorf("in a hurry %v: who was on the way got %v", hurry, err)
		}
		stopped.Wait()
		cancel()
	}
}

// Steps that decode do not allocate, whatever the number of rows and the format,
// and however tokens are drawn. That caches grow is left out: their memory is taken
// before.
func TestDecodingDoesNotAllocate(t *testing.T) {
	pool := par.New(2)
	defer pool.Close()
	floats, quantized := testkit.Model(1), testkit.Even("llama", false)
	quantized.Context, quantized.Vocab = 2048, 500
	all := Options{Temperature: 0.8, TopK: 40, TopP: 0.95, MinP: 0.02, RepeatPenalty: 1.2}
	for _, c := range []struct {
		name   string
		model  *model.Model
		prompt int
		rows   []Options
	}{
		{"f32", floats, 3, []Options{{}, {Temperature: 1}, {}, {Temperature: 1}}},
		{"q4_0", randomModel(t, quantized, dtype.Q4_0), 1500,
			[]Options{{}, all, {Temperature: 1, TopP: 0.9}, {Temperature: 1, MinP: 0.1, RepeatPenalty: 1.1}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.model.Pack(pool)
			if n := stepsAllocate(t, NewRunner(c.model, pool, Precision{}), c.prompt, c.rows); n != 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
}

// Nor do they with weights in any format that is packed and caches in any, by any tier.
func TestDecodingInEachFormatDoesNotAllocate(t *testing.T) {
	pool := par.New(2)
	defer pool.Close()
	c := testkit.Blocks("llama", false)
	c.Layers, c.FFN, c.Context = 1, 256, 64
	testkit.EachTier(t, func(t *testing.T) {
		for _, format := range dtype.All() {
			for _, cache := range op.KVTypes() {
				if format != dtype.Q4_0 && cache != dtype.F16 { // each with one of the other
					continue
				}
				m := randomModel(t, c, format)
				m.Pack(pool)
				if n := stepsAllocate(t, NewRunner(m, pool, Precision{KV: cache}), 10, []Options{{}, {Temperature: 1}}); n != 0 {
					t.Errorf("%s, cache %s: %v allocations", format, cache, n)
				}
			}
		}
	})
}

// stepsAllocate returns how often some steps allocate in which rows are written,
// after prompts of so many tokens.
func stepsAllocate(t *testing.T, r *Runner, prompt int, rows []Options) float64 {
	t.Helper()
	vocab := r.Model.Config().Vocab
	var b *batch
	n := allocs.OfEach(16, func() func() {
		b = newBatch(r, Limits{Rows: len(rows)})
		for i, o := range rows {
			o.Seed = uint64(i)
			ids := testkit.IDs(rand.New(rand.NewPCG(9, o.Seed)), prompt, vocab)
			w, err := b.newWriter(t.Context(), &Request{Prompt: ids, Options: o})
			if err != nil || !b.admit(w) {
				t.Fatal(err)
			}
		}
		b.stops = nil // so that nobody leaves
		for len(b.rows[len(b.rows)-1].reply.IDs) < 20 {
			b.step()
		}
		return b.step
	})
	if len(b.rows) != len(rows) {
		t.Errorf("%d rows are left of %d", len(b.rows), len(rows))
	}
	return n
}

// A reply allocates nothing after its first tokens, with a limit or without, across blocks
// of its cache and steps in which its text would have doubled.
func TestRepliesDoNotAllocate(t *testing.T) {
	c := testkit.Even("llama", false)
	c.Context = 2048
	pool := par.New(2)
	defer pool.Close()
	r := NewRunner(randomModel(t, c, dtype.Q4_0), pool, Precision{})
	r.Model.Pack(pool)
	const warm, steps = 10, 600 // with which allocs.OfEach warms up, and counts
	for limit, prompt := range map[int]int{0: 5, 1500: 2*op.KVBlock - 40} {
		var w *writer
		text, before := 0, 0
		blocks := func() int { return w.seq.kv.Len() / op.KVBlock }
		n := allocs.OfEach(steps, func() func() {
			b := newBatch(r, Limits{})
			var err error
			w, err = b.newWriter(t.Context(), &Request{Prompt: make([]int, prompt), Options: Options{MaxTokens: limit, Stop: []string{"never written"}, Endless: true}})
			if err != nil || !b.admit(w) {
				t.Fatal(err)
			}
			emit := func(p Piece) { text += len(p.Text) }
			step := func() {
				b.step()
				w.tell(emit)
			}
			for range warm {
				step()
			}
			text, before = 0, blocks()
			return step
		})
		if n != 0 {
			t.Errorf("limit %d: %v allocations in %d steps", limit, n, steps)
		}
		if w.done || text == 0 || blocks() < before+9 {
			t.Errorf("limit %d: done %v, %d bytes of text, %d blocks of the cache after %d: want one that is written, in nine more",
				limit, w.done, text, blocks(), before)
		}
	}
}

// A cache takes what its prompt needs, however long the reply may become, and
// then a block for as many tokens.
func TestCachesTakeWhatIsNeeded(t *testing.T) {
	c := testkit.Even("llama", false)
	c.Context = 1 << 15
	pool := par.New(1)
	defer pool.Close()
	r := NewRunner(randomModel(t, c, dtype.F32), pool, Precision{})
	for _, prompt := range []int{5, op.KVBlock, 2*op.KVBlock - 3} {
		b := newBatch(r, Limits{})
		w, err := b.newWriter(t.Context(), &Request{Prompt: make([]int, prompt)})
		if err != nil || !b.admit(w) {
			t.Fatal(err)
		}
		for range 10 {
			blocks := (max(prompt, w.seq.kv.Len()) + op.KVBlock - 1) / op.KVBlock
			if got, want := w.seq.kv.Bytes(), c.KVBytes(dtype.F16, blocks*op.KVBlock); got != want {
				t.Errorf("a prompt of %d tokens, %d in the cache: %d bytes, want %d", prompt, w.seq.kv.Len(), got, want)
			}
			b.step()
		}
	}
}

// A request has no more room than the memory holds, and says so.
func TestMemoryBoundsContext(t *testing.T) {
	m, pool := packed(t, 1)
	r := NewRunner(m, pool, Precision{Exact: true})
	b := NewBatcher(r, Limits{Memory: r.NewKV(64).MaxBytes()})
	if b.Context() != 64 {
		t.Errorf("context %d, want 64", b.Context())
	}
	var long *ContextError
	if _, err := b.Reply(t.Context(), Request{Prompt: make([]int, 64)}, nil); !errors.As(err, &long) {
		t.Errorf("error %v", err)
	}
	if reply, err := b.Reply(t.Context(), Request{Prompt: make([]int, 60)}, nil); err != nil || len(reply.IDs) > 4 {
		t.Errorf("%d tokens, error %v", len(reply.IDs), err)
	}
}
