package train

import (
	"context"
	"errors"

	"limbeck/model/arch"
	"limbeck/nn/op"
)

// Assess returns how well m predicts set: the mean cross-entropy of the tokens
// that carry loss, in nats, and the share of sequences all of whose such tokens
// are the likeliest ones, which greedy generation would reproduce.
func Assess(ctx context.Context, t *op.Tape, m arch.Model, set []Sequence) (loss, exact float64, err error) {
	if len(set) == 0 {
		return 0, 0, errors.New("there is nothing to validate on")
	}
	var b Batch
	rows, right := 0, 0
	index := make([]int, len(set))
	for i := range index {
		index[i] = i
	}
	for _, run := range split(nil, set, index, sweepTokens) {
		if err := ctx.Err(); err != nil {
			return 0, 0, err
		}
		t.Reset()
		b.pack(set, run, 1, 1)
		a := &assessor{op.CrossEntropy{Targets: b.Targets, Weight: 1}, make([]bool, len(b.Rows))}
		loss += float64(m.Loss(t, m.Forward(t, b.Batch), nil, a).Data[0])
		hits := a.hits
		for _, i := range run {
			n, all := set[i].Targets(), true
			for _, hit := range hits[:n] {
				all = all && hit
			}
			if all {
				right++
			}
			hits, rows = hits[n:], rows+n
		}
	}
	return loss / float64(rows), float64(right) / float64(len(set)), nil
}

// An assessor is a cross-entropy that also notes at which rows the target is
// the likeliest token; of equal ones the lower id counts, as in sampling.
type assessor struct {
	op.CrossEntropy
	hits []bool
}

// Loss implements [op.RowLoss].
func (a *assessor) Loss(row int, logits, grad []float32) float64 {
	target := a.Targets[row]
	hit := true
	for i, x := range logits {
		if x > logits[target] || x == logits[target] && i < target {
			hit = false
			break
		}
	}
	a.hits[row] = hit
	return a.CrossEntropy.Loss(row, logits, grad)
}
