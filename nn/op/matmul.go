package op

import (
	"slices"

	"limbeck/tensor/dtype"
	"limbeck/tensor/kernel"
)

// MatMul returns x·wᵀ, [x.Rows, w.Rows]. On a tape that is not exact, a packed
// weight may multiply x rounded to int8: in the form that its layout wants.
func MatMul(t *Tape, x *Value, w *Weight) *Value {
	n := newMatMul(t, x, w)
	n.forward()
	t.Record(n, n.y)
	return n.y
}

// MatMuls returns what [MatMul] does of x and each of ws. Where no product is
// recorded they are one task, whose pieces keep all workers busy to its end. The
// slice lives as long as the values.
func MatMuls(t *Tape, x *Value, ws ...*Weight) []*Value {
	n := Alloc[matMuls](t)
	parts, ys, pieces := n.parts[:0], n.ys[:0], 0
	for _, w := range ws {
		p := newMatMul(t, x, w)
		parts, ys, pieces = append(parts, p), append(ys, p.y), pieces+p.pieces
	}
	*n = matMuls{parts, ys}
	form, one := n.form()
	if t.recording || !one || slices.ContainsFunc(parts, (*matMul).trained) {
		for _, p := range parts {
			p.forward()
			t.Record(p, p.y)
		}
		return ys
	}
	if form != nil {
		x.bring(t, form)
	}
	t.Pool.Run(n, pieces)
	t.Record(n, nil) // for a profile
	return ys
}

// matMuls are products of the same values.
type matMuls struct {
	parts []*matMul
	ys    []*Value
}

// form returns the form of x that packed weights want, nil without any; one is
// false if they want several.
func (n *matMuls) form() (form *kernel.Activations, one bool) {
	for _, p := range n.parts {
		if !p.packed() {
			continue
		}
		if form != nil && form != p.w.layout.X {
			return nil, false
		}
		form = p.w.layout.X
	}
	return form, true
}

// Do computes a piece of one of the products.
func (n *matMuls) Do(worker, piece int) {
	for _, p := range n.parts {
		if piece < p.pieces {
			p.Do(worker, piece)
			return
		}
		piece -= p.pieces
	}
}

// Backward does nothing: on a tape that records, the parts are recorded.
func (n *matMuls) Backward(*Tape) {}

func newMatMul(t *Tape, x *Value, w *Weight) *matMul {
	if x.Cols != w.Cols {
		panic("op: matmul of " + w.Name + ": columns differ")
	}
	y := t.Value(x.Rows, w.Rows)
	n := Alloc[matMul](t)
	*n = matMul{t: t, x: x, w: w, y: y}
	n.cut()
	return n
}

type matMul struct {
	t    *Tape
	x, y *Value
	w    *Weight

	groups       int // of w's rows
	step, pieces int // groups of a piece, and how many of these
}

// cut makes pieces of about 64 KB of work for a matrix by a vector, of one group
// of rows where there are many rows of x. They are of about one size, so that
// threads end together.
func (n *matMul) cut() {
	most := 1
	if n.x.Rows < 64 {
		most = max(1, 4096/n.w.Cols)
	}
	if n.x.Rows > 0 { // else there is nothing to do
		n.groups = (n.w.Rows + kernel.GroupRows - 1) / kernel.GroupRows
	}
	n.pieces = (n.groups + most - 1) / most
	n.step = (n.groups + n.pieces - 1) / max(1, n.pieces)
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
	if n.packed() {
		n.x.bring(n.t, n.w.layout.X)
	}
	n.t.Pool.Run(n, n.pieces)
}

// packed reports whether the weight's layout multiplies.
func (n *matMul) packed() bool {
	return n.w.layout != nil && !(n.t.Exact && n.w.layout.Int8())
}

// Do computes the columns of y that belong to one piece's row groups.
func (n *matMul) Do(worker, piece int) {
	w, x, y := n.w, n.x, n.y
	lo := piece * n.step
	hi := min(lo+n.step, n.groups)
	if n.packed() {
		w.mulPacked(n.t, worker, y, x, lo, hi)
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
	t.rewind(m)
}

func (w *Weight) dense() kernel.Mat { return kernel.Dense(w.F32(), w.Rows, w.Cols) }
func (v *Value) dense() kernel.Mat  { return kernel.Dense(v.Data, v.Rows, v.Cols) }

// bring makes v's rows of a form, unless they are in it already.
func (v *Value) bring(t *Tape, form *kernel.Activations) {
	if v.form == form {
		return
	}
	if v.form = form; form == kernel.Floats {
		v.formed = v.Data
		return
	}
	v.formed = t.Floats(v.Rows * form.Words(v.Cols))
	q := Alloc[quantizeRows](t)
	*q = quantizeRows{v}
	t.Pool.Run(q, v.Rows)
}

type quantizeRows struct{ v *Value }

func (q *quantizeRows) Do(_, row int) {
	n := q.v.form.Words(q.v.Cols)
	q.v.form.Quantize(q.v.formed[row*n:(row+1)*n], q.v.Row(row))
}
