package op

import "limbeck/tensor/kernel"

// Add returns a+b. On a tape that does not record it is a, added to.
func Add(t *Tape, a, b *Value) *Value { return AddScaled(t, a, b, 1) }

// AddScaled returns a + s·b. On a tape that does not record it is a, added to.
func AddScaled(t *Tape, a, b *Value, s float32) *Value {
	if !t.recording {
		kernel.Axpy(s, b.Data, a.Data)
		t.Record((*addScaled)(nil), nil) // for a profile
		return a
	}
	n := Alloc[addScaled](t)
	*n = addScaled{a: a, b: b, y: t.Value(a.Rows, a.Cols), s: s}
	t.Pool.Run(n, n.pieces())
	t.Record(n, n.y)
	return n.y
}

type addScaled struct {
	a, b, y *Value
	s       float32

	da, db       []float32
	addsA, addsB bool // to da and db, which are new otherwise
}

const addFloats = 1 << 14 // elements a piece

func (n *addScaled) pieces() int { return (n.y.Rows*n.y.Cols + addFloats - 1) / addFloats }

// bounds returns the elements of a piece.
func (n *addScaled) bounds(piece int) (lo, hi int) {
	return piece * addFloats, min((piece+1)*addFloats, n.y.Rows*n.y.Cols)
}

// Do adds the elements of one piece.
func (n *addScaled) Do(_, piece int) {
	lo, hi := n.bounds(piece)
	copy(n.y.Data[lo:hi], n.a.Data[lo:hi])
	kernel.Axpy(n.s, n.b.Data[lo:hi], n.y.Data[lo:hi])
}

func (n *addScaled) Backward(t *Tape) {
	n.da, n.addsA = t.grad(n.a)
	n.db, n.addsB = t.grad(n.b)
	t.Pool.Run((*addScaledBack)(n), n.pieces())
}

type addScaledBack addScaled

func (n *addScaledBack) Do(_, piece int) {
	lo, hi := (*addScaled)(n).bounds(piece)
	addGrad(n.da[lo:hi], n.y.Grad[lo:hi], 1, n.addsA)
	addGrad(n.db[lo:hi], n.y.Grad[lo:hi], n.s, n.addsB)
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
