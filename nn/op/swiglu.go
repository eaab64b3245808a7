package op

import "limbeck/tensor/kernel"

// SwiGLU returns silu(gate)·up, element by element, all [rows, neurons]. Shazeer
// 2020, arXiv:2002.05202, eq. 5. On a tape that does not record it is gate, written
// over. If reader is not nil, rows are brought at once to the form in which it
// multiplies them.
func SwiGLU(t *Tape, gate, up *Value, reader *Weight) *Value {
	n := Alloc[swiGLU](t)
	*n = swiGLU{gate: gate, up: up}
	if t.recording {
		n.y = t.Value(gate.Rows, gate.Cols)
	} else {
		n.y = gate
	}
	n.y.bringFor(t, reader)
	n.compute(t)
	t.Record(n, n.y)
	return n.y
}

type swiGLU struct {
	gate, up, y *Value
	dgate, dup  []float32
	add         [2]bool // to dgate and dup, which are new otherwise
}

func (n *swiGLU) compute(t *Tape) {
	t.Pool.RunBrief(n, n.gate.Rows, swiGLURuns, n.gate.Rows*n.gate.Cols)
}

// Do computes one row.
func (n *swiGLU) Do(_, row int) {
	kernel.SwiGLU(n.y.Row(row), n.gate.Row(row), n.up.Row(row))
	n.y.bringRow(row)
}

func (*swiGLU) Op() string { return "swiglu" }

func (n *swiGLU) Backward(t *Tape) {
	n.dgate, n.add[0] = t.grad(n.gate)
	n.dup, n.add[1] = t.grad(n.up)
	t.Pool.Run((*swiGLUBack)(n), n.y.Rows)
}

type swiGLUBack swiGLU

func (n *swiGLUBack) Do(_, row int) {
	lo, hi := row*n.y.Cols, (row+1)*n.y.Cols
	if !n.add[0] {
		clear(n.dgate[lo:hi])
	}
	if !n.add[1] {
		clear(n.dup[lo:hi])
	}
	kernel.SwiGLUGrad(n.dgate[lo:hi], n.dup[lo:hi], n.y.Grad[lo:hi], n.gate.Data[lo:hi], n.up.Data[lo:hi])
}
