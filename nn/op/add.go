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
	*n = addScaled{a, b, t.Value(a.Rows, a.Cols), s}
	copy(n.y.Data, a.Data)
	kernel.Axpy(s, b.Data, n.y.Data)
	t.Record(n, n.y)
	return n.y
}

type addScaled struct {
	a, b, y *Value
	s       float32
}

func (n *addScaled) Backward(t *Tape) {
	addGrad(t, n.a, n.y.Grad, 1)
	addGrad(t, n.b, n.y.Grad, n.s)
}

// addGrad adds s·dy to x's gradient.
func addGrad(t *Tape, x *Value, dy []float32, s float32) {
	dx, add := t.grad(x)
	if !add && s == 1 {
		copy(dx, dy)
		return
	}
	if !add {
		clear(dx)
	}
	kernel.Axpy(s, dy, dx)
}
