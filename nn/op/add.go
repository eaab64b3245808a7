package op

import "limbeck/tensor/kernel"

// Add returns a+b, all of one shape. On a tape that does not record it is a, added
// to. It panics if the shapes differ.
func Add(t *Tape, a, b *Value) *Value { return AddScaled(t, a, b, 1) }

// AddScaled returns a + s·b, all of one shape. On a tape that does not record it is
// a, added to. It panics if the shapes differ.
func AddScaled(t *Tape, a, b *Value, s float32) *Value {
	if a.Rows != b.Rows || a.Cols != b.Cols {
		panic("op: add: shapes differ")
	}
	n := Alloc[addScaled](t)
	*n = addScaled{a: a, b: b, y: a, s: s}
	if t.recording {
		n.y = t.Value(a.Rows, a.Cols)
	}
	t.Pool.RunBrief(n, rowPieces(a.Rows, briefRows), addRuns, a.Rows*a.Cols)
	t.Record(n, n.y)
	return n.y
}

type addScaled struct {
	a, b, y *Value
	s       float32

	da, db       []float32
	addsA, addsB bool // to da and db, which are new otherwise
}

// bounds returns the elements of a piece.
func (n *addScaled) bounds(piece int) (lo, hi int) {
	lo, hi = rowPiece(piece, n.y.Rows, briefRows)
	return lo * n.y.Cols, hi * n.y.Cols
}

// Do adds the elements of one piece.
func (n *addScaled) Do(_, piece int) {
	lo, hi := n.bounds(piece)
	if n.y != n.a {
		copy(n.y.Data[lo:hi], n.a.Data[lo:hi])
	}
	kernel.Axpy(n.s, n.b.Data[lo:hi], n.y.Data[lo:hi])
}

func (*addScaled) Op() string { return "add" }

// Backward gives b, if it has no gradient yet, y's own, which nobody reads any more.
func (n *addScaled) Backward(t *Tape) {
	n.da, n.addsA = t.grad(n.a)
	gives := n.b.Grad == nil && n.s == 1 // a has a copy
	n.db = nil
	if !gives {
		n.db, n.addsB = t.grad(n.b)
	}
	t.Pool.Run((*addScaledBack)(n), rowPieces(n.y.Rows, briefRows))
	if gives {
		n.b.Grad, n.y.Grad = n.y.Grad, nil
	}
}

type addScaledBack addScaled

func (n *addScaledBack) Do(_, piece int) {
	lo, hi := (*addScaled)(n).bounds(piece)
	addGrad(n.da[lo:hi], n.y.Grad[lo:hi], 1, n.addsA)
	if n.db != nil {
		addGrad(n.db[lo:hi], n.y.Grad[lo:hi], n.s, n.addsB)
	}
}

// addGrad adds s·dy to dx, or writes it there.
func addGrad(dx, dy []float32, s float32, add bool) {
	if !add && s == 1 {
		copy(dx, dy)
		return
	}
	if !add {
		clear(dx)
	}
	kernel.Axpy(s, dy, dx)
}
