package op

import (
	"math"

	"limbeck/tensor/kernel"
)

// Attention goes over the keys in blocks, and never holds more scores than
// those of some rows with one block (Dao et al. 2022, arXiv:2205.14135). A row
// is one query of one head. Of each block a row keeps
//
//	m = max s,  l = Σ exp(s − m),  o = Σ exp(s − m)·v
//
// and a row's blocks are merged in the order of their positions. Which rows are
// taken together, and who takes which block, changes no bit: a prompt is read
// block by block by the one who has its rows, while the blocks of few rows, as
// of a decoded token, are spread over all workers and merged in the end.

// flashRows is the number of rows that are taken together, about: one pass over
// a block's keys and values serves as many.
const flashRows = 48

// flashParts bounds what is kept of spread blocks: rows times blocks of a head.
const flashParts = 1 << 13

// flashFew is how many heads of sequences there must be for each thread, so that
// threads end together though no head's blocks are spread.
const flashFew = 8

// flashRuns is the number of pieces, at most, that the blocks of few rows are
// spread over.
const flashRuns = 16

// whole returns how many blocks one worker reads for few rows. Where sequences and
// heads are many, each has enough to do with those of some, and reads at once what
// it has stored.
func (n *attention) whole() int {
	if len(n.jobs)*n.h.KV >= flashFew*n.t.Pool.Threads() {
		return flashRuns
	}
	return 1
}

// An attentionPiece is the queries lo to hi of one sequence, in the heads that
// share one head of keys and values, and the blocks first to last of these.
type attentionPiece struct {
	job, head, lo, hi int
	first, last       int
	parts             []float32 // where each block's result is left; nil: merge them
}

// cut makes the pieces of one sequence.
func (n *attention) cut(job int) {
	j := &n.jobs[job]
	group := n.h.Query / n.h.KV
	most := max(1, flashRows/group)
	for hi := j.len; hi > 0; hi -= most { // those that take longest come first
		lo := max(0, hi-most)
		for head := range n.h.KV {
			p := attentionPiece{job: job, head: head, lo: lo, hi: hi, last: (j.past+hi-1)/KVBlock + 1}
			if rows := (hi - lo) * group; j.len > most || p.last <= n.whole() || rows*p.last > flashParts {
				j.stores = j.len <= most
				n.pieces = append(n.pieces, p)
				continue
			}
			size := partFloats((hi-lo)*group, &j.shape)
			p.parts = n.t.Floats(p.last * size)
			n.merges = append(n.merges, p)
			run := (p.last + flashRuns - 1) / flashRuns
			for b := 0; b < p.last; b += run {
				some := p
				some.first, some.last, some.parts = b, min(b+run, p.last), p.parts[b*size:]
				n.pieces = append(n.pieces, some)
			}
		}
	}
	for lo, hi := 0, 0; lo < j.len && !j.stores; lo = hi {
		hi = j.upTo(lo, storeTokens)
		for head := range n.h.KV {
			n.stores = append(n.stores, attentionPiece{job: job, head: head, lo: lo, hi: hi})
		}
	}
}

// A flashPart is what some rows keep of one block, or of several.
type flashPart struct {
	m, l []float32 // [rows]
	o    []float32 // [rows, width]
}

func partFloats(rows int, s *kvShape) int {
	return multiple(rows*(s.width+2), alignFloats)
}

func partOf(mem []float32, rows int, s *kvShape) flashPart {
	n := rows * s.width
	return flashPart{mem[n:][:rows], mem[n+rows:][:rows], mem[:n]}
}

// A flash is one piece being computed.
type flash struct {
	j      *attentionJob
	piece  *attentionPiece
	rows   int // queries times heads, the heads of a query one after another
	group  int
	q      queries
	scores []float32
	mem    []float32

	// The piece that the same worker is likely to compute next, and its sequence; nil
	// if there is none.
	next    *attentionPiece
	nextJob *attentionJob
}

