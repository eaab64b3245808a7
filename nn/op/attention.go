package op

import (
	"math"

	"limbeck/tensor/dtype"
	"limbeck/tensor/kernel"
)

// Heads is the shape of an attention: Query heads share KV heads in groups of
// Query/KV neighbors, each Dim channels wide.
type Heads struct{ Query, KV, Dim int }

// Attention returns causal scaled dot-product attention, for every sequence of
// the batch on its own: softmax(q·kᵀ/√Dim)·v. Vaswani et al. 2017,
// arXiv:1706.03762, eq. 1; heads in groups, Ainslie et al. 2023,
// arXiv:2305.13245. q is [tokens, Query·Dim], k and v are [tokens, KV·Dim].
// Sequences with a cache append k and v to its given layer; of others, k and v
// are rounded as the tape's KV says.
func Attention(t *Tape, q, k, v *Value, h Heads, layer int, b Batch) *Value {
	n := Alloc[attention](t)
	jobs, pieces, merges := n.jobs[:0], n.pieces[:0], n.merges[:0]
	*n = attention{t: t, q: q, k: k, v: v, y: t.Value(q.Rows, q.Cols), h: h, jobs: jobs, pieces: pieces, merges: merges}
	row := 0
	for _, s := range b.Seqs {
		j := attentionJob{row: row, len: s.Len, past: s.past()}
		if s.KV != nil {
			s.KV.reserve(layer, j.past+s.Len)
			j.shape, j.kv = s.KV.shape, s.KV.layers[layer]
		} else {
			j.shape = shapeKV(t.kvType(), h.KV, h.Dim)
		}
		n.jobs = append(n.jobs, j)
		row += s.Len
	}
	n.compute(t)
	t.Record(n, n.y)
	return n.y
}

func (n *attention) compute(t *Tape) {
	m := t.Mark()
	for i := range n.jobs {
		if j := &n.jobs[i]; j.kv.keys == nil {
			room := roundUp(j.len)
			j.kv = j.shape.layer(dtype.FloatBytes(t.Floats(j.shape.bytes(room)/4)), room)
		}
	}
	n.forward()
	t.rewind(m)
}

type attention struct {
	t          *Tape
	q, k, v, y *Value
	h          Heads
	jobs       []attentionJob
	pieces     []attentionPiece
	merges     []attentionPiece
	dq, dk, dv []float32
}

// An attentionJob is one sequence: len rows of the batch from row on, after
// past cached positions.
type attentionJob struct {
	row, len, past int
	shape          kvShape
	kv             kvLayer
	stores         bool // each piece stores the head that it alone reads
}

func (n *attention) forward() {
	n.pieces, n.merges = n.pieces[:0], n.merges[:0]
	before := false
	for i := range n.jobs {
		n.cut(i)
		before = before || !n.jobs[i].stores
	}
	if before {
		n.t.Pool.Run((*attentionStore)(n), len(n.jobs)*n.h.KV)
	}
	n.t.Pool.Run((*attentionFlash)(n), len(n.pieces))
	n.t.Pool.Run((*attentionMerge)(n), len(n.merges))
	for i := range n.jobs {
		n.jobs[i].kv = kvLayer{}
	}
}

// attentionStore lays the new keys and values of one sequence and head out.
type attentionStore attention

func (n *attentionStore) Do(worker, piece int) {
	if j := &n.jobs[piece/n.h.KV]; !j.stores {
		(*attention)(n).store(worker, j, piece%n.h.KV)
	}
}

func (n *attention) store(worker int, j *attentionJob, head int) {
	lo, hi := head*n.h.Dim, (head+1)*n.h.Dim
	mem := n.t.Scratch(worker, j.shape.width())
	for i := range j.len {
		j.shape.put(j.kv, n.k.Row(j.row + i)[lo:hi], n.v.Row(j.row + i)[lo:hi], head, j.past+i, mem)
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

const gradRows = 32 // rows of a block

func (n *attentionBack) Do(worker, piece int) {
	j, head := &n.jobs[piece/n.h.KV], piece%n.h.KV
	group := n.h.Query / n.h.KV
	for g := range group {
		for lo := 0; lo < j.len; lo += gradRows {
			n.block(worker, j, head, head*group+g, lo, min(gradRows, j.len-lo))
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
	softmaxCausal(p, lo, d)
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

// softmaxCausal turns rows of scores into probabilities: row i over its first
// pos + i + 1 elements, and 0 in the others.
func softmaxCausal(s kernel.Mat, pos, dim int) {
	scale := float32(1 / math.Sqrt(float64(dim)))
	for i := range s.Rows {
		row := s.Data[i*s.RowStride:][:s.Cols]
		seen := row[:pos+i+1]
		kernel.Scale(scale, seen)
		kernel.Softmax(seen)
		clear(row[len(seen):])
	}
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
