package op

import "limbeck/tensor/kernel"

// gatedFloats is how large both factors of [Gated] must be together: smaller ones stay
// in the last cache, and whole products read weights in longer runs. Tests lower it.
var gatedFloats = 2 << 20

// gatedColumns is how many columns of both factors are made at a time, at least: they
// stay in the second cache with all rows.
const gatedColumns = 64

// Gated returns what [SwiGLU] makes of x·gateᵀ and x·upᵀ ([MatMuls]) for reader, to
// the bit, but in the form alone in which reader multiplies it: some columns at a time
// go into that form, and neither factor is ever whole in memory. It returns nil where
// that cannot be or does not pay, and does nothing: of few rows or columns, on a tape
// that records or is tapped, of weights that no layout multiplies, and for a reader
// that takes f32.
func Gated(t *Tape, x *Value, gate, up, reader *Weight) *Value {
	form, wants := gate.form(t), reader.form(t)
	if t.recording || t.OnTap != nil || 2*x.Rows*gate.Rows < gatedFloats || form == nil || form != up.form(t) || wants == nil || wants == kernel.Floats {
		return nil
	}
	columns := max(gatedColumns, wants.Len)
	if gate.Rows != up.Rows || gate.Rows%columns != 0 || columns%kernel.GroupRows != 0 || columns%wants.Len != 0 {
		return nil
	}
	n := Alloc[gated](t)
	y := Alloc[Value](t)
	*y = Value{Rows: x.Rows, Cols: gate.Rows}
	*n = gated{t: t, x: x, y: y, gate: gate, up: up, columns: columns}
	x.bring(t, form)
	y.reserve(t, wants)
	t.Pool.Run(n, gate.Rows/columns)
	t.Record(n, nil) // for a profile
	return y
}

type gated struct {
	t        *Tape
	x, y     *Value
	gate, up *Weight
	columns  int // of a piece
}

// Do computes some columns of all rows.
func (n *gated) Do(worker, piece int) {
	rows, size := n.x.Rows, n.x.Rows*n.columns
	room := max(n.gate.copyFloats(n.columns), n.up.copyFloats(n.columns))
	mem := slicer(n.t.Scratch(worker, 2*size+room))
	g, u := mem.take(size), mem.take(size)
	lo := piece * n.columns / kernel.GroupRows
	hi := lo + n.columns/kernel.GroupRows
	n.gate.mulGroups(g, n.columns, n.x, lo, hi, mem)
	n.up.mulGroups(u, n.columns, n.x, lo, hi, mem)
	kernel.SwiGLU(g, g, u)
	form := n.y.form
	all, some := form.Words(n.y.Cols), form.Words(n.columns)
	for i := range rows {
		form.Quantize(n.y.formed[i*all+piece*some:][:some], g[i*n.columns:][:n.columns])
	}
}

func (*gated) Op() string { return "fused swiglu" }

// Backward does nothing: no tape records it.
func (n *gated) Backward(*Tape) {}

func (n *gated) work() ([]*Weight, Cost) {
	gate, up := matMul{t: n.t, x: n.x, w: n.gate}, matMul{t: n.t, x: n.x, w: n.up}
	return []*Weight{n.gate, n.up}, gate.cost().Plus(up.cost())
}
