package op

import (
	"slices"

	"limbeck/tensor/dtype"
	"limbeck/tensor/kernel"
)

// MatMul returns x·wᵀ, [x.Rows, w.Rows]. On a tape that is not exact, a packed
// weight may multiply x rounded to int8 or bf16: in the form that its layout wants.
func MatMul(t *Tape, x *Value, w *Weight) *Value { return MatMuls(t, x, w)[0] }

// MatMuls returns what [MatMul] does of x and each of ws. Where no product is
// recorded they are one task, whose pieces keep all workers busy to its end; those of
// trained weights share x as far as it is packed whole. The slice lives as long as the
// values.
func MatMuls(t *Tape, x *Value, ws ...*Weight) []*Value {
	n := newMatMuls(t)
	parts, ys := n.parts, n.ys
	for _, w := range ws {
		p := newMatMul(t, x, w)
		parts, ys = append(parts, p), append(ys, p.y)
	}
	n.parts, n.ys = parts, ys
	switch {
	case len(parts) > 1 && n.trained():
		n.train()
		t.recordAll(n, ys)
	case !t.recording && n.together():
		n.forward()
		t.Record(n, nil) // for a profile
	default:
		for i := range parts {
			p := &parts[i]
			p.forward()
			t.Record(p, p.y)
		}
	}
	return ys
}

// matMuls are products of the same values: of trained weights, or as one task, the row
// groups of all weights, one weight after the other, in pieces. What a worker reads before it
// can begin lies together, and is a copy rather than a pointer: each it would have to
// follow is a trip to another core's cache.
type matMuls struct {
	x              Value // of the parts, as it was brought
	groups, pieces int
	parts          []matMul
	few            [3]matMul // the parts, unless there are more
	ys             []*Value
	next           *foreseen // see [Tape.foresee]; nil where that does not pay
}

func newMatMuls(t *Tape) *matMuls {
	n := Alloc[matMuls](t)
	if n.parts == nil {
		n.parts = n.few[:]
	}
	*n = matMuls{parts: n.parts[:0], ys: n.ys[:0]}
	return n
}

// trained reports whether all products are of trained weights.
func (n *matMuls) trained() bool {
	for i := range n.parts {
		if !n.parts[i].trained() {
			return false
		}
	}
	return true
}

// train computes the products of trained weights.
func (n *matMuls) train() {
	var few [len(n.few)]product
	all := few[:0]
	for i := range n.parts {
		p := &n.parts[i]
		all = append(all, product{p.y.dense(), p.x.dense(), p.w.dense().T(), false})
	}
	n.parts[0].t.mulAll(all)
}

// together reports whether the products can be one task: none is of a trained
// weight, and packed ones want x in one form.
func (n *matMuls) together() bool {
	var form *kernel.Activations
	for i := range n.parts {
		p := &n.parts[i]
		if p.trained() {
			return false
		}
		if f := p.form(); f != nil {
			if form != nil && form != f {
				return false
			}
			form = f
		}
	}
	return true
}

// pieceColumns bounds the columns of a piece's row groups: by a vector, a few
// microseconds of work; by more activation rows, which take longer, a quarter as many.
const pieceColumns = 1 << 15

// forward computes the products. Pieces are of one size, and as many for each
// thread, so that threads end together.
func (n *matMuls) forward() {
	t, x := n.parts[0].t, n.parts[0].x
	for i := range n.parts {
		p := &n.parts[i]
		if f := p.form(); f != nil {
			x.bring(t, f)
		}
		n.groups += p.w.groups()
	}
	n.x = *x
	if x.Rows == 0 {
		return
	}
	most := kernel.TogetherGroups
	if x.Rows < kernel.ManyRows {
		most = max(1, pieceColumns/x.Cols/min(x.Rows, 4))
	}
	n.pieces = min(n.groups, multiple((n.groups+most-1)/most, t.Pool.Threads()))
	n.next = t.foresee(n)
	t.Pool.RunBrief(n, n.pieces, productRuns, x.Rows*n.groups*x.Cols)
}

