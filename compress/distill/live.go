package distill

import "limbeck/nn/op"

// live makes the targets of a batch's rows from the teacher's logits, for as
// many rows at once as the student has logits: neither model's exist for all
// rows, and the teacher's, whose vocabulary may be larger, for no more than
// [op.HeadRows]. It adds nothing to the loss.
type live struct {
	d      *Objective
	hidden *op.Value // the teacher's, of the batch
	rows   []int

	mark   op.Mark // of the teacher's memory, after its hidden states
	first  int
	logits *op.Value
}

// begin starts a batch, over which the teacher has run.
func (l *live) begin(rows []int) { l.rows, l.mark = rows, l.d.tape.Mark() }

// Prepare implements [op.Preparer].
func (l *live) Prepare(first, rows int) {
	d := l.d
	d.tape.Release(l.mark)
	for i := range rows {
		d.targets[first+i] = target{LogP: d.tape.Floats(d.student.Vocab)}
	}
	m, limit := d.tape.Mark(), op.HeadRows(d.teacher.Config().Vocab)
	for lo, end := first, first+rows; lo < end; lo += limit {
		hi := min(lo+limit, end)
		l.first, l.logits = lo, d.teacher.Head(d.tape, l.hidden, l.rows[lo:hi])
		d.tape.Pool.Run(l, hi-lo)
		d.tape.Release(m)
	}
}

// Do projects the logits of one row on the student's tokens.
func (l *live) Do(_, i int) {
	l.d.vocab.project(l.d.targets[l.first+i].LogP, l.logits.Row(i), l.d.o.Temperature, l.d.blocks.of(i))
}

// Loss implements [op.RowLoss].
func (l *live) Loss(int, []float32, []float32) float64 { return 0 }