type attentionFlash attention

func (n *attentionFlash) Do(worker, piece int) {
	p := &n.pieces[piece]
	j := &n.jobs[p.job]
	s := &j.shape
	group := n.h.Query / n.h.KV
	rows := (p.hi - p.lo) * group
	f := flash{j: j, piece: p, rows: rows, group: group}
	if piece+1 < len(n.pieces) {
		f.next = &n.pieces[piece+1]
		f.nextJob = &n.jobs[f.next.job]
	}
	if j.stores {
		(*attention)(n).store(worker, p)
	}
	f.askKeys()
	part, room := partFloats(rows, s), s.layout.room(rows, n.h.Dim)
	form, words := s.layout.form(), 0
	if form != nil {
		words = rows * form.Words(n.h.Dim)
	}
	mem := slicer(n.t.Scratch(worker, rows*n.h.Dim+words+rows*KVBlock+room+2*part+2*rows))
	f.q.Mat = kernel.Dense(mem.take(rows*n.h.Dim), rows, n.h.Dim)
	(*attention)(n).scaled(f.q.Data, p)
	if form != nil {
		f.q.formed = mem.take(words)
		form.Quantize(f.q.formed, f.q.Data)
	}
	f.scores, f.mem = mem.take(rows*KVBlock), mem.take(room)
	if p.parts != nil {
		for b := p.first; b < p.last; b++ {
			f.block(b, partOf(p.parts[(b-p.first)*part:], rows, s))
		}
		return
	}
	all, one, weights := partOf(mem.take(part), rows, s), partOf(mem.take(part), rows, s), mem.take(2*rows)
	f.block(0, all)
	for b := 1; b < p.last; b++ {
		f.block(b, one)
		all.merge(one, weights)
	}
	(*attention)(n).finish(p, all)
}

// A slicer hands out pieces of memory.
type slicer []float32

func (s *slicer) take(n int) []float32 {
	v := (*s)[:n:n]
	*s = (*s)[n:]
	return v
}

// scaled writes the rows of a piece, rotated and times 1/√Dim, to dst.
func (n *attention) scaled(dst []float32, p *attentionPiece) {
	j, width, scale := &n.jobs[p.job], len(dst)/(p.hi-p.lo), float32(1/math.Sqrt(float64(n.h.Dim)))
	for i := p.lo; i < p.hi; i++ {
		to, from := dst[(i-p.lo)*width:][:width], n.q.Row(j.row + i)[p.head*width:][:width]
		if n.r != nil {
			n.r.turnTo(to, from, j.past+i, scale)
		} else {
			kernel.Scale(to, scale, from)
		}
	}
}

// visible returns where in block b, or before or behind it, the first query is, and up to
// how many of its keys the rows see.
func (f *flash) visible(b int) (pos, keys int) {
	pos = f.j.past + f.piece.lo - b*KVBlock
	return pos, min(pos+f.rows/f.group, KVBlock)
}

// block computes what the rows keep of block b. A row that comes before all of
// it keeps l = 0 and m = −Inf.
func (f *flash) block(b int, out flashPart) {
	s := &f.j.shape
	pos, keys := f.visible(b)
	k, v := s.head(f.j.kv, f.piece.head, b)
	f.lookAhead(b, &k, &v)
	k.N = (keys + kernel.PanelWidth - 1) / kernel.PanelWidth
	s.layout.scores(f.scores, KVBlock, f.q, k, f.mem)
	v.Fetch(0, min(keys, askedValues)*s.stripSize)
	p := kernel.Mat{Data: f.scores, Rows: f.rows, Cols: multiple(keys, 2), RowStride: KVBlock, ColStride: 1}
	kernel.ExpMaxRows(p, pos+1, f.group, out.m, out.l)
	p.Cols = keys // the last may have had a 0 as neighbor, with which it makes a pair
	s.layout.sums(out.o, s.width, p, v, f.mem)
}