// Do computes the groups of one piece.
func (n *matMuls) Do(worker, piece int) {
	lo, hi := n.groups*piece/n.pieces, n.groups*(piece+1)/n.pieces
	for i := range n.parts {
		p := &n.parts[i]
		groups := p.w.groups()
		if from, to := max(lo, 0), min(hi, groups); from < to {
			p.columns(worker, &n.x, from, to)
		}
		lo, hi = lo-groups, hi-groups
	}
}

func (*matMuls) Op() string { return "matmul" }

// Backward goes back over products of trained weights; others are recorded one by one.
func (n *matMuls) Backward(t *Tape) {
	var few [2 * len(n.few)]product
	all := few[:0]
	for i := range n.parts {
		if p := &n.parts[i]; p.y.Grad != nil && p.w.Grad != nil {
			dw, add := p.w.takeGrad()
			all = append(all, product{dw, p.dy().T(), t.again(p.x).dense(), add})
		}
	}
	for _, p := range slices.Backward(n.parts) { // the order of nodes of their own
		if p.y.Grad != nil {
			dx, add := t.grad(p.x)
			all = append(all, product{kernel.Dense(dx, p.x.Rows, p.x.Cols), p.dy(), p.w.dense(), add})
		}
	}
	t.mulAll(all)
}

func (n *matMuls) work() (ws []*Weight, c Cost) {
	for i := range n.parts {
		ws, c = append(ws, n.parts[i].w), c.Plus(n.parts[i].cost())
	}
	return ws, c
}

func newMatMul(t *Tape, x *Value, w *Weight) matMul {
	if x.Cols != w.Cols {
		panic("op: matmul of " + w.Name + ": columns differ")
	}
	y := t.Value(x.Rows, w.Rows)
	return matMul{t: t, x: x, y: y, w: w, out: y.Data}
}

type matMul struct {
	t    *Tape
	x, y *Value
	w    *Weight
	out  []float32 // y.Data, forward
}

// trained reports whether w may change from step to step, so that packing it for
// one product does not pay.
func (n *matMul) trained() bool { return n.w.layout == nil && n.w.t.Type == dtype.F32 }

// forward computes the product as a task of its own.
func (n *matMul) forward() {
	if n.trained() {
		n.t.mul(n.y.dense(), n.x.dense(), n.w.dense().T(), false)
		return
	}
	alone := newMatMuls(n.t)
	alone.parts = append(alone.parts, *n)
	alone.forward()
}

// packed reports whether the weight's layout multiplies.
func (n *matMul) packed() bool { return n.form() != nil }

// form returns the form in which a packed weight wants x, nil for others.
func (n *matMul) form() *kernel.Activations { return n.w.form(n.t) }

// columns computes the columns of y that belong to the row groups lo to hi, of x.
func (n *matMul) columns(worker int, x *Value, lo, hi int) {
	w := n.w
	if n.packed() {
		mem := n.t.Scratch(worker, w.copyFloats((hi-lo)*kernel.GroupRows))
		w.mulGroups(n.out[lo*kernel.GroupRows:], w.Rows, x, lo, hi, mem)
		return
	}
	mem := n.t.Scratch(worker, 2*kernel.PanelWidth*w.Cols)
	for g := lo; g < hi; g++ {
		row := g * kernel.PanelWidth
		kernel.MulPanels(n.out[row:], w.Rows, x.dense(), w.panel(g, mem), 0, min(kernel.PanelWidth, w.Rows-row), false)
	}
}

func (*matMul) Op() string { return "matmul" }

// dy returns the gradient of y.
func (n *matMul) dy() kernel.Mat { return kernel.Dense(n.y.Grad, n.y.Rows, n.y.Cols) }

func (n *matMul) Backward(t *Tape) {
	dy := n.dy()
	dx, add := t.grad(n.x)
	n.w.mulGrad(t, kernel.Dense(dx, n.x.Rows, n.x.Cols), dy, add)
	if n.w.Grad != nil {
		n.w.addGrad(t, dy, t.again(n.x).dense())
	}
}

func (n *matMul) work() ([]*Weight, Cost) { return []*Weight{n.w}, n.cost() }

func (n *matMul) cost() Cost {
	a := n.w.Arithmetic(n.form() == nil)
	if n.trained() && n.t.inPairs() {
		a = Arithmetic{BF16: a.All()}
	}
	return Cost{float64(n.w.ReadBytes()), a.Times(float64(n.x.Rows))}
}

