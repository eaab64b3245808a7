package op

import "limbeck/tensor/kernel"

// RMSNorm returns w·x/√(mean(x²)+eps) for every row of x, w being a vector of
// x.Cols. Zhang and Sennrich 2019, arXiv:1910.07467, eq. 4. If reader is not nil,
// rows are brought at once to the form in which it multiplies them.
func RMSNorm(t *Tape, x *Value, w *Weight, eps float32, reader *Weight) *Value {
	n := Alloc[rmsNorm](t)
	*n = rmsNorm{x: x, y: t.Value(x.Rows, x.Cols), w: w, eps: eps}
	n.y.bringFor(t, reader)
	n.compute(t)
	t.Record(n, n.y)
	return n.y
}

type rmsNorm struct {
	x, y    *Value
	w       *Weight
	eps     float32
	dx      []float32
	add     bool      // to dx, which is new otherwise
	partial []float32 // one gradient of w a piece, added up in order
}

func (n *rmsNorm) compute(t *Tape) {
	t.Pool.RunBrief(n, rowPieces(n.x.Rows, briefRows), normRuns, n.x.Rows*n.x.Cols)
}

// Do normalizes the rows of one piece.
func (n *rmsNorm) Do(_, piece int) {
	lo, hi := rowPiece(piece, n.x.Rows, briefRows)
	for i := lo; i < hi; i++ {
		kernel.RMSNorm(n.y.Row(i), n.x.Row(i), n.w.F32(), n.eps)
		n.y.bringRow(i)
	}
}

func (*rmsNorm) Op() string { return "rmsnorm" }

func (n *rmsNorm) Backward(t *Tape) {
	n.dx, n.add = t.grad(n.x)
	n.partial = nil
	pieces := rowPieces(n.x.Rows, pieceRows)
	if n.w.Grad != nil {
		n.partial = t.borrow(pieces, n.x.Cols)
	}
	t.Pool.Run((*rmsNormBack)(n), pieces)
	if n.partial != nil {
		dw := n.w.SettleGrad()
		for p := range pieces {
			kernel.Add(dw, n.partial[p*n.x.Cols:(p+1)*n.x.Cols])
		}
		t.free.put(n.partial)
	}
}

type rmsNormBack rmsNorm

func (n *rmsNormBack) Do(_, piece int) {
	c := n.x.Cols
	var dw []float32
	if n.partial != nil {
		dw = n.partial[piece*c : (piece+1)*c]
		clear(dw)
	}
	lo, hi := rowPiece(piece, n.x.Rows, pieceRows)
	for i := lo; i < hi; i++ {
		if !n.add {
			clear(n.dx[i*c : (i+1)*c])
		}
		kernel.RMSNormGrad(n.dx[i*c:(i+1)*c], dw, n.y.Grad[i*c:(i+1)*c], n.x.Row(i), n.w.F32(), n.eps)
	}
}
