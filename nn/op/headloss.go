package op

import "limbeck/tensor/kernel"

// A RowLoss is a loss on the logits of one row. It returns its value, already
// weighted, and adds its gradient to grad unless that is nil. Rows are taken
// in parallel: an implementation must not write to memory that rows share.
type RowLoss interface {
	Loss(row int, logits, grad []float32) float64
}

// HeadLoss returns the sum over all rows of a loss on the logits hidden·wᵀ.
// Logits and their gradient exist for a few rows at a time: the gradients of
// hidden and w are computed in the forward pass, for a loss whose own gradient
// is one. On a recording tape w's gradient is therefore complete before
// [Tape.Backward], which HeadLoss's value must reach unscaled.
func HeadLoss(t *Tape, hidden *Value, w *Weight, loss RowLoss) *Value {
	n := Alloc[headLoss](t)
	*n = headLoss{hidden: hidden, loss: loss, y: t.Value(1, 1), losses: n.losses}
	n.y.Data[0] = 0
	if t.recording {
		n.dh = t.Floats(len(hidden.Data))
	}
	var sum float64
	for lo := 0; lo < hidden.Rows; lo += headRows {
		sum += n.chunk(t, w, lo, min(headRows, hidden.Rows-lo))
	}
	n.y.Data[0] = float32(sum)
	t.Record(n, n.y)
	return n.y
}

const headRows = 256 // logits of this many rows exist at once

type headLoss struct {
	hidden, y *Value
	loss      RowLoss
	dh        []float32 // gradient of hidden

	first        int // the chunk's first row
	logits, grad *Value
	losses       []float64
}

// chunk adds up the losses of rows lo to lo+rows, and their gradients.
func (n *headLoss) chunk(t *Tape, w *Weight, lo, rows int) float64 {
	m, c := t.Mark(), n.hidden.Cols
	recording := t.recording
	t.recording = false
	h := Alloc[Value](t)
	*h = Value{Rows: rows, Cols: c, Data: n.hidden.Data[lo*c : (lo+rows)*c]}
	n.first, n.logits, n.grad = lo, MatMul(t, h, w), nil
	if recording {
		n.grad = t.Value(rows, w.Rows)
	}
	if cap(n.losses) < rows {
		n.losses = make([]float64, headRows)
	}
	n.losses = n.losses[:rows]
	t.Pool.Run(n, rows)
	var sum float64
	for _, l := range n.losses {
		sum += l
	}
	if recording {
		dy := n.grad.dense()
		w.mulGrad(t, kernel.Dense(n.dh[lo*c:(lo+rows)*c], rows, c), dy, false)
		if w.Grad != nil {
			t.mul(kernel.Dense(w.Grad, w.Rows, w.Cols), dy.T(), h.dense(), true)
		}
	}
	t.Release(m)
	t.recording = recording
	return sum
}

// Do computes the loss of one row, and the gradient of its logits.
func (n *headLoss) Do(_, row int) {
	var grad []float32
	if n.grad != nil {
		grad = n.grad.Row(row)
		clear(grad)
	}
	n.losses[row] = n.loss.Loss(n.first+row, n.logits.Row(row), grad)
}

func (n *headLoss) Backward(t *Tape) {
	addGrad(t, n.hidden, n.dh, n.y.Grad[0])
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
