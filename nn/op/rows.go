package op

import "limbeck/tensor/kernel"

// Rows returns the rows of x that are named, in that order: [len(rows), x.Cols]. A
// row may be named more than once.
func Rows(t *Tape, x *Value, rows []int) *Value {
	n := Alloc[gather](t)
	*n = gather{x, t.Value(len(rows), x.Cols), rows}
	for i, r := range rows {
		copy(n.y.Row(i), x.Row(r))
	}
	t.Record(n, n.y)
	return n.y
}

type gather struct {
	x, y *Value
	rows []int
}

func (*gather) Op() string { return "gather rows" }

func (n *gather) Backward(t *Tape) {
	dx, c := t.Grad(n.x), n.x.Cols
	for i, r := range n.rows {
		kernel.Add(dx[r*c:(r+1)*c], n.y.Grad[i*c:(i+1)*c])
	}
}
