package op

import (
	"fmt"

	"limbeck/tensor/kernel"
)

// A RowLoss is a loss on the logits of one row. It returns its value, already
// weighted, and adds its gradient to grad unless that is nil. Rows are taken
// in parallel: an implementation must not write to memory that rows share.
type RowLoss interface {
	Loss(row int, logits, grad []float32) float64
}

// A Preparer is a loss that makes rows ready before they are taken: so many from
// first on, those whose logits exist at once.
type Preparer interface {
	RowLoss
	Prepare(first, rows int)
}

// HeadLoss returns the sum over all rows of a loss on the logits hidden·wᵀ.
// Logits, and then their gradient in their place, exist for a few rows at a
// time: the gradients of hidden and w are computed in the forward pass, for a
// loss whose own gradient is one. On a recording tape w's gradient is therefore
// complete before [Tape.Backward], which panics if it comes to the loss with another
// one.
func HeadLoss(t *Tape, hidden *Value, w *Weight, loss RowLoss) *Value {
	n := Alloc[headLoss](t)
	*n = headLoss{hidden: hidden, w: w, loss: loss, y: t.Value(1, 1), losses: n.losses}
	n.y.Data[0] = 0
	if t.recording {
		n.dh = t.Floats(len(hidden.Data))
	}
	var sum float64
	limit := HeadRows(w.Rows)
	for lo := 0; lo < hidden.Rows; lo += limit {
		sum += n.chunk(t, lo, min(limit, hidden.Rows-lo))
	}
	n.y.Data[0] = float32(sum)
	t.Record(n, n.y)
	return n.y
}

// HeadRows is how many rows' logits exist at once in [HeadLoss] over a
// vocabulary of this size: as many as 24 MB hold, and 384 of a large one. For each
// such chunk the head is packed twice: fewer chunks are faster.
func HeadRows(vocab int) int {
	const fewest, floats = 384, 6 << 20
	return min(max(fewest, floats/vocab), MaxHeadRows)
}

// MaxHeadRows is the greatest [HeadRows] of all vocabularies.
const MaxHeadRows = 1024

type headLoss struct {
	hidden, y *Value
	w         *Weight
	loss      RowLoss
	dh        []float32 // gradient of hidden

	t      *Tape
	first  int    // the chunk's first row
	logits *Value // the chunk's; then their gradient, if that is wanted
	graded bool
	losses []float64
}

// chunk adds up the losses of rows lo to lo+rows, and their gradients.
func (n *headLoss) chunk(t *Tape, lo, rows int) float64 {
	m, w, c := t.Mark(), n.w, n.hidden.Cols
	recording := t.recording
	t.recording = false
	if p, ok := n.loss.(Preparer); ok {
		p.Prepare(lo, rows)
	}
	h := Alloc[Value](t)
	*h = Value{Rows: rows, Cols: c, Data: n.hidden.Data[lo*c : (lo+rows)*c]}
	n.t, n.first, n.logits, n.graded = t, lo, MatMul(t, h, w), recording
	if cap(n.losses) < rows {
		n.losses = make([]float64, MaxHeadRows)
	}
	n.losses = n.losses[:rows]
	t.Pool.Run(n, rows)
	var sum float64
	for _, l := range n.losses {
		sum += l
	}
	if recording {
		dy := n.logits.dense()
		w.mulGrad(t, kernel.Dense(n.dh[lo*c:(lo+rows)*c], rows, c), dy, false)
		if w.Grad != nil {
			w.addGrad(t, dy, h.dense())
		}
	}
	t.ran(n, false) // before the next chunk's logits
	t.Release(m)
	t.recording = recording
	return sum
}

// Do computes the loss of one row, and the gradient of its logits.
func (n *headLoss) Do(worker, row int) {
	logits := n.logits.Row(row)
	if !n.graded {
		n.losses[row] = n.loss.Loss(n.first+row, logits, nil)
		return
	}
	grad := n.t.Scratch(worker, len(logits))
	clear(grad)
	n.losses[row] = n.loss.Loss(n.first+row, logits, grad)
	copy(logits, grad)
}

func (*headLoss) Op() string { return "head loss" }

func (n *headLoss) Backward(t *Tape) {
	if n.w.Grad != nil && n.y.Grad[0] != 1 {
		panic(fmt.Sprintf("op: the head's loss has the gradient %v, where that of weight %q was added for 1", n.y.Grad[0], n.w.Name))
	}
	dx, add := t.grad(n.hidden)
	addGrad(dx, n.dh, n.y.Grad[0], add)
}

// RowLosses is the sum of losses on the same rows.
type RowLosses []RowLoss

// Loss implements [RowLoss].
func (l RowLosses) Loss(row int, logits, grad []float32) float64 {
	var sum float64
	for _, x := range l {
		sum += x.Loss(row, logits, grad)
	}
	return sum
}

// Prepare implements [Preparer].
func (l RowLosses) Prepare(first, rows int) {
	for _, x := range l {
		if p, ok := x.(Preparer); ok {
			p.Prepare(first, rows)
		}
	}
}
