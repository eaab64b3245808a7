package op

import (
	"fmt"

	"limbeck/tensor/kernel"
)

// Embed returns the rows of table w that ids name: [len(ids), w.Cols]. It
// panics on an id that the table does not hold.
func Embed(t *Tape, w *Weight, ids []int) *Value {
	y := t.Value(len(ids), w.Cols)
	n := Alloc[embed](t)
	*n = embed{w, ids, y}
	for _, id := range ids {
		if id < 0 || id >= w.Rows {
			panic(fmt.Sprintf("op: token %d of a vocabulary of %d", id, w.Rows))
		}
	}
	t.Pool.RunBrief(n, rowPieces(len(ids), briefRows), embedRuns, y.Rows*y.Cols)
	t.Record(n, y)
	return y
}

type embed struct {
	w   *Weight
	ids []int
	y   *Value
}

// Do decodes the rows of one piece.
func (n *embed) Do(_, piece int) {
	lo, hi := rowPiece(piece, n.y.Rows, briefRows)
	for i := lo; i < hi; i++ {
		n.w.DecodeRow(n.y.Row(i), n.ids[i])
	}
}

func (*embed) Op() string { return "embedding" }

func (n *embed) Backward(*Tape) {
	if n.w.Grad == nil {
		return
	}
	c, dw := n.w.Cols, n.w.SettleGrad()
	for i, id := range n.ids {
		kernel.Add(dw[id*c:(id+1)*c], n.y.Grad[i*c:(i+1)*c])
	}
}
