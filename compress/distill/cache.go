package distill

import (
	"context"
	"fmt"
	"iter"
	"math"
	"slices"

	"limbeck/internal/par"
	"limbeck/model/arch"
	"limbeck/nn/op"
	"limbeck/train"
)

// A Cache holds a teacher's distributions at all rows with loss of a training
// set, at one temperature: the K likeliest of the student's tokens, and the
// probability of the others together.
type Cache struct {
	K           int
	Temperature float64
	IDs         []int32   // [rows, K], ascending in each row
	LogP        []float32 // [rows, K]
	Tail        []float64 // [rows]
	First       []int     // the first row of each sequence, and the number of rows
	Dropped     float64   // mean probability of tokens that the student lacks
}

// targets appends to out the rows of the sequences that index names.
func (c *Cache) targets(out []target, index []int) []target {
	for _, i := range index {
		for r := c.First[i]; r < c.First[i+1]; r++ {
			out = append(out, target{c.IDs[r*c.K : (r+1)*c.K], c.LogP[r*c.K : (r+1)*c.K], c.Tail[r]})
		}
	}
	return out
}

// Check returns an error unless c, which came from a file, fits a student of size
// tokens: a loss would index out of range otherwise.
func (c *Cache) Check(size int) error {
	rows := len(c.Tail)
	switch {
	case c.K < 0 || c.K > size:
		return fmt.Errorf("k is %d, the student has %d tokens", c.K, size)
	case len(c.IDs) != rows*c.K || len(c.LogP) != rows*c.K:
		return fmt.Errorf("%d ids and %d probabilities, want %d rows of %d", len(c.IDs), len(c.LogP), rows, c.K)
	case len(c.First) == 0 || c.First[0] != 0 || c.First[len(c.First)-1] != rows || !slices.IsSorted(c.First):
		return fmt.Errorf("the sequences' first rows do not rise from 0 to %d", rows)
	case !(c.Temperature > 0) || !(c.Dropped >= 0 && c.Dropped <= 1+roundoff):
		return fmt.Errorf("temperature %v, dropped probability %v", c.Temperature, c.Dropped)
	}
	for r := range rows {
		ids := c.IDs[r*c.K : (r+1)*c.K]
		for i, id := range ids {
			if id < 0 || int(id) >= size || i > 0 && id <= ids[i-1] {
				return fmt.Errorf("row %d: token %d out of order or range: the student has %d tokens", r, id, size)
			}
		}
		if !(c.Tail[r] >= 0 && c.Tail[r] <= 1+roundoff) || slices.ContainsFunc(c.LogP[r*c.K:(r+1)*c.K], notLogP) {
			return fmt.Errorf("row %d: what should be probabilities is not", r)
		}
	}
	return nil
}

// Covers returns an error unless c has a row for each token of set that carries
// loss: the loss of a batch would index out of range otherwise.
func (c *Cache) Covers(set []train.Sequence) error {
	if n := len(c.First) - 1; n != len(set) {
		return fmt.Errorf("the teacher's cache is of %d examples, the training of %d", n, len(set))
	}
	for i, s := range set {
		if n := c.First[i+1] - c.First[i]; n != s.Targets() {
			return fmt.Errorf("the teacher's cache has %d rows for example %d of the training, whose loss is on %d tokens", n, i+1, s.Targets())
		}
	}
	return nil
}

// roundoff is how far above 1 a sum of f32 probabilities over a vocabulary may lie.
const roundoff = 1e-3

func notLogP(x float32) bool { return !(x <= roundoff) }

// Room returns an empty cache like c that can take so many rows without growing.
func (c *Cache) Room(rows int) *Cache {
	return &Cache{K: c.K, Temperature: c.Temperature, First: []int{0},
		IDs: make([]int32, 0, rows*c.K), LogP: make([]float32, 0, rows*c.K), Tail: make([]float64, 0, rows)}
}

