package op

import (
	"math"

	"limbeck/tensor/kernel"
)

// Heads is the shape of an attention: Query heads share KV heads in groups of
// Query/KV neighbors, each Dim channels wide.
type Heads struct{ Query, KV, Dim int }

// Attention returns causal scaled dot-product attention, for every sequence of
// the batch on its own: softmax(q·kᵀ/√Dim)·v. Vaswani et al. 2017,
// arXiv:1706.03762, eq. 1; heads in groups, Ainslie et al. 2023,
// arXiv:2305.13245. q is [tokens, Query·Dim], k and v are [tokens, KV·Dim].
// Sequences with a cache append k and v to its given layer.
func Attention(t *Tape, q, k, v *Value, h Heads, layer int, b Batch) *Value {
	n := Alloc[attention](t)
	jobs, work := n.jobs[:0], n.work[:0]
	*n = attention{t: t, q: q, k: k, v: v, y: t.Value(q.Rows, q.Cols), h: h}
	row := 0
	for _, s := range b.Seqs {
		j := attentionJob{row: row, len: s.Len, past: s.past()}
		if s.KV != nil {
			s.KV.reserve(layer, j.past+s.Len)
			j.kv = s.KV.layers[layer]
		}
		for lo := 0; lo < s.Len; lo += queryRows {
			work = append(work, queryBlock{len(jobs), lo})
		}
		jobs = append(jobs, j)
		row += s.Len
	}
	n.jobs, n.work = jobs, work
	n.compute(t)
	t.Record(n, n.y)
	return n.y
}

func (n *attention) compute(t *Tape) {
	m := t.Mark()
	n.forward()
	t.mem.current, t.mem.used = m.chunk, m.used
}

type attention struct {
	t          *Tape
	q, k, v, y *Value
	h          Heads
	jobs       []attentionJob
	work       []queryBlock
	dq, dk, dv []float32
}

// An attentionJob is one sequence: len rows of the batch from row on, after
// past cached positions.
type attentionJob struct {
	row, len, past int
	kv             panels
}

// A queryBlock is up to queryRows queries of one sequence, from the lo-th on.
type queryBlock struct{ job, lo int }

const queryRows = 32

func (n *attention) forward() {
	for i := range n.jobs {
		j := &n.jobs[i]
		if j.kv.k == nil {
			room := roundUp(j.len)
			mem := n.t.Floats(panelFloats(n.h.KV, n.h.Dim, room))
			j.kv = newPanels(mem, n.h.KV, n.h.Dim, room)
		}
	}
	n.t.Pool.Run((*attentionStore)(n), len(n.jobs)*n.h.KV)
	n.t.Pool.Run(n, len(n.work)*n.h.KV)
	for i := range n.jobs {
		n.jobs[i].kv = panels{}
	}
}

// attentionStore lays the new keys and values of one sequence and head out.
type attentionStore attention

func (n *attentionStore) Do(_, piece int) {
	j, head := &n.jobs[piece/n.h.KV], piece%n.h.KV
	lo, hi := head*n.h.Dim, (head+1)*n.h.Dim
	for i := range j.len {
		j.kv.put(n.k.Row(j.row + i)[lo:hi], n.v.Row(j.row + i)[lo:hi], head, j.past+i)
	}
}

// Do computes the heads of one group for one block of queries.
func (n *attention) Do(worker, piece int) {
	block, head := n.work[piece/n.h.KV], piece%n.h.KV
	j := &n.jobs[block.job]
	rows := min(queryRows, j.len-block.lo)
	group, width := n.h.Query/n.h.KV, n.q.Cols
	first := (j.row+block.lo)*width + head*group*n.h.Dim
	if rows == 1 { // the group's heads as the rows of one product
		n.block(worker, j, head, first, j.past+block.lo, kernel.Mat{Rows: group, Cols: n.h.Dim, RowStride: n.h.Dim, ColStride: 1}, 0)
		return
	}
	for g := range group {
		n.block(worker, j, head, first+g*n.h.Dim, j.past+block.lo, kernel.Mat{Rows: rows, Cols: n.h.Dim, RowStride: width, ColStride: 1}, 1)
	}
}

