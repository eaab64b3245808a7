package distill

import (
	"math"

	"limbeck/nn/op"
	"limbeck/tensor/kernel"
)

// Relation is the relation-based loss of MiniLMv2, Wang et al. 2020,
// arXiv:2012.15828, eq. 5 to 7. The channels of x, queries, keys or values of
// one layer with all heads side by side, are cut anew into relation heads of
// width d; each relates every token to those before it and itself,
//
//	R = softmax(X·Xᵀ/√d), masked as a causal model's attention,
//
// and the loss is weight·KL(R teacher ‖ R student) summed over rows, mean over
// heads. Teacher and student need equal numbers of relation heads, not equal
// widths. It is 0 for equal relations, which any rotation of X's heads leaves.
func Relation(t *op.Tape, x *op.Value, teacher []float32, teacherCols, heads int, seqs []op.Seq, weight float32) *op.Value {
	if x.Cols%heads != 0 || teacherCols%heads != 0 {
		panic("distill: channels do not fill the relation heads")
	}
	n := op.Alloc[relation](t)
	*n = relation{t: t, x: x, teacher: teacher, teacherCols: teacherCols, heads: heads, seqs: seqs,
		weight: weight / float32(heads), loss: t.Value(1, 1), sums: n.sums}
	n.starts = n.starts[:0]
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
		s := rows(n.x.Data, n.x.Cols, start, h, n.heads)
		p := rows(n.teacher, n.teacherCols, start, h, n.heads)
		var dx func(int) []float32
		if n.dx != nil {
			dx = rows(n.dx, n.x.Cols, start, h, n.heads)
		}
		for r := range length {
			n.sums[i] += n.row(r, s, p, dx, scratch[:r+1], scratch[length:length+r+1])
		}
	}
}

// rows returns a function that views head h of the row that is r after start.
func rows(data []float32, cols, start, h, heads int) func(r int) []float32 {
	d := cols / heads
	return func(r int) []float32 { return data[(start+r)*cols+h*d:][:d] }
}

// row returns the loss of row r of one head, and adds its gradient.
func (n *relation) row(r int, s, p, dx func(int) []float32, student, teacher []float32) float64 {
	relate(student, s, r)
	relate(teacher, p, r)
	lseS, lseP := kernel.LogSumExp(student), kernel.LogSumExp(teacher)
	var kl float64
	scale := n.weight / float32(math.Sqrt(float64(len(s(0)))))
	for j := range student {
		logQ, logP := float64(student[j]-lseS), float64(teacher[j]-lseP)
		prob := math.Exp(logP)
		kl += prob * (logP - logQ)
		if dx != nil {
			g := scale * float32(math.Exp(logQ)-prob)
			kernel.Axpy(g, s(j), dx(r))
			kernel.Axpy(g, s(r), dx(j))
		}
	}
	return float64(n.weight) * kl
}

// relate writes the scaled products of row r with itself and those before it.
func relate(dst []float32, x func(int) []float32, r int) {
	scale := 1 / float32(math.Sqrt(float64(len(x(r)))))
	for j := range dst {
		dst[j] = scale * kernel.Dot(x(r), x(j))
	}
}

func (n *relation) Backward(t *op.Tape) {
	kernel.Axpy(n.loss.Grad[0], n.dx, t.Grad(n.x))
}
