package distill

import (
	"math"

	"limbeck/nn/op"
	"limbeck/tensor/kernel"
)

// relationLoss is the relation-based loss of MiniLMv2, Wang et al. 2020,
// arXiv:2012.15828, eq. 5 to 7. The channels of x, queries, keys or values of
// one layer with all heads side by side, are cut anew into relation heads of
// width d; each relates every token to those before it and itself,
//
//	R = softmax(X·Xᵀ/√d), masked as a causal model's attention,
//
// and the loss is weight·KL(R teacher ‖ R student) summed over rows, mean over
// heads. Teacher and student need equal numbers of relation heads, not equal
// widths. It is 0 for equal relations, which any rotation of X's heads leaves. x is
// [tokens of all seqs, heads·d], teacher [the same tokens, teacherCols]; the loss is
// one number. It panics if heads do not divide the columns of both: see [CheckHeads].
func relationLoss(t *op.Tape, x *op.Value, teacher []float32, teacherCols, heads int, seqs []op.Seq, weight float32) *op.Value {
	if x.Cols%heads != 0 || teacherCols%heads != 0 {
		panic("distill: channels do not fill the relation heads")
	}
	n := op.Alloc[relation](t)
	*n = relation{t: t, x: x, teacher: teacher, teacherCols: teacherCols, heads: heads, seqs: seqs,
		weight: weight / float32(heads), loss: t.Value(1, 1), starts: n.starts[:0], sums: n.sums}
	row := 0
	for _, s := range seqs {
		n.starts = append(n.starts, row)
		row += s.Len
	}
	if t.Recording() {
		n.dx = t.Floats(len(x.Data))
		clear(n.dx)
	}
	if cap(n.sums) < len(seqs) {
		n.sums = make([]float64, len(seqs))
	}
	n.sums = n.sums[:len(seqs)]
	t.Pool.Run(n, len(seqs))
	var sum float64
	for _, s := range n.sums {
		sum += s
	}
	n.loss.Data[0] = float32(sum)
	t.Record(n, n.loss)
	return n.loss
}

type relation struct {
	t           *op.Tape
	x, loss     *op.Value
	teacher     []float32
	teacherCols int
	heads       int
	seqs        []op.Seq
	starts      []int
	weight      float32
	dx          []float32 // gradient of x, computed with the loss
	sums        []float64
}

// Do computes one sequence.
func (n *relation) Do(worker, i int) {
	length, start := n.seqs[i].Len, n.starts[i]
	scratch := n.t.Scratch(worker, 2*length)
	n.sums[i] = 0
	for h := range n.heads {
		s := n.head(n.x.Data, n.x.Cols, start, h)
		p := n.head(n.teacher, n.teacherCols, start, h)
		dx := n.head(n.dx, n.x.Cols, start, h)
		for r := range length {
			n.sums[i] += n.row(r, s, p, dx, scratch[:r+1], scratch[length:length+r+1])
		}
	}
}

// A head views the width channels of one head in the rows of a sequence; first
// is where they begin.
type head struct {
	data               []float32 // [rows, cols]
	cols, first, width int
}

// head returns head h of the rows from start on.
func (n *relation) head(data []float32, cols, start, h int) head {
	width := cols / n.heads
	return head{data, cols, start*cols + h*width, width}
}

func (h *head) row(r int) []float32 { return h.data[h.first+r*h.cols:][:h.width] }

// row returns the loss of row r of one head, and adds its gradient to dx unless
// that has no data.
func (n *relation) row(r int, s, p, dx head, student, teacher []float32) float64 {
	s.relate(student, r)
	p.relate(teacher, r)
	lseS, lseP := kernel.LogSumExp(student), kernel.LogSumExp(teacher)
	var kl float64
	scale := n.weight / float32(math.Sqrt(float64(s.width)))
	for j := range student {
		logQ, logP := float64(student[j]-lseS), float64(teacher[j]-lseP)
		prob := math.Exp(logP)
		kl += prob * (logP - logQ)
		if dx.data != nil {
			g := scale * float32(math.Exp(logQ)-prob)
			kernel.Axpy(g, s.row(j), dx.row(r))
			kernel.Axpy(g, s.row(r), dx.row(j))
		}
	}
	return float64(n.weight) * kl
}

// relate writes the scaled products of row r with itself and those before it.
func (h *head) relate(dst []float32, r int) {
	scale := 1 / float32(math.Sqrt(float64(h.width)))
	for j := range dst {
		dst[j] = scale * kernel.Dot(h.row(r), h.row(j))
	}
}

func (*relation) Op() string { return "relation loss" }

func (n *relation) Backward(t *op.Tape) {
	kernel.Axpy(n.loss.Grad[0], n.dx, t.Grad(n.x))
}
