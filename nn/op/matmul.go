package op

import (
	"unsafe"

	"limbeck/tensor/dtype"
	"limbeck/tensor/kernel"
)

// MatMul returns x·wᵀ, [x.Rows, w.Rows]. On a tape that is not exact, a packed
// weight multiplies x rounded to int8 in blocks of 32.
func MatMul(t *Tape, x *Value, w *Weight) *Value {
	if x.Cols != w.Cols {
		panic("op: matmul of " + w.Name + ": columns differ")
	}
	y := t.Value(x.Rows, w.Rows)
	n := Alloc[matMul](t)
	*n = matMul{t: t, x: x, w: w, y: y}
	n.forward()
	t.Record(n, y)
	return y
}

type matMul struct {
	t    *Tape
	x, y *Value
	w    *Weight
}

// trained reports whether w changes from step to step, so that packing it for
// one product does not pay.
func (n *matMul) trained() bool {
	return n.w.packed == nil && n.w.panels == nil && n.w.t.Type == dtype.F32
}

func (n *matMul) forward() {
	if n.trained() {
		n.t.mul(n.y.dense(), n.x.dense(), n.w.dense().T(), false)
		return
	}
	if n.int8() {
		n.x.quantize(n.t)
	}
	groups := (n.w.Rows + kernel.GroupRows - 1) / kernel.GroupRows
	n.t.Pool.Run(n, (groups+n.step()-1)/n.step())
}

func (n *matMul) int8() bool { return !n.t.Exact && n.w.packed != nil && n.w.layout.MatMul != nil }

// step returns the row groups a piece: about 64 KB of work for a matrix by a
// vector, one group where there are many rows of x.
func (n *matMul) step() int {
	if n.x.Rows >= 64 {
		return 1
	}
	return max(1, 4096/n.w.Cols)
}

// Do computes the columns of y that belong to one piece's row groups.
func (n *matMul) Do(worker, piece int) {
	w, x, y := n.w, n.x, n.y
	lo := piece * n.step()
	hi := min(lo+n.step(), (w.Rows+kernel.GroupRows-1)/kernel.GroupRows)
	if n.int8() {
		w.layout.MatMul(y.Data, y.Cols, x.q8, x.Rows, w.packed, w.Rows, w.Cols, lo, hi)
		return
	}
	mem := n.t.Scratch(worker, 2*kernel.PanelWidth*w.Cols)
	for g := lo; g < hi; g++ {
		row := g * kernel.PanelWidth
		kernel.MulPanel(y.Data[row:], y.Cols, x.dense(), w.panel(g, mem), min(kernel.PanelWidth, w.Rows-row), false)
	}
}

func (n *matMul) Backward(t *Tape) {
	dy := kernel.Dense(n.y.Grad, n.y.Rows, n.y.Cols)
	dx, add := t.grad(n.x)
	n.w.mulGrad(t, kernel.Dense(dx, n.x.Rows, n.x.Cols), dy, add)
	if n.w.Grad != nil {
		t.mul(kernel.Dense(n.w.Grad, n.w.Rows, n.w.Cols), dy.T(), t.again(n.x).dense(), true)
	}
}

// mulGrad computes dx = dy·w, or adds it.
func (w *Weight) mulGrad(t *Tape, dx, dy kernel.Mat, add bool) {
	m := t.Mark()
	values := w.t.Data != nil && w.t.Type == dtype.F32
	mat := kernel.Mat{}
	if values {
		mat = w.dense()
	} else {
		v := t.Floats(w.Rows * w.Cols)
		for i := range w.Rows {
			w.DecodeRow(v[i*w.Cols:(i+1)*w.Cols], i)
		}
		mat = kernel.Dense(v, w.Rows, w.Cols)
	}
	t.mul(dx, dy, mat, add)
	t.mem.current, t.mem.used = m.chunk, m.used
}

func (w *Weight) dense() kernel.Mat { return kernel.Dense(w.F32(), w.Rows, w.Cols) }
func (v *Value) dense() kernel.Mat  { return kernel.Dense(v.Data, v.Rows, v.Cols) }

// quantize makes v's rows int8, once.
func (v *Value) quantize(t *Tape) {
	if v.q8 != nil {
		return
	}
	const floats = int(unsafe.Sizeof(kernel.Q8Block{})) / 4
	blocks := v.Rows * v.Cols / 32
	mem := t.Floats(blocks * floats)
	v.q8 = unsafe.Slice((*kernel.Q8Block)(unsafe.Pointer(unsafe.SliceData(mem))), blocks)
	q := Alloc[quantizeRows](t)
	*q = quantizeRows{v}
	t.Pool.Run(q, v.Rows)
}

type quantizeRows struct{ v *Value }

func (q *quantizeRows) Do(_, row int) {
	n := q.v.Cols / 32
	kernel.QuantizeRow(q.v.q8[row*n:(row+1)*n], q.v.Row(row))
}
