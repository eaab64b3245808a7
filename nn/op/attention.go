package op

import (
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
//
// With a rotation, q and k are rotated by their positions before ([RoPE]): on a
// recording or tapped tape in place, for those who look at them, else as they are
// read.
func Attention(t *Tape, q, k, v *Value, h Heads, layer int, r *Rotation, b Batch) *Value {
	if r != nil && (t.recording || t.OnTap != nil) {
		RoPE(t, q, r, b)
		RoPE(t, k, r, b)
		r = nil
	}
	if r != nil {
		r.reach(b)
	}
	n := Alloc[attention](t)
	jobs, stores, pieces, merges := n.jobs[:0], n.stores[:0], n.pieces[:0], n.merges[:0]
	*n = attention{t: t, q: q, k: k, v: v, y: t.Value(q.Rows, q.Cols), h: h, r: r,
		jobs: jobs, blocks: n.blocks, stores: stores, pieces: pieces, merges: merges}
	row := 0
	for _, s := range b.Seqs {
		j := attentionJob{row: row, len: s.Len, past: s.past()}
		if s.KV != nil {
			s.KV.Reserve(j.past + s.Len)
			j.shape, j.kv = s.KV.shape, s.KV.layer(layer)
		} else {
			j.shape = t.shapeKV(h, s.Len)
		}
		n.jobs = append(n.jobs, j)
		row += s.Len
	}
	if t.recording {
		n.lse = t.Floats(q.Rows * h.Query)
		if t.attendsInPairs(h) {
			n.kept = t.Floats(q.Rows * q.Cols / 2)
		}
	}
	n.attend()
	t.Record(n, n.y)
	return n.y
}

// compute makes y again: of what was kept, which is what products round it to, or
// from the start.
func (n *attention) compute(t *Tape) {
	if n.kept != nil {
		t.Pool.Run((*attentionDecode)(n), n.y.Rows)
		return
	}
	n.attend()
}

// attentionDecode makes the rows of y of those that were kept.
type attentionDecode attention

func (n *attentionDecode) Do(_, row int) {
	kernel.BF16ToF32(n.y.Row(row), (*attention)(n).keptRow(row))
}

// keptRow returns the kept row of y.
func (n *attention) keptRow(row int) []byte {
	c := n.y.Cols / 2
	return dtype.FloatBytes(n.kept[row*c : (row+1)*c])
}

// attend computes y.
func (n *attention) attend() {
	t := n.t
	m := t.Mark()
	n.blocks = n.blocks[:0]
	for i := range n.jobs {
		if j := &n.jobs[i]; j.kv.blocks == nil {
			room, first := roundUp(j.len), len(n.blocks)
			n.blocks = j.shape.cut(n.blocks, dtype.FloatBytes(t.Floats(j.shape.bytes(room)/4)), 1, room)
			j.kv = kvLayer{blocks: n.blocks[first:], room: room}
		}
	}
	n.forward()
	clear(n.blocks) // the memory is the tape's to let go
	t.rewind(m)
}

type attention struct {
	t          *Tape
	q, k, v, y *Value
	h          Heads
	r          *Rotation // of q and k as they are read; nil: none
	jobs       []attentionJob
	blocks     [][]byte         // of sequences without a cache
	stores     []attentionPiece // keys and values to store before
	pieces     []attentionPiece
	merges     []attentionPiece
	lse        []float32 // [tokens, Query]: log Σ exp of a row's scores; nil if nobody goes back
	kept       []float32 // y in bf16, if a training in bf16 records
	dq, dk, dv []float32
}

func (*attention) Op() string { return "attention" }

func (n *attention) work() (_ []*Weight, c Cost) {
	for i := range n.jobs {
		c = c.Plus(n.jobs[i].cost(n.h))
	}
	return nil, c
}

// An attentionJob is one sequence: len rows of the batch from row on, after
// past cached positions.
type attentionJob struct {
	row, len, past int
	shape          kvShape
	kv             kvLayer
	stores         bool // each piece stores the head that it alone reads
}

// cost is that of all positions, and of each row with those up to its own.
func (j *attentionJob) cost(h Heads) Cost {
	rows, past := float64(j.len), float64(j.past)
	pairs := rows*past + rows*(rows+1)/2
	return Cost{float64(j.shape.bytes(j.past + j.len)), j.shape.arithmetic(h).Times(pairs)}
}

func (n *attention) forward() {
	n.pieces, n.merges = n.pieces[:0], n.merges[:0]
	n.stores = n.stores[:0]
	for i := range n.jobs {
		n.cut(i)
	}
	n.t.Pool.Run((*attentionStore)(n), len(n.stores))
	n.t.Pool.RunBrief((*attentionFlash)(n), len(n.pieces), attentionRuns, n.blocksRead())
	n.t.Pool.Run((*attentionMerge)(n), len(n.merges))
	for i := range n.jobs {
		n.jobs[i].kv = kvLayer{}
	}
}

// blocksRead returns how many blocks of keys and values rows read together.
func (n *attention) blocksRead() (all int) {
	group := n.h.Query / n.h.KV
	for i := range n.pieces {
		p := &n.pieces[i]
		all += (p.last - p.first) * (p.hi - p.lo) * group
	}
	return all
}

// storeTokens is the number of tokens that a piece of storing takes: up to a
// position that is a multiple of it, so that no two write to one group.
const storeTokens = 4 * kernel.PanelWidth

// upTo returns the token after lo whose position is the next multiple of n.
func (j *attentionJob) upTo(lo, n int) int { return min(j.len, (j.past+lo)/n*n+n-j.past) }

// attentionStore lays the new keys and values of some tokens and a head out.
type attentionStore attention

func (n *attentionStore) Do(worker, piece int) {
	(*attention)(n).store(worker, &n.stores[piece])
}

// store lays the keys and values of a piece's tokens out, those of a group of
// positions at a time.
func (n *attention) store(worker int, p *attentionPiece) {
	j, d := &n.jobs[p.job], n.h.Dim
	mem := slicer(n.t.Scratch(worker, kernel.PanelWidth*(d+j.shape.width)))
	turned := mem.take(kernel.PanelWidth * d)
	for lo, hi := p.lo, 0; lo < p.hi; lo = hi {
		hi = j.upTo(lo, kernel.PanelWidth)
		rows := func(v *Value) kernel.Mat {
			return part(v.dense(), j.row+lo, j.row+hi, p.head*d, (p.head+1)*d)
		}
		k := rows(n.k)
		if n.r != nil {
			for i := range k.Rows {
				n.r.turnTo(turned[i*d:][:d], k.Data[i*k.RowStride:][:d], j.past+lo+i, 1)
			}
			k = kernel.Dense(turned, k.Rows, d)
		}
		j.shape.put(j.kv, k, rows(n.v), p.head, j.past+lo, mem)
	}
}