// Pieces cuts c into parts of so many sequences, at least one part, which share
// its memory.
func (c *Cache) Pieces(sequences int) iter.Seq[*Cache] {
	return func(yield func(*Cache) bool) {
		for lo := 0; lo == 0 || lo < len(c.First)-1; lo += sequences {
			first := slices.Clone(c.First[lo : min(lo+sequences, len(c.First)-1)+1])
			from, to := first[0], first[len(first)-1]
			for i := range first {
				first[i] -= from
			}
			if !yield(&Cache{K: c.K, Temperature: c.Temperature, Dropped: c.Dropped, First: first,
				IDs: c.IDs[from*c.K : to*c.K], LogP: c.LogP[from*c.K : to*c.K], Tail: c.Tail[from:to]}) {
				return
			}
		}
	}
}

// Append adds to c what the same teachers said of further sequences.
func (c *Cache) Append(more *Cache) error {
	if more.K != c.K || more.Temperature != c.Temperature {
		return fmt.Errorf("a part of %d tokens a row at temperature %v after one of %d at %v", more.K, more.Temperature, c.K, c.Temperature)
	}
	rows, further := len(c.Tail), len(more.Tail)
	if all := rows + further; all > 0 {
		c.Dropped = (c.Dropped*float64(rows) + more.Dropped*float64(further)) / float64(all)
	}
	c.IDs = append(c.IDs, more.IDs...)
	c.LogP = append(c.LogP, more.LogP...)
	c.Tail = append(c.Tail, more.Tail...)
	for _, first := range more.First[1:] {
		c.First = append(c.First, rows+first)
	}
	return nil
}

// readerTokens is how many tokens a [Reader] lets the teacher read at once, about.
const readerTokens = 1024

// ReaderFloats is what a [Reader] that is given so many tokens holds beside its teachers,
// of shape c, and the cache: all teachers' states, one's pass or the logits of some rows,
// and the rows that threads are at, for a student of size tokens.
func ReaderFloats(c arch.Config, teachers, size, tokens, threads int) int {
	tokens = min(tokens, readerTokens)
	states := 3 * c.Width // embedded, the rows with loss, normalized
	return (teachers-1)*tokens*states + train.SweepFloats(c, tokens, true) + threads*teachers*size
}

// A Reader caches what teachers say. Their logits exist for a few rows at a time, of
// all teachers together for as many as a loss has them for: see [op.HeadRows].
type Reader struct {
	vocab    Vocabulary
	size     int
	teachers []arch.Model
	k        int
	t        float64 // temperature
	limit    int     // rows whose logits exist at once
	tape     *op.Tape

	c       *Cache      // being made
	ids     []int       // of a sequence, the teachers'
	hidden  []*op.Value // of the batch, each teacher's: [rows, its width]
	rows    []int       // of the batch: 0, 1 and so on
	logits  []*op.Value // of some rows, each teacher's: [rows, its tokens]
	first   int         // row of the cache that the first of these is
	dropped []float64   // of each row so far: what goes to tokens that the student lacks
}

// NewReader returns a reader of teachers, whose distributions are averaged, for
// a student of size tokens. A packed teacher answers as it is served: quantized,
// with int8 activations.
func NewReader(teachers []arch.Model, vocab Vocabulary, size, k int, temperature float64, pool *par.Pool) *Reader {
	w := &Reader{vocab: vocab, size: size, teachers: teachers, k: min(k, size), t: temperature,
		limit: op.MaxHeadRows, tape: op.NewTape(pool)}
	for _, m := range teachers {
		w.limit = min(w.limit, op.HeadRows(m.Config().Vocab)/len(teachers))
	}
	w.limit = max(w.limit, 1)
	return w
}

// Read returns the cache of all of set, whose tokens are the student's. progress,
// which may be nil, is told of tokens done and to do.
func (w *Reader) Read(ctx context.Context, set []train.Sequence, progress func(done, total int)) (*Cache, error) {
	c := &Cache{K: w.k, Temperature: w.t, First: []int{0}}
	rows, total := 0, 0
	for _, s := range set {
		rows += s.Targets()
		total += len(s.IDs) - 1
		c.First = append(c.First, rows)
	}
	c.IDs, c.LogP, c.Tail = make([]int32, rows*w.k), make([]float32, rows*w.k), make([]float64, rows)
	w.c, w.dropped = c, make([]float64, rows)
	done := 0
	for first := 0; first < len(set); {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		end, tokens := first, 0
		for end < len(set) && (end == first || tokens+len(set[end].IDs) <= readerTokens) {
			tokens += len(set[end].IDs) - 1
			end++
		}
		w.read(set[first:end], c.First[first])
		first, done = end, done+tokens
		if progress != nil {
			progress(done, total)
		}
	}
	for _, d := range w.dropped {
		c.Dropped += d / float64(rows)
	}
	return c, nil
}

