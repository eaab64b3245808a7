package op

import (
	"math"

	"limbeck/tensor/kernel"
)

func (n *attention) Backward(t *Tape) {
	t.again(n.y)
	n.dq, n.dk, n.dv = t.Grad(n.q), t.Grad(n.k), t.Grad(n.v)
	t.Pool.Run((*attentionBack)(n), len(n.jobs)*n.h.KV)
}

// attentionBack computes, for one sequence and group of heads, with P the
// probabilities, S the scores and O the output,
//
//	dV += Pᵀ·dO,  dP = dO·Vᵀ,  dS = P∘(dP − Σ dO∘O)/√Dim,  dQ += dS·K,  dK += dSᵀ·Q
//
// where Σ dO∘O over a row's channels is Σ dP∘P over its keys (Dao et al. 2022,
// arXiv:2205.14135, appendix B.2). The probabilities are computed anew, from what
// the way forward kept of each row's sum; rows of a sequence are taken in blocks,
// so that memory grows with the sequence and not with its square.
type attentionBack attention

const gradRows = 64 // rows of a block

// A headBack is one head of keys and values of one sequence on the way back.
type headBack struct {
	*attentionBack
	j    *attentionJob
	head int

	products multiplier
	kT, vT   []float32 // Kᵀ and Vᵀ, packed: [Dim, len]
	keys     []float32 // K, packed: [len, Dim]
	scaled   []float32 // a block's queries, times 1/√Dim: [gradRows, Dim]
	rows     []float32 // a block's queries or dO, packed: [gradRows, Dim]
	p, ds    []float32 // a block's P and dS: [gradRows, stride]
	stride   int
}

func (n *attentionBack) Do(worker, piece int) {
	j, d := &n.jobs[piece/n.h.KV], n.h.Dim
	b := headBack{attentionBack: n, j: j, head: piece % n.h.KV, stride: roundUp(j.len) + stripGap}
	_, b.products.bf16 = j.shape.layout.(pairsKV)
	wide, long, rows := b.products.panels(d, j.len), b.products.panels(j.len, d), b.products.panels(gradRows, d)
	room := max(b.products.room(gradRows, max(d, j.len)), b.products.room(j.len, gradRows))
	mem := slicer(n.t.Scratch(worker, 2*wide+long+rows+gradRows*(d+2*b.stride)+room))
	b.kT, b.vT, b.keys, b.rows = mem.take(wide), mem.take(wide), mem.take(long), mem.take(rows)
	b.scaled, b.p, b.ds = mem.take(gradRows*d), mem.take(gradRows*b.stride), mem.take(gradRows*b.stride)
	b.products.mem = mem.take(room)
	k, v := b.view(n.k.Data, n.h.KV, b.head, 0, j.len), b.view(n.v.Data, n.h.KV, b.head, 0, j.len)
	b.products.pack(b.kT, k.T())
	b.products.pack(b.vT, v.T())
	b.products.pack(b.keys, k)
	group := n.h.Query / n.h.KV
	for head := b.head * group; head < (b.head+1)*group; head++ {
		for lo := 0; lo < j.len; lo += gradRows {
			b.block(head, lo, min(gradRows, j.len-lo))
		}
	}
}

// view returns some rows of the sequence in one of so many heads.
func (b *headBack) view(data []float32, heads, head, row, rows int) kernel.Mat {
	d := b.h.Dim
	return kernel.Mat{Data: data[((b.j.row+row)*heads+head)*d:], Rows: rows, Cols: d, RowStride: heads * d, ColStride: 1}
}

// block goes back over some rows of a head of queries.
func (b *headBack) block(head, lo, rows int) {
	d, keys := b.h.Dim, lo+rows
	scale := float32(1 / math.Sqrt(float64(d)))
	q, dq := b.view(b.q.Data, b.h.Query, head, lo, rows), b.view(b.dq, b.h.Query, head, lo, rows)
	y, dy := b.view(b.y.Data, b.h.Query, head, lo, rows), b.view(b.y.Grad, b.h.Query, head, lo, rows)
	dk, dv := b.view(b.dk, b.h.KV, b.head, 0, keys), b.view(b.dv, b.h.KV, b.head, 0, keys)
	p := kernel.Mat{Data: b.p, Rows: rows, Cols: keys, RowStride: b.stride, ColStride: 1}
	ds := p
	ds.Data = b.ds

	scaled := kernel.Dense(b.scaled[:rows*d], rows, d) // as on the way forward
	for i := range rows {
		kernel.Scale(scaled.Data[i*d:][:d], scale, q.Data[i*q.RowStride:][:d])
	}
	b.products.mul(p, scaled, b.kT, d, false)
	for i := range rows {
		row := p.Data[i*p.RowStride:][:keys]
		kernel.ExpMinus(row[:lo+i+1], b.lse[(b.j.row+lo+i)*b.h.Query+head])
		clear(row[lo+i+1:])
	}
	b.products.pack(b.rows, dy)
	b.products.mul(dv, p.T(), b.rows, rows, true)
	b.products.mul(ds, dy, b.vT, d, false)
	for i := range rows {
		sum := kernel.Dot(dy.Data[i*dy.RowStride:][:d], y.Data[i*y.RowStride:][:d])
		kernel.SoftmaxGrad(ds.Data[i*ds.RowStride:][:keys], p.Data[i*p.RowStride:][:keys], sum, scale)
	}
	b.products.mul(dq, ds, b.keys, b.j.len, true)
	b.products.pack(b.rows, q)
	b.products.mul(dk, ds.T(), b.rows, rows, true)
}

// A multiplier multiplies on one thread: f32, or pairs of bf16.
type multiplier struct {
	bf16 bool
	mem  []float32 // for factors that are rounded: see room
}

// depth returns the packed floats of k elements.
func (m *multiplier) depth(k int) int { return packedDepth(k, m.bf16) }

// panels returns the size of a packed matrix of k×n.
func (m *multiplier) panels(k, n int) int { return panelFloats(k, n, m.bf16) }

// pack packs b.
func (m *multiplier) pack(dst []float32, b kernel.Mat) {
	packPanels(dst, b, 0, rowPieces(b.Cols, kernel.PanelWidth), m.bf16)
}

// room returns the memory that a product with a matrix of rows×k takes.
func (m *multiplier) room(rows, k int) int {
	if !m.bf16 {
		return 0
	}
	return (multiple(rows, kernel.BlockRows) + stripGap) * (m.depth(k) + stripGap)
}

// mul computes c = a·b, or adds it. b is packed and has so many rows, of which the
// first a.Cols count. Rows of c are contiguous.
func (m *multiplier) mul(c, a kernel.Mat, b []float32, bRows int, add bool) {
	apart := m.depth(bRows) * kernel.PanelWidth
	if !m.bf16 {
		kernel.MulPanels(c.Data, c.RowStride, a, b, apart, c.Cols, add)
		return
	}
	pairs := kernel.Mat{Data: m.mem, Rows: multiple(a.Rows, kernel.BlockRows), Cols: m.depth(a.Cols)}
	if kernel.PairsAlongRows(a) {
		pairs.RowStride, pairs.ColStride = pairs.Cols+stripGap, 1
	} else {
		pairs.RowStride, pairs.ColStride = 1, pairs.Rows+stripGap
	}
	kernel.RoundPairs(part(pairs, 0, a.Rows, 0, pairs.Cols), a)
	kernel.MulBlockPairs(c.Data, c.RowStride, a.Rows, pairs, b, apart, c.Cols, add)
}