// block computes the output of the queries that shape views from offset on.
// Row i sees the positions up to pos + i·step.
func (n *attention) block(worker int, j *attentionJob, head, offset, pos int, shape kernel.Mat, step int) {
	const w = kernel.PanelWidth
	d := n.h.Dim
	keys := pos + (shape.Rows-1)*step + 1
	stride := roundUp(keys)
	s := n.t.Scratch(worker, shape.Rows*stride)
	q := shape
	q.Data = n.q.Data[offset:]
	k := j.kv.keys(head, d)
	for p := 0; p < keys; p += w {
		kernel.MulPanel(s[p:], stride, q, k[p*d:(p+w)*d], w, false)
	}
	softmaxCausal(s, shape.Rows, stride, keys, pos, step, d)
	v := j.kv.values(head, d)
	a := kernel.Mat{Data: s, Rows: shape.Rows, Cols: keys, RowStride: stride, ColStride: 1}
	for c := 0; c < d; c += w {
		kernel.MulPanel(n.y.Data[offset+c:], shape.RowStride, a, v[c*j.kv.capacity:][:keys*w], min(w, d-c), false)
	}
}

// softmaxCausal turns rows of scores into probabilities: row i over its first
// pos + i·step + 1 elements, and 0 in the others below keys.
func softmaxCausal(s []float32, rows, stride, keys, pos, step, dim int) {
	scale := float32(1 / math.Sqrt(float64(dim)))
	for i := range rows {
		seen := pos + i*step + 1
		row := s[i*stride:][:keys]
		kernel.Scale(scale, row[:seen])
		kernel.Softmax(row[:seen])
		clear(row[seen:])
	}
}

func (n *attention) Backward(t *Tape) {
	n.dq, n.dk, n.dv = t.Grad(n.q), t.Grad(n.k), t.Grad(n.v)
	t.Pool.Run((*attentionBack)(n), len(n.jobs)*n.h.KV)
}

// attentionBack computes, for one sequence and group of heads, with P the
// probabilities, S the scores and O the output,
//
//	dV += Pᵀ·dO,  dP = dO·Vᵀ,  dS = P∘(dP − Σ dP∘P)/√Dim,  dQ += dS·K,  dK += dSᵀ·Q
//
// The probabilities are computed anew; rows of a sequence are taken in blocks,
// so that memory grows with the sequence and not with its square.
type attentionBack attention

func (n *attentionBack) Do(worker, piece int) {
	j, head := &n.jobs[piece/n.h.KV], piece%n.h.KV
	group := n.h.Query / n.h.KV
	for g := range group {
		for lo := 0; lo < j.len; lo += queryRows {
			n.block(worker, j, head, head*group+g, lo, min(queryRows, j.len-lo))
		}
	}
}

func (n *attentionBack) block(worker int, j *attentionJob, kvHead, head, lo, rows int) {
	d, keys := n.h.Dim, lo+rows
	stride := roundUp(keys)
	mem := n.t.Scratch(worker, 2*rows*stride+kernel.PanelWidth*max(keys, d))
	p := kernel.Mat{Data: mem[:rows*stride], Rows: rows, Cols: keys, RowStride: stride, ColStride: 1}
	dp := p
	dp.Data = mem[rows*stride : 2*rows*stride]
	panel := mem[2*rows*stride:]

	view := func(data []float32, cols, head, row, rows int) kernel.Mat {
		return kernel.Mat{Data: data[(j.row+row)*cols+head*d:], Rows: rows, Cols: d, RowStride: cols, ColStride: 1}
	}
	q, dq := view(n.q.Data, n.q.Cols, head, lo, rows), view(n.dq, n.q.Cols, head, lo, rows)
	do := view(n.y.Grad, n.y.Cols, head, lo, rows)
	k, dk := view(n.k.Data, n.k.Cols, kvHead, 0, keys), view(n.dk, n.k.Cols, kvHead, 0, keys)
	v, dv := view(n.v.Data, n.v.Cols, kvHead, 0, keys), view(n.dv, n.v.Cols, kvHead, 0, keys)

	mul(p, q, k.T(), panel, false)
	softmaxCausal(p.Data, rows, stride, keys, lo, 1, d)
	mul(dv, p.T(), do, panel, true)
	mul(dp, do, v.T(), panel, false)
	scale := float32(1 / math.Sqrt(float64(d)))
	for i := range rows {
		pi, di := p.Data[i*stride:][:keys], dp.Data[i*stride:][:keys]
		sum := kernel.Dot(pi, di)
		for c, x := range pi {
			di[c] = scale * x * (di[c] - sum)
		}
	}
	mul(dq, dp, k, panel, true)
	mul(dk, dp.T(), q, panel, true)
}

// mul computes c = a·b, or adds it, on one thread. panel has room for
// PanelWidth·b.Rows floats; c's rows are contiguous.
func mul(c, a, b kernel.Mat, panel []float32, add bool) {
	const w = kernel.PanelWidth
	panel = panel[:w*b.Rows]
	for p := 0; p*w < b.Cols; p++ {
		kernel.PackPanels(panel, b, p, p+1)
		kernel.MulPanel(c.Data[p*w:], c.RowStride, a, panel, min(w, b.Cols-p*w), add)
	}
}