// read caches the rows of some sequences, from row on.
func (w *Reader) read(set []train.Sequence, row int) {
	var b op.Batch
	for _, s := range set {
		w.ids = w.vocab.IDs(w.ids[:0], s.IDs)
		b.Add(w.ids, s.From)
	}
	w.tape.Reset()
	w.hidden = w.hidden[:0]
	for _, m := range w.teachers {
		w.hidden = append(w.hidden, m.Forward(w.tape, b))
	}
	for i := len(w.rows); i < len(b.Rows); i++ {
		w.rows = append(w.rows, i)
	}
	mark := w.tape.Mark()
	for rows := range slices.Chunk(w.rows[:len(b.Rows)], w.limit) {
		w.logits = w.logits[:0]
		for i, m := range w.teachers {
			w.logits = append(w.logits, m.Head(w.tape, w.hidden[i], rows))
		}
		w.first = row + rows[0]
		w.tape.Pool.Run(w, len(rows))
		w.tape.Release(mark)
	}
}

// Do caches what the teachers say at one row: the mean of their probabilities.
func (w *Reader) Do(worker, row int) {
	n := len(w.teachers)
	mem := w.tape.Scratch(worker, n*w.size+blockFloats)
	logP, block := mem[:n*w.size], mem[n*w.size:] // [n, size]
	var dropped float64
	for i, l := range w.logits {
		dropped += w.vocab.project(logP[i*w.size:(i+1)*w.size], l.Row(row), w.t, block) / float64(n)
	}
	if n > 1 {
		for i := range w.size {
			var sum float64
			for at := i; at < len(logP); at += w.size {
				sum += math.Exp(float64(logP[at])) / float64(n)
			}
			logP[i] = float32(logOf(sum))
		}
	}
	w.dropped[w.first+row] = dropped
	w.keep(w.first+row, logP[:w.size])
}

// leastLog stands for the logarithm of a probability that rounded to 0.
const leastLog = -100

func logOf(p float64) float64 { return max(math.Log(p), leastLog) }

// keep stores a row's K likeliest tokens; of equal ones those of lower id.
func (w *Reader) keep(row int, logP []float32) {
	lo, hi := row*w.c.K, (row+1)*w.c.K
	ids := likeliest(w.c.IDs[lo:lo:hi], logP, w.c.K)
	slices.Sort(ids)
	tail := 1.0
	for i, id := range ids {
		w.c.LogP[lo+i] = logP[id]
		tail -= math.Exp(float64(logP[id]))
	}
	w.c.Tail[row] = max(tail, 0)
}

// likeliest appends to ids the k indices of greatest p; of equal ones the
// lower. It keeps them as a heap whose root is the first to go.
func likeliest(ids []int32, p []float32, k int) []int32 {
	goes := func(a, b int32) bool { return p[a] < p[b] || p[a] == p[b] && a > b }
	for i := range p {
		id := int32(i)
		if len(ids) < k {
			ids = append(ids, id)
			for c := len(ids) - 1; c > 0 && goes(ids[c], ids[(c-1)/2]); c = (c - 1) / 2 {
				ids[c], ids[(c-1)/2] = ids[(c-1)/2], ids[c]
			}
			continue
		}
		if k == 0 || !goes(ids[0], id) {
			continue
		}
		ids[0] = id
		for c := 0; ; {
			least := c
			for _, child := range [2]int{2*c + 1, 2*c + 2} {
				if child < k && goes(ids[child], ids[least]) {
					least = child
				}
			}
			if least == c {
				break
			}
			ids[c], ids[least] = ids[least], ids[c]
			c = least
		}
	}
	return ids
}