// gradBand bounds the elements of a weight that are decoded at once on the way back.
const gradBand = 1 << 20

// mulGrad computes dx = dy·w, or adds it. A weight in another format than f32 is
// decoded in bands of rows, whose products are added up.
func (w *Weight) mulGrad(t *Tape, dx, dy kernel.Mat, add bool) {
	if w.t.Data != nil && w.t.Type == dtype.F32 {
		t.mul(dx, dy, w.dense(), add)
		return
	}
	m := t.Mark()
	most := max(1, gradBand/w.Cols)
	band := Alloc[decodedRows](t)
	*band = decodedRows{w: w, mem: t.Floats(min(most, w.Rows) * w.Cols)}
	for ; band.first < w.Rows; band.first += most {
		band.rows = min(most, w.Rows-band.first)
		t.Pool.Run(band, rowPieces(band.rows, pieceRows))
		t.mul(dx, part(dy, 0, dy.Rows, band.first, band.first+band.rows),
			kernel.Dense(band.mem[:band.rows*w.Cols], band.rows, w.Cols), add || band.first > 0)
	}
	t.rewind(m)
}

// addGrad adds dyᵀ·x to the gradient of w, which is trained, or takes its place if that was
// forgotten.
func (w *Weight) addGrad(t *Tape, dy, x kernel.Mat) {
	dw, add := w.takeGrad()
	t.mul(dw, dy.T(), x, add)
}

// takeGrad returns the gradient of w, which is trained, for a caller that adds to it; add is
// false if it was forgotten, and the caller overwrites every element instead.
func (w *Weight) takeGrad() (dw kernel.Mat, add bool) {
	add = !w.forgotten
	w.forgotten = false
	return kernel.Dense(w.Grad, w.Rows, w.Cols), add
}

// decodedRows are some rows of a weight.
type decodedRows struct {
	w           *Weight
	mem         []float32
	first, rows int
}

func (d *decodedRows) Do(_, piece int) {
	lo, hi := rowPiece(piece, d.rows, pieceRows)
	for i := lo; i < hi; i++ {
		d.w.DecodeRow(d.mem[i*d.w.Cols:(i+1)*d.w.Cols], d.first+i)
	}
}

func (w *Weight) dense() kernel.Mat { return kernel.Dense(w.F32(), w.Rows, w.Cols) }
func (v *Value) dense() kernel.Mat  { return kernel.Dense(v.Data, v.Rows, v.Cols) }

// form returns the form in which w's layout wants what it multiplies on t, nil if
// it is not the layout that multiplies.
func (w *Weight) form(t *Tape) *kernel.Activations {
	if w.layout == nil || t.Exact && w.layout.Rounds() {
		return nil
	}
	return w.layout.X
}

// bring makes v's rows of a form, unless they are in it already.
func (v *Value) bring(t *Tape, form *kernel.Activations) {
	if v.form == form {
		return
	}
	if v.reserve(t, form); form != kernel.Floats {
		q := Alloc[quantizeRows](t)
		*q = quantizeRows{v}
		t.Pool.RunBrief(q, v.Rows, quantizeRuns, v.Rows*v.Cols)
	}
}

// bringFor has who makes v's rows bring each to the form that reader wants, while
// it is in the cache. It does nothing where there is no reader, nor on a tape that
// records.
func (v *Value) bringFor(t *Tape, reader *Weight) {
	if reader == nil || t.recording {
		return
	}
	if form := reader.form(t); form != nil {
		v.reserve(t, form)
	}
}

// reserve makes room for v's rows in a form.
func (v *Value) reserve(t *Tape, form *kernel.Activations) {
	if v.form = form; form == kernel.Floats {
		v.formed = v.Data
		return
	}
	v.formed = t.Floats(v.Rows * form.Words(v.Cols))
}

// bringRow brings a row to v's form, if it has one.
func (v *Value) bringRow(row int) {
	if v.form != nil && v.form != kernel.Floats {
		n := v.form.Words(v.Cols)
		v.form.Quantize(v.formed[row*n:(row+1)*n], v.Row(row))
	}
}

type quantizeRows struct{ v *Value }

func (q *quantizeRows) Do(_, row int) { q.v.bringRow(row) }
