package distill

import (
	"context"
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

// targets returns the rows of the sequences that index names.
func (c *Cache) targets(index []int) []Target {
	var out []Target
	for _, i := range index {
		for r := c.First[i]; r < c.First[i+1]; r++ {
			out = append(out, Target{c.IDs[r*c.K : (r+1)*c.K], c.LogP[r*c.K : (r+1)*c.K], c.Tail[r]})
		}
	}
	return out
}

// cacheTokens is how many tokens the teacher reads at once.
const cacheTokens = 1024

// NewCache runs teachers, whose distributions are averaged, over all of set,
// whose tokens are the student's, of which there are size. A packed teacher
// answers as it is served: quantized, with int8 activations. progress is told
// of tokens done and to do.
func NewCache(ctx context.Context, teachers []arch.Model, vocab Vocabulary, size int, set []train.Sequence,
	k int, temperature float64, pool *par.Pool, progress func(done, total int)) (*Cache, error) {
	k = min(k, size)
	c := &Cache{K: k, Temperature: temperature, First: []int{0}}
	rows, total := 0, 0
	for _, s := range set {
		rows += s.Targets()
		total += len(s.IDs) - 1
		c.First = append(c.First, rows)
	}
	c.IDs, c.LogP, c.Tail = make([]int32, rows*k), make([]float32, rows*k), make([]float64, rows)
	w := &cacher{c: c, vocab: vocab, size: size, share: 1 / float64(len(teachers)), tape: op.NewTape(pool)}
	done := 0
	for first := 0; first < len(set); {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		end, tokens := first, 0
		for end < len(set) && (end == first || tokens+len(set[end].IDs) <= cacheTokens) {
			tokens += len(set[end].IDs) - 1
			end++
		}
		w.read(teachers, set[first:end], c.First[first])
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

type cacher struct {
	c       *Cache
	vocab   Vocabulary
	size    int
	share   float64 // of one teacher
	tape    *op.Tape
	p       projector
	dropped []float64
	ids     []int32 // of the row being kept
}

// read caches the rows of some sequences, from row on.
func (w *cacher) read(teachers []arch.Model, set []train.Sequence, row int) {
	var b op.Batch
	var rows []int
	for _, s := range set {
		for p := s.From; p < len(s.IDs); p++ {
			rows = append(rows, len(b.IDs)+p-1)
		}
		b.IDs = w.vocab.IDs(b.IDs, s.IDs[:len(s.IDs)-1])
		b.Seqs = append(b.Seqs, op.Seq{Len: len(s.IDs) - 1})
	}
	w.p = projector{vocab: w.vocab, size: w.size, temperature: w.c.Temperature,
		targets: make([]Target, len(rows)), dropped: make([]float64, len(rows))}
	for i := range w.p.targets {
		w.p.targets[i].LogP = make([]float32, w.size)
	}
	sum := make([][]float64, len(rows))
	for _, m := range teachers {
		w.tape.Reset()
		m.Loss(w.tape, m.Forward(w.tape, b), rows, &w.p)
		for i := range rows {
			sum[i] = addProbabilities(sum[i], w.p.targets[i].LogP, w.share)
		}
	}
	for i := range rows {
		w.keep(row+i, sum[i])
	}
	w.dropped = append(w.dropped, w.p.dropped...)
}

// keep stores a row's K likeliest tokens; of equal ones those of lower id.
func (w *cacher) keep(row int, p []float64) {
	ids := likeliest(w.ids[:0], p, w.c.K)
	slices.Sort(ids)
	w.ids = ids
	tail := 1.0
	for i, id := range ids {
		w.c.IDs[row*w.c.K+i] = id
		w.c.LogP[row*w.c.K+i] = float32(logOf(p[id]))
		tail -= p[id]
	}
	w.c.Tail[row] = max(tail, 0)
}

// likeliest appends to ids the k indices of greatest p; of equal ones the
// lower. It keeps them as a heap whose root is the first to go.
func likeliest(ids []int32, p []float64, k int) []int32 {
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