// Products ask for what is read next line by line, as they read, but memory would wait
// while nothing is multiplied. So some of it is asked for then, in positions: of keys
// before a piece forms its queries, of values before probabilities are made. Attention of
// 16 sequences took a fifth less for it on a Zen 5.
const (
	askedKeys   = 64
	askedValues = 32
)

// askKeys asks for the first keys that are read after the piece's first block.
func (f *flash) askKeys() {
	b := f.piece.first
	k, v := f.j.shape.head(f.j.kv, f.piece.head, b)
	if f.lookAhead(b, &k, &v); len(k.Ahead) > 0 {
		_, keys := f.visible(b)
		k.N = (min(keys, askedKeys) + kernel.PanelWidth - 1) / kernel.PanelWidth
		k.Fetch(0, k.Apart)
	}
}

// lookAhead gives the keys and values of block b, which few rows wait for, what lies
// like them and is read next: of the piece if its blocks are spread, or else the same
// block of the next piece. What is read in between fits into the second cache.
func (f *flash) lookAhead(b int, keys, values *kernel.Strips) {
	p, j := f.piece, f.j
	switch {
	case f.rows > kernel.FewRows:
		return
	case p.parts != nil && b+1 < p.last:
		b++
	case f.next == nil:
		return
	default:
		if p, j = f.next, f.nextJob; p.parts != nil {
			b = p.first
		}
	}
	if b >= p.last {
		return
	}
	if k, v := j.shape.head(j.kv, p.head, b); v.Apart == values.Apart {
		keys.Ahead, values.Ahead = k.Data, v.Data
	}
}

// merge makes p the part of its blocks and those of other, which come after
// them. weights has room for two a row.
func (p flashPart) merge(other flashPart, weights []float32) {
	rows := len(p.m)
	width := len(p.o) / rows
	mine, its := weights[:rows], weights[rows:]
	for r, m := range p.m {
		p.m[r] = max(m, other.m[r])
		mine[r], its[r] = m-p.m[r], other.m[r]-p.m[r]
	}
	kernel.Exp(weights, weights)
	for r := range p.m {
		if other.l[r] == 0 {
			continue // nothing seen there
		}
		p.l[r] = float32(p.l[r]*mine[r]) + float32(other.l[r]*its[r])
		kernel.Blend(p.o[r*width:][:width], mine[r], other.o[r*width:][:width], its[r])
	}
}

// finish writes the rows of a piece to y: o/l, and 0 where nothing was seen.
func (n *attention) finish(p *attentionPiece, all flashPart) {
	d, group := n.h.Dim, n.h.Query/n.h.KV
	width := len(all.o) / len(all.m)
	for r, l := range all.l {
		row, head := n.jobs[p.job].row+p.lo+r/group, p.head*group+r%group
		if n.lse != nil {
			n.lse[row*n.h.Query+head] = all.m[r] + float32(math.Log(float64(l)))
		}
		y := n.y.Row(row)[head*d:][:d]
		if l != 0 {
			kernel.Scale(y, 1/l, all.o[r*width:][:d])
		} else {
			clear(y)
		}
		if n.kept != nil {
			kernel.F32ToBF16(n.keptRow(row)[2*head*d:][:2*d], y)
		}
	}
}

// attentionMerge merges the parts of rows whose blocks were spread.
type attentionMerge attention

func (n *attentionMerge) Do(worker, merge int) {
	p := &n.merges[merge]
	s := &n.jobs[p.job].shape
	rows := (p.hi - p.lo) * n.h.Query / n.h.KV
	size, weights := partFloats(rows, s), n.t.Scratch(worker, 2*rows)
	all := partOf(p.parts, rows, s)
	for b := 1; b < p.last; b++ {
		all.merge(partOf(p.parts[b*size:], rows, s), weights)
	}
	(*attention)(n).finish(p, all)
}
